//! Whatever a client asks for, nothing outside of the folder is served, and inside of it the right
//! thing: random and mutated targets, against a folder with every kind of trap in it and bait
//! beside it.
//!
//! Each target goes the whole way, from the bytes of a head to the bytes of an answer, which hyper
//! reads. There the bait must not occur, whatever the answer; no redirect may lead to another
//! server; and what is served must be what a naive model says that the path means: the same file,
//! the same redirect, a listing, or nothing. The model shares no line with what it judges.
//!
//! `ONELOOP_PATHS=1000000 cargo test --release --test paths` asks a million times. No chance is
//! involved: a failure names its target, and comes again.
//! Read next: `paths/tree.rs` (the folder), `paths/targets.rs` (what is asked), `paths/model.rs`.

#[path = "sim/dice.rs"]
#[allow(dead_code, reason = "the simulation throws them in more ways")]
mod dice;
#[path = "connection/driver.rs"]
#[allow(dead_code, reason = "nobody leaves and nothing takes time here")]
mod driver;
mod harness;
#[path = "connection/read_back.rs"]
mod read_back;
#[path = "second_opinion/mod.rs"]
mod second_opinion;

#[path = "paths/model.rs"]
mod model;
#[path = "paths/targets.rs"]
mod targets;
#[path = "paths/tree.rs"]
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use memchr::memmem;
use oneloop::connection::Phase;
use oneloop::responders::{Hidden, Missing, Paths, Symlinks};
use oneloop::wire::request::{Found, Scan, parse};
use oneloop::{FileOptions, Files, Limits, Request, Responder};

use dice::Dice;
use driver::Driver;
use model::{Meant, Model};
use second_opinion::Answer;
use targets::Targets;
use tree::{BAIT, BAIT_NAME, HIDDEN_NAME, Tree};

/// How many targets are asked for on an ordinary run.
const ASKED: usize = 30_000;
/// How often a responder that says *later* is asked again. There is no disk to wait for here, as
/// jobs are done at once, and no answer takes more than a few.
const ASKED_AGAIN: usize = 8;
/// Redirects may turn out longer than what was asked for, and then not be sent. Targets below this
/// are far from that.
const FAR_FROM_TOO_LONG: usize = 2000;

/// A way to serve the folder, and what its answers are held against.
struct Served {
    what: String,
    files: Files,
    hidden: Hidden,
    model: Option<Model>,
}

impl Served {
    /// The folder, by every policy. The model knows what every path means.
    fn by_policy(tree: &Tree) -> Vec<Self> {
        let symlinks = [Symlinks::Deny, Symlinks::Inside, Symlinks::All];
        let policies = symlinks.map(|s| [(s, Hidden::Refused), (s, Hidden::Served)]);
        let served = policies.into_iter().flatten().map(|(symlinks, hidden)| {
            let mut options = FileOptions::default();
            (options.symlinks, options.hidden) = (symlinks, hidden);
            let root = tree.root(symlinks);
            let files = Files::with(root, options).expect("a folder");
            let model = Some(Model::new(root, symlinks, hidden));
            Self { what: format!("links {symlinks:?}, dotfiles {hidden:?}"), files, hidden, model }
        });
        served.collect()
    }

    /// With all that looks for files of other names than what was asked for. What a path means then
    /// is not modelled; that it never leads out is still checked.
    fn with_everything(tree: &Tree) -> Self {
        let mut options = FileOptions::default();
        options.index = ["default.html", "index.html"].map(String::from).into();
        (options.paths, options.missing) = (Paths::Clean, Missing::NearestPage);
        options.mount = "/sub/".into();
        let files = Files::with(tree.root(Symlinks::Inside), options).expect("a folder");
        Self { what: "everything".into(), files, hidden: Hidden::Refused, model: None }
    }
}

/// What came of all that was asked: there must be something of each, or the rest proves little.
type Tally = BTreeMap<&'static str, usize>;

