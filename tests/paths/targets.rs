//! What is asked for: the nasties of the well-known lists, every path that is there, the bait by
//! all its names, and what comes of them when dots, slashes and all else are written differently.

use crate::dice::Dice;
use crate::tree::Tree;

/// Written by hand, and after the lists that such attacks are made from.
const NASTY: &[&str] = &[
    "/",
    "//",
    "/.",
    "/..",
    "/../",
    "/./",
    "*",
    "",
    "?",
    "/?",
    "/?/../secret.txt",
    "/#/../secret.txt",
    "/../secret.txt",
    "/../../secret.txt",
    "/../../../../../../../../etc/passwd",
    "/./../secret.txt",
    "/sub/../../secret.txt",
    "/sub/deep/../../../secret.txt",
    "/sub/./.././../secret.txt",
    "/sub//../../secret.txt",
    "//../secret.txt",
    "///../secret.txt",
    "/....//secret.txt",
    "/....//....//secret.txt",
    "/...//secret.txt",
    "/..../secret.txt",
    "/.../secret.txt",
    "/..././secret.txt",
    "/../root-of-another/index.html",
    "/../root/plain.txt",
    "-of-another/index.html",
    "/-of-another/index.html",
    "../secret.txt",
    "..",
    "secret.txt",
    "etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "///etc/passwd",
    "/%2e%2e/secret.txt",
    "/%2E%2E/secret.txt",
    "/%2e./secret.txt",
    "/.%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/..%2Fsecret.txt",
    "/%2e%2e%5csecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "\\..\\secret.txt",
    "/\\../secret.txt",
    "/%5c../secret.txt",
    "/sub/..%2f..%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/sub/%2e%2e/%2e%2e/secret.txt",
    "/%252e%252e/secret.txt",
    "/%252e%252e%252fsecret.txt",
    "/..%252fsecret.txt",
    "/%25252e%25252e%25252fsecret.txt",
    "/%%32%65%%32%65/secret.txt",
    "/%32%65%32%65/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%c0%ae%c0%ae%c0%afsecret.txt",
    "/..%c0%afsecret.txt",
    "/..%c1%9csecret.txt",
    "/..%c0%2fsecret.txt",
    "/..%c0%9vsecret.txt",
    "/%e0%80%ae%e0%80%ae/secret.txt",
    "/..%e0%80%afsecret.txt",
    "/%f0%80%80%ae%f0%80%80%ae/secret.txt",
    "/%fc%80%80%80%80%ae/secret.txt",
    "/..%ef%bc%8fsecret.txt",
    "/%ef%bc%8e%ef%bc%8e/secret.txt",
    "/%e2%80%a5/secret.txt",
    "/..%e2%88%95secret.txt",
    "/..%e2%81%84secret.txt",
    "/%u002e%u002e/secret.txt",
    "/..%u2215secret.txt",
    "/..%u2216secret.txt",
    "/%uff0e%uff0e%u2215secret.txt",
    "/0x2e0x2e/secret.txt",
    "/0x2e0x2e0x2fsecret.txt",
    "/..;/secret.txt",
    "/..;a=b/secret.txt",
    "/;/../secret.txt",
    "/;../secret.txt",
    "/.;/secret.txt",
    "/sub;/../../secret.txt",
    "/sub;a=b/nested.txt",
    "/..%3b/secret.txt",
    "/..%00/secret.txt",
    "/..%0d/secret.txt",
    "/..%09/secret.txt",
    "/..%20/secret.txt",
    "/.. /secret.txt",
    "/..%01/secret.txt",
    "/plain.txt%00",
    "/plain.txt%00.html",
    "/../secret.txt%00.html",
    "/plain.txt%20",
    "/plain.txt%2e",
    "/plain.txt.",
    "/plain.txt::$DATA",
    "/plain.txt/",
    "/plain.txt/.",
    "/plain.txt/..",
    "/plain.txt/../secret",
    "/plain.txt//",
    "/PLAIN.TXT",
    "/plain.txt~",
    "/.%00./secret.txt",
    "/.\u{0}./secret.txt",
    "/..\u{2215}secret.txt",
    "/\u{2025}/secret.txt",
    "/\u{ff0e}\u{ff0e}\u{ff0f}secret.txt",
    "/c:/secret.txt",
    "/c:\\secret.txt",
    "/C|/secret.txt",
    "/file:///etc/passwd",
    "file:///etc/passwd",
    "http://x/../secret.txt",
    "http://x/..%2fsecret.txt",
    "http://x/%2e%2e/%2e%2e/secret.txt",
    "http://x",
    "http://x/",
    "http://x//",
    "http://x?",
    "http://x?/../secret.txt",
    "http://x/sub",
    "http://x//evil.example",
    "http://evil.example/evil.example",
    "http://evil.example:80/sub?q",
    "http://user@x/sub",
    "http://[::1]/sub",
    "http:///../secret.txt",
    "http:/../secret.txt",
    "http:../secret.txt",
    "HTTP://X/plain.txt",
    "https://x/plain.txt",
    "ftp://x/plain.txt",
    "//evil.example",
    "//evil.example/",
    "//evil.example/..",
    "//evil.example/%2e%2e",
    "//evil.example/inner",
    "//evil.example//inner",
    "///evil.example",
    "////evil.example",
    "/./evil.example",
    "/.//evil.example",
    "/sub/..//evil.example",
    "/sub/../evil.example",
    "//sub/..//evil.example",
    "//sub/../www.evil.example",
    "/%2f/evil.example",
    "/%2fevil.example",
    "/%2f%2fevil.example",
    "/\\evil.example",
    "/%5cevil.example",
    "/%09/evil.example",
    "/%0d%0aLocation:%20http://evil.example",
    "//evil.example@x/sub",
    "//evil.example:80/sub",
    "/sub?//evil.example",
    "/sub?a=b&c=http://evil.example/",
    "/sub??",
    "/sub?#",
    "/sub\\",
    "/sub%5c",
    "/sub//",
    "/sub/.",
    "/sub/deep/..",
    "/sub/deep/.",
    "/empty",
    "/empty/",
    "/with-index",
    "/with-index/",
    "/with-index/index.html/",
    "/with-index/./",
    "/index-leads-out",
    "/index-leads-out/",
    "/index-leads-out/index.html",
    "/index-leads-in/",
    "/index-is-folder/",
    "/index-is-folder/index.html",
    "/page",
    "/clean",
    "/clean.html",
    "/default.html",
    "/404.html",
    "/sub/404.html",
    "/sub/missing",
    "/sub/sub/out",
    "/sub/out-folder/secret.txt",
    "/out-folder/",
    "/out-folder/secret.txt",
    "/out-folder/root/plain.txt",
    "/out-folder/root-of-another/",
    "/out-to-another/",
    "/out-to-another/index.html",
    "/out-folder/file.txt",
    "/out-folder/folder",
    "/sub/out-folder/file.txt",
    "/absolute-folder/nested.txt",
    "/absolute-folder/up",
    "/absolute-folder/to-parent/plain.txt",
    "/slash/etc/passwd",
    "/slash/",
    "/to-proc/etc/passwd",
    "/to-proc-cwd/Cargo.toml",
    "/proc/self/root/etc/passwd",
    "/proc/self/environ",
    "/to-root/to-root/to-root/sub/out",
    "/to-root/out",
    "/to-sub/out",
    "/to-sub/to-parent/out",
    "/to-sub/to-parent/to-deep/deepest.txt",
    "/seen/",
    "/seen-folder/config",
    "/seen-folder/",
    "/.git/config",
    "/.git/",
    "/.git",
    "/%2egit/config",
    "/.GIT/config",
    "/sub/../.git/config",
    "/.git%2fconfig",
    "/.well-known/",
    "/.well-known/../.env",
    "/.well-known/.never-listed",
    "/.well-known/%2e%2e/%2eenv",
    "/.env",
    "/.env/",
    "/.env%20",
    "/./.env",
    "//.env",
    "/%2Eenv",
    "/.never-listed/",
    "/.never-listed/deep/",
    "/a%20b.txt",
    "/a+b.txt",
    "/a b.txt",
    "/100%25.txt",
    "/100%.txt",
    "/%2525",
    "/%",
    "/%2",
    "/%zz",
    "/%2g",
    "/%-1",
    "/%%",
    "/~",
    "/~root/",
    "/~/",
    "/*",
    "/$HOME",
    "/${IFS}",
    "/`id`",
    "/|id",
    "/<script>",
    "/'",
    "/\"",
];