/// Asks for a target and checks what comes back.
fn check(served: &mut Served, target: &[u8], fields: &str, method: &str) -> &'static str {
    let head = [method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: x\r\n", fields.as_bytes()];
    let head = [&head.concat()[..], b"\r\n"].concat();
    let files = &mut served.files;
    let responder = |request: &Request<'_>| files.respond(request);
    let mut driver = Driver::new(responder, Limits::default(), usize::MAX);
    driver.receive(&head);
    for _ in 0..ASKED_AGAIN {
        if matches!(driver.connection.phase(), Phase::Answering | Phase::Writing) {
            driver.wake();
        }
    }
    let answers = driver.read_back();
    assert!(!contains(&driver.socket.reached, BAIT), "the bait was taken");
    assert!(!contains(&driver.socket.reached, &tree::passwd()), "/etc/passwd was served");
    for answer in &answers {
        check_leads_nowhere_else(answer);
        assert!(!contains(&answer.body, BAIT_NAME), "the bait's name leaked");
        let leaks = served.hidden == Hidden::Refused && contains(&answer.body, HIDDEN_NAME);
        assert!(!leaks, "a hidden name leaked");
    }
    // What breaks the line makes requests of its own, which the model is not asked about.
    if target.iter().any(|byte| matches!(byte, b' ' | b'\r' | b'\n')) {
        return "torn";
    }
    let [answer] = &answers[..] else { panic!("{} answers to one request", answers.len()) };
    if !is_understood(&head) {
        assert!((400..500).contains(&answer.status), "{} to a bad head", answer.status);
        return "not understood";
    }
    match &served.model {
        Some(model) => check_meant(model, answer, target, method),
        None => "not modelled",
    }
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    memmem::find(bytes, what).is_some()
}

fn is_understood(head: &[u8]) -> bool {
    let mut scan = Scan::default();
    match scan.resume(head, &Limits::default()) {
        Ok(Found::Whole(len)) => parse(head, &scan, len).is_ok(),
        _ => false,
    }
}

/// No redirect to `//host/`, nor to what a browser takes for that.
fn check_leads_nowhere_else(answer: &Answer) {
    for location in answer.values("location") {
        let is_here = location.starts_with(b"/") && !matches!(location.get(1), Some(b'/' | b'\\'));
        assert!(is_here, "a redirect to {}", location.escape_ascii());
    }
}

/// The answer is that which the path means.
fn check_meant(model: &Model, answer: &Answer, target: &[u8], method: &str) -> &'static str {
    let meant = model.meant(target);
    match (answer.status, &meant) {
        (200, Meant::File(path)) => {
            let coding = answer.values("content-encoding").next();
            let expected = model.content(path, coding);
            assert!(expected.is_some(), "there is no {coding:?} of {path:?} to be served");
            let is_it = method == "HEAD" || Some(&answer.body) == expected.as_ref();
            assert!(is_it, "something else than {path:?}: {}", answer.body.escape_ascii());
            "file"
        }
        (200, Meant::Listing) => {
            let is_page = answer.values("content-type").any(|it| it.starts_with(b"text/html"));
            assert!(is_page, "a listing is a page: {answer:?}");
            "listing"
        }
        (301 | 302 | 307 | 308, Meant::Redirect { path, query }) => {
            let location = answer.values("location").next().expect("a redirect has a Location");
            let mut parts = location.splitn(2, |&byte| byte == b'?');
            assert_eq!(parts.next().map(model::decoded).as_ref(), Some(path));
            assert_eq!(parts.next(), *query, "a redirect keeps the query");
            "redirect"
        }
        (404, Meant::Nothing) => "nothing",
        (404, Meant::Redirect { .. }) if target.len() > FAR_FROM_TOO_LONG => "too long",
        (status, _) => panic!("{status}, where {meant:?} was meant"),
    }
}

/// Shows what was asked for when it has failed.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("served with {}, asked for b\"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

/// Fields that make a responder look for other files, or for a part of one.
const FIELDS: [&str; 6] = [
    "",
    "Accept-Encoding: gzip, br, zstd\r\n",
    "Accept-Encoding: gzip;q=0.5, identity;q=0\r\n",
    "Accept: application/json\r\nHost-: ../secret.txt\r\n",
    "X-Original-URL: /../secret.txt\r\nX-Rewrite-URL: /out\r\n",
    "Referer: http://x/../secret.txt\r\n",
];