/// Dots as somebody might write them.
const DOTS: &[&str] = &[
    ".",
    "%2e",
    "%2E",
    "%252e",
    "%25252e",
    "%c0%ae",
    "%C0%2E",
    "%e0%80%ae",
    "%f0%80%80%ae",
    "%ef%bc%8e",
    "%u002e",
    "%uff0e",
    "0x2e",
    "..",
    "...",
    ".;",
    ".%00",
    ".%20",
    "%2e%2e",
];

/// Slashes likewise.
const SLASHES: &[&str] = &[
    "/",
    "//",
    "///",
    "/./",
    "%2f",
    "%2F",
    "%252f",
    "%252F",
    "%5c",
    "%5C",
    "\\",
    "%255c",
    "%c0%af",
    "%c1%9c",
    "%e0%80%af",
    "%ef%bc%8f",
    "%e2%88%95",
    "%u2215",
    "0x2f",
    ";/",
    "/;",
    "/;a=b/",
    "/%20/",
    "/.%2f",
    "/sub/../",
    "/%2e/",
];

/// What is put in anywhere.
const WORDS: &[&str] = &[
    "..",
    "../",
    "/..",
    "/../",
    "%2e%2e/",
    "..%2f",
    "..;/",
    "./",
    "/.",
    ".",
    "%00",
    "%0a",
    "%0d%0a",
    "%20",
    "%25",
    "%",
    "%2",
    "?",
    "?q=1",
    "#",
    "#f",
    ";",
    ";a=b",
    "&",
    "=",
    "@",
    ":",
    ":80",
    "~",
    "*",
    "\\",
    "\0",
    "\r\n",
    "\n",
    " ",
    "\t",
    "\u{7f}",
    "\u{e9}",
    "http://x",
    "http://",
    "//",
    "//x",
    "evil.example",
    "secret.txt",
    "root",
    "root-of-another",
    "-of-another",
    "etc/passwd",
    "sub",
    "sub/",
    "deep/",
    "to-sub/",
    "to-root/",
    "to-parent/",
    "out",
    "out-folder/",
    "index.html",
    ".html",
    ".gz",
    ".git",
    ".env",
    ".well-known/",
    "plain.txt",
    "nested.txt",
    "%ff",
    "%c3%bc",
    "a%20b.txt",
];

/// The targets that all others are made of.
pub(crate) struct Targets {
    all: Vec<Vec<u8>>,
    /// Paths that are there, as links.
    there: Vec<Vec<u8>>,
    bait: Vec<String>,
}

impl Targets {
    pub(crate) fn of(tree: &Tree) -> Self {
        let mut there = Vec::new();
        for path in tree.paths() {
            let link = encoded(&path);
            there.push([&link[..], b"/"].concat());
            there.push(link);
        }
        let bait = tree.bait();
        let mut all: Vec<Vec<u8>> = NASTY.iter().map(|nasty| nasty.as_bytes().to_vec()).collect();
        all.extend_from_slice(&there);
        for bait in &bait {
            for before in
                ["", "/", "//", "/slash", "/to-proc", "/..", "/sub/../../..", "/%2f", "/./"]
            {
                all.push(format!("{before}{bait}").into());
            }
            for climbed in 1..20 {
                all.push(format!("{}{bait}", "/..".repeat(climbed)).into());
                all.push(format!("/sub{}{bait}", "/%2e%2e".repeat(climbed)).into());
            }
        }
        all.push([b"/", &b"a".repeat(256)[..]].concat());
        all.push([b"/", &b"a/".repeat(3000)[..]].concat());
        all.push([&b"/to-root".repeat(41)[..], b"/plain.txt"].concat());
        all.push([&b"/to-root".repeat(40)[..], b"/plain.txt"].concat());
        all.push([&b"/sub/..".repeat(1000)[..], b"/sub"].concat());
        Self { all, there, bait }
    }