fn ask(served: &mut Served, target: &[u8], dice: &mut Dice) -> &'static str {
    // That a page is wanted is the listing's own affair, and what is coded that of the siblings:
    // one field in four is enough.
    let fields = if dice.chance(250) { dice.one_of(&FIELDS[1..3]) } else { FIELDS[0] };
    let fields = if dice.chance(50) { dice.one_of(&FIELDS[4..]) } else { fields };
    let method = if dice.chance(100) { "HEAD" } else { "GET" };
    let what = format!("{}, {method}, {fields:?}", served.what);
    let shown = Shown(&what, target);
    check(served, shown.1, fields, method)
}

#[test]
fn nothing_outside_is_ever_served() {
    let asked = std::env::var("ONELOOP_PATHS").map_or(ASKED, |n| n.parse().expect("a number"));
    let tree = Tree::grown();
    let mut served = Served::by_policy(&tree);
    served.push(Served::with_everything(&tree));
    let targets = Targets::of(&tree);
    let mut tally = Tally::new();
    let mut dice = Dice::new(4);
    // First all as they are, by each policy; then changed.
    for target in targets.all() {
        for served in &mut served {
            *tally.entry(ask(served, target, &mut dice)).or_default() += 1;
        }
    }
    for round in 0..asked {
        let target = targets.mutated(&mut dice);
        let which = round % served.len();
        *tally.entry(ask(&mut served[which], &target, &mut dice)).or_default() += 1;
    }
    eprintln!("{tally:?}");
    for seen in ["file", "listing", "redirect", "nothing", "not understood"] {
        assert!(tally.get(seen) > Some(&(asked / 100)), "hardly any is `{seen}`: {tally:?}");
    }
}

/// A single file is served under two paths; all others are nothing, wherever they lead.
#[test]
fn beside_a_single_file_nothing_is_served() {
    let tree = Tree::grown();
    let file = tree.root(Symlinks::Inside).join("plain.txt");
    let content = std::fs::read(&file).expect("a file");
    let files = Files::new(&file).expect("a file");
    let what = "a single file".into();
    let mut served = Served { what, files, hidden: Hidden::Refused, model: None };
    let targets = Targets::of(&tree);
    let mut dice = Dice::new(5);
    for round in 0..ASKED / 10 {
        let target = match targets.all().get(round) {
            Some(target) => target.clone(),
            None => targets.mutated(&mut dice),
        };
        ask(&mut served, &target, &mut dice);
        let (shown, files) = (Shown("a single file", &target), &mut served.files);
        let mut driver =
            Driver::new(|r: &Request<'_>| files.respond(r), Limits::default(), usize::MAX);
        driver.receive(&[b"GET ", shown.1, b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat());
        for answer in driver.read_back().iter().filter(|answer| answer.status == 200) {
            assert_eq!(answer.body, content);
        }
    }
}

/// An eye that never sees anything proves nothing.
#[test]
fn the_model_knows_what_paths_mean() {
    let tree = Tree::grown();
    let root = tree.root(Symlinks::Inside);
    let model = Model::new(root, Symlinks::Inside, Hidden::Refused);
    let file = |path: &str| Meant::File(root.join(path));
    for (target, meant) in [
        ("/plain.txt", file("plain.txt")),
        ("http://x:80/sub/./deep/../nested.txt?q", file("sub/nested.txt")),
        ("/%70lain%2Etxt", file("plain.txt")),
        ("/sub/%2e%2E/plain.txt", file("plain.txt")),
        ("/sub%2Fnested.txt", Meant::Nothing),
        ("/%252e%252e", file("%2e%2e")),
        ("/plain.txt/", Meant::Nothing),
        ("/to-sub/up", file("plain.txt")),
        ("/seen", file(".env")),
        ("/.env", Meant::Nothing),
        ("/out", Meant::Nothing),
        ("/absolute", Meant::Nothing),
        ("/", Meant::Listing),
        ("/with-index/x/..", file("with-index/index.html")),
        ("/index-leads-out/", Meant::Listing),
        ("/sub", Meant::Redirect { path: b"/sub/".to_vec(), query: None }),
        ("//sub?//x", Meant::Redirect { path: b"/sub".to_vec(), query: Some(b"//x") }),
        ("/sub//", Meant::Redirect { path: b"/sub/".to_vec(), query: None }),
    ] {
        assert_eq!(model.meant(target.as_bytes()), meant, "{target}");
    }
    assert!(Path::new(root).parent().is_some_and(|outer| outer.join("secret.txt").exists()));
}