    /// Those that are made by no change.
    pub(crate) fn all(&self) -> &[Vec<u8>] {
        &self.all
    }

    /// One of them, changed a few times.
    pub(crate) fn mutated(&self, dice: &mut Dice) -> Vec<u8> {
        // Half begins with what is there, so that enough is found.
        let from = if dice.chance(500) { &self.there } else { &self.all };
        let mut target = from[dice.below(from.len())].clone();
        for _ in 0..dice.below(5) {
            self.change(&mut target, dice);
        }
        target
    }

    fn change(&self, target: &mut Vec<u8>, dice: &mut Dice) {
        let at = dice.below(target.len() + 1);
        match dice.below(12) {
            0 => respell(target, b'.', DOTS, dice),
            1 => respell(target, b'/', SLASHES, dice),
            2 | 3 => insert(target, at, dice.one_of(WORDS).as_bytes()),
            4 => insert(
                target,
                0,
                dice.one_of(&["/", "/.", "/..", "/sub/..", "http://x"]).as_bytes(),
            ),
            5 => {
                let ends = ["/", "/.", "/..", "?", "?a", ";", "%20", ".", "%2f", "%00", ".gz"];
                target.extend_from_slice(dice.one_of(&ends).as_bytes());
            }
            6 if at < target.len() => {
                let octet = target[at];
                let written = match dice.below(3) {
                    0 => format!("%{octet:02x}"),
                    1 => format!("%{octet:02X}"),
                    _ => format!("%25{octet:02x}"),
                };
                drop(target.splice(at..=at, written.bytes()));
            }
            7 if at < target.len() => target[at] ^= 1 << dice.below(8),
            8 if at < target.len() => target[at] = dice.within(0x21..=0x7E) as u8,
            9 => {
                let end = (at + dice.below(12)).min(target.len());
                drop(target.drain(at..end));
            }
            10 => {
                // The beginning of this one and the end of another, which may be where the bait is.
                let bait = self.bait[dice.below(self.bait.len())].as_bytes();
                let other = &self.all[dice.below(self.all.len())];
                target.truncate(at);
                target.extend_from_slice(if dice.chance(200) { bait } else { other });
            }
            _ => target.make_ascii_uppercase(),
        }
    }
}

/// A path as a link, whose every octet that could be read in another way is encoded.
fn encoded(path: &[u8]) -> Vec<u8> {
    let mut link = vec![b'/'];
    for &byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => link.push(byte),
            _ => link.extend(format!("%{byte:02X}").bytes()),
        }
    }
    link
}

/// Writes one octet, here and there or everywhere, in another way.
fn respell(target: &mut Vec<u8>, what: u8, ways: &[&str], dice: &mut Dice) {
    let way = dice.one_of(ways).as_bytes();
    let per_mille = dice.one_of(&[1000, 300]);
    let mut respelled = Vec::with_capacity(target.len());
    for &byte in target.iter() {
        if byte == what && dice.chance(per_mille) {
            respelled.extend_from_slice(way);
        } else {
            respelled.push(byte);
        }
    }
    *target = respelled;
}

fn insert(target: &mut Vec<u8>, at: usize, word: &[u8]) {
    drop(target.splice(at..at, word.iter().copied()));
}
