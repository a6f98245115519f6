//! The program as its users meet it: what it says, on which stream, how it answers, how it ends.
//!
//! Each test starts the real binary on a port of its own choosing and learns it from the start
//! line. Nothing here sleeps for a fixed time. Whatever happens, no process is left.

#![allow(clippy::unwrap_used, reason = "a step that fails ends its test, in the helpers as well")]

mod harness;

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use harness::*;

// what it answers

#[test]
fn respond_gives_every_request_the_same_answer() {
    let program = Program::start(&["respond", "wazzzzap", "-p", "0"]);
    let port = program.port("answering 200 with 8 bytes");
    check_body(port, "/", "wazzzzap");
    check_body(port, "/any/where?at=all", "wazzzzap");
    let (head, body) = ask(connect(port), "DELETE", "/");
    assert_eq!(body, b"wazzzzap");
    assert!(head.contains("\r\nContent-Length: 8\r\n"), "{head}");
    assert!(
        head.to_lowercase().contains("\r\ncontent-type: text/plain; charset=utf-8\r\n"),
        "{head}"
    );
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.out.is_empty() && ended.err.is_empty(), "{:?} {:?}", ended.out, ended.err);
}

#[test]
fn respond_takes_status_fields_and_type() {
    let args = [
        "-p0",
        "respond",
        "-s",
        "404",
        "-H",
        "X-One: 1",
        "-H",
        "Set-Cookie: a=b",
        "-H",
        "Set-Cookie: c=d",
        "--content-type",
        "text/css",
        "gone",
    ];
    let program = Program::start(&args);
    let (head, body) = get(program.port("answering 404 with 4 bytes"), "/");
    let head = head.to_lowercase();
    for line in [
        "http/1.1 404 not found",
        "x-one: 1",
        "set-cookie: a=b",
        "set-cookie: c=d",
        "content-type: text/css",
    ] {
        assert!(head.lines().any(|l| l == line), "{head} without {line}");
    }
    assert_eq!(body, b"gone");
}

#[test]
fn a_content_type_given_as_a_field_wins() {
    let program = Program::start(&["-p0", "respond", "{}", "-H", "Content-Type: application/json"]);
    let (head, _) = get(program.port("answering 200 with 2 bytes"), "/");
    let head = head.to_lowercase();
    assert_eq!(head.matches("content-type:").count(), 1, "{head}");
    assert!(head.contains("content-type: application/json\r\n"), "{head}");
}

#[test]
fn respond_takes_its_body_from_a_file_or_has_none() {
    let folder = Scratch::new("body");
    let file = folder.with("body", b"\0\xFFfrom a file".repeat(10_000));
    let program = Program::start(&["respond", "--body-file", text(&file), "-p0"]);
    let (_, body) = get(program.port("answering 200 with 130000 bytes"), "/");
    assert_eq!(body, fs::read(&file).unwrap());

    let program = Program::start(&["respond", "-s", "204", "-p0"]);
    let (head, body) = get(program.port("answering 204 with 0 bytes"), "/");
    assert!(head.starts_with("HTTP/1.1 204 No Content\r\n"), "{head}");
    assert!(body.is_empty() && !head.to_lowercase().contains("content-"), "{head}");

    let program = Program::start(&["respond", "1", "-p0"]);
    program.port("answering 200 with 1 byte");
}

#[test]
fn options_stand_before_or_after_respond() {
    for args in [
        ["-p", "0", "--max-headers", "1", "respond", "x"],
        ["respond", "-p", "0", "--max-headers", "1", "x"],
        ["respond", "x", "-p", "0", "--max-headers", "1"],
    ] {
        let program = Program::start(&args);
        let port = program.port("answering 200 with 1 byte");
        let (head, _) = get(port, "/");
        assert!(head.starts_with("HTTP/1.1 431 "), "two fields are one too many: {head}");
    }
}

#[test]
fn a_folder_is_served() {
    let folder = Scratch::new("folder");
    folder.with("index.html", "<p>front");
    folder.with("a b.txt", "spaced");
    let program = Program::start(&[text(&folder.0), "-p0"]);
    let port = program.port(&format!("serving {}", text(&folder.0)));
    check_body(port, "/", "<p>front");
    check_body(port, "/a%20b.txt", "spaced");
    assert!(get(port, "/none").0.starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_current_folder_is_served_by_default() {
    let folder = Scratch::new("current");
    folder.with("here.txt", "here");
    let program = Program::spawn(oneloop(&["-p0"]).current_dir(&folder.0).stdout(Stdio::piped()));
    check_body(program.port("serving ."), "/here.txt", "here");
}

#[test]
fn a_single_file_is_served() {
    let folder = Scratch::new("single");
    let file = folder.with("page.html", "<p>one");
    folder.with("other.html", "<p>two");
    let program = Program::start(&[text(&file), "-p0"]);
    let port = program.port(&format!("serving {}", text(&file)));
    check_body(port, "/", "<p>one");
    assert!(!get(port, "/other.html").1.ends_with(b"<p>two"));
}

#[test]
fn folders_and_files_are_served_at_paths_of_their_own() {
    let folder = Scratch::new("mounts");
    folder.with("site/a.txt", "of the site");
    folder.with("man ual/a.txt", "of the manual");
    let [site, manual] = ["site", "man ual"].map(|name| text(&folder.at(name)).to_owned());
    let mount = format!("/docs/v 1={manual}");
    let program = Program::start(&[&site, "--mount", &mount, "-p0", "--cors", "-H", "X-A: 1"]);
    let port = program.port(&format!("serving {site}, {manual} at /docs/v%201/"));
    check_body(port, "/a.txt", "of the site");
    let (head, _) = get(port, "/docs/v%201?q");
    let head = head.to_lowercase();
    for line in ["location: /docs/v%201/?q", "access-control-allow-origin: *", "x-a: 1"] {
        assert!(head.lines().any(|l| l == line), "{head} without {line}");
    }
    assert!(head.starts_with("http/1.1 301 "), "{head}");

    let program = Program::start(&["--mount", &mount, "-p0"]);
    let port = program.port(&format!("serving {manual} at /docs/v%201/"));
    assert!(get(port, "/a.txt").0.starts_with("HTTP/1.1 404 "), "nothing is at the root");
}

#[test]
fn a_site_without_its_page_for_spa_is_warned_of_and_served() {
    let folder = Scratch::new("no-page");
    folder.with("a.txt", "here");
    let program = Program::start(&[text(&folder.0), "--spa", "-p0"]);
    let warning = program.complained();
    assert!(warning.starts_with("oneloop: warning: there is no index.html in "), "{warning}");
    check_body(program.port(&format!("serving {}", text(&folder.0))), "/a.txt", "here");

    folder.with("app.html", "<p>app");
    let args = [text(&folder.0), "--spa", "--index", "app.html", "-p0"];
    let program = Program::start(&args);
    program.port(&format!("serving {}", text(&folder.0)));
    let ended = program.stop();
    assert!(ended.err.is_empty(), "{:?}", ended.err);
}

#[cfg(target_os = "linux")]
#[test]
fn in_the_sandbox_all_goes_on_as_before() {
    let folder = Scratch::new("sandbox");
    folder.with("site/sub/a.txt", "one");
    folder.with("manual/a.txt", "two");
    let (site, manual) = (folder.at("site"), folder.at("manual"));
    let (mount, socket) = (format!("/docs={}", text(&manual)), folder.at("s"));
    let (bind, log) = (format!("unix:{}", text(&socket)), folder.at("log"));
    let log_option = format!("--access-log={}", text(&log));
    let program =
        Program::start(&[text(&site), "--mount", &mount, "--sandbox", "-b", &bind, &log_option]);
    program.said();
    assert_eq!(ask(connect_unix(&socket), "GET", "/sub/a.txt").1, b"one");
    folder.with("site/later.txt", "later");
    assert_eq!(ask(connect_unix(&socket), "GET", "/later.txt").1, b"later");
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(!socket.exists(), "its file is removed");
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 2);
    assert!(ended.err.iter().all(|line| line.contains("this kernel")), "{:?}", ended.err);
}

/// A single file may be a link, and is followed wherever it leads: a way out, without a sandbox.
#[cfg(target_os = "linux")]
#[test]
fn in_the_sandbox_nothing_else_can_be_read() {
    use std::os::unix::fs::symlink;

    for (options, is_confined) in [(&[][..], false), (&["--sandbox"], true)] {
        let folder = Scratch::new("way-out");
        let (file, secret) = (folder.with("a/file", "file"), folder.with("b/secret", "secret"));
        let (link, other) = (folder.at("c/link"), folder.at("c/other"));
        fs::create_dir(folder.at("c")).unwrap();
        symlink(file, &link).unwrap();
        // Nothing is kept, so that the file is opened anew.
        let args = [text(&link), "-p0", "--cache-bytes=0", "--cache-files=0"];
        let program = Program::start(&[&args, options].concat());
        let port = program.port(&format!("serving {}", text(&link)));
        check_body(port, "/", "file");
        symlink(secret, &other).unwrap();
        fs::rename(other, &link).unwrap();
        let (head, body) = get(port, "/");
        let ended = program.stop();
        if ended.err.iter().any(|line| line.contains("no Landlock")) {
            eprintln!("not tested: {:?}", ended.err);
            return;
        }
        assert_eq!(body != b"secret", is_confined, "{options:?}: {head}");
        assert_eq!(head.starts_with("HTTP/1.1 4"), is_confined, "{options:?}: {head}");
    }
}

/// Without being asked, where the kernel can and nothing that is served would be out of reach. Who
/// is confined can gain no privileges either, and that the kernel tells.
#[cfg(target_os = "linux")]
#[test]
fn the_sandbox_is_on_by_itself_where_it_can_be() {
    use std::os::unix::fs::symlink;

    let folder = Scratch::new("by-itself");
    let file = folder.with("file", "file");
    let link = folder.at("link");
    symlink(&file, &link).unwrap();
    let is_confined = |args: &[&str]| {
        let program = Program::start(&[args, &["-p0"]].concat());
        program.said();
        let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
        let can_here = !program.stop().err.iter().any(|line| line.contains("no Landlock"));
        (can_here, status.lines().any(|line| line == "NoNewPrivs:\t1"))
    };
    let (can_here, _) = is_confined(&[text(&file), "--sandbox=on"]);
    for (path, options, expected) in [
        (&folder.0, &[][..], true),
        (&folder.0, &["--sandbox=auto"], true),
        (&folder.0, &["--sandbox=off"], false),
        (&folder.0, &["--symlinks=all"], false),
        (&file, &[], true),
        (&link, &[], false),
    ] {
        let (_, confined) = is_confined(&[&[text(path)], options].concat());
        assert_eq!(confined, expected && can_here, "{path:?} {options:?}");
    }
}

/// A descriptor that is kept for the next who asks is given to who asks now.
#[cfg(target_os = "linux")]
#[test]
fn files_that_are_kept_open_make_room_for_others() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    const FILES: usize = 20;
    const LONG: usize = 300_000;
    let folder = Scratch::new("many-open");
    for number in 0..FILES {
        folder.with(&number.to_string(), number.to_string().repeat(LONG));
    }
    let program = Program::start(&[text(&folder.0), "-p0", "--cache-files=8"]);
    let mut client = connect(program.port(&format!("serving {}", text(&folder.0))));
    let mut check_all = || {
        for number in 0..FILES {
            write!(client, "GET /{number} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
            let head = until(&mut client, b"\r\n\r\n");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{number}: {head}");
            let mut content = vec![0; number.to_string().len() * LONG];
            client.read_exact(&mut content).unwrap();
            assert_eq!(content, number.to_string().repeat(LONG).as_bytes());
        }
    };
    check_all();
    let pid = program.child.id();
    let opened = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let numbers = opened().map(|entry| text(&entry.unwrap().path()).to_owned());
    let highest = numbers.filter_map(|path| path.rsplit('/').next()?.parse::<u64>().ok()).max();
    let kept = opened().filter(|entry| {
        let leads_to = fs::read_link(entry.as_ref().unwrap().path());
        leads_to.is_ok_and(|path| path.parent() == Some(&folder.0))
    });
    assert_eq!(kept.count(), 8);
    // From now on there is one to spare at most, and a file needs two: its own, and one to look
    // what lies beside it.
    let limit = highest.map(|highest| highest + 1);
    let limit = Rlimit { current: limit, maximum: limit };
    prlimit(Some(Pid::from_child(&program.child)), Resource::Nofile, limit).unwrap();
    check_all();
    let ended = program.stop();
    assert!(ended.err.is_empty(), "{:?}", ended.err);
}

/// What the cache takes of the machine is what it was given, and not only what it counts. Most of a
/// short file's place goes to what is known of it.
#[cfg(target_os = "linux")]
#[test]
fn the_cache_takes_the_memory_that_it_was_given() {
    const FILES: usize = 4000;
    const KIBIBYTES: u64 = 4 * 1024;
    let folder = Scratch::new("budget");
    for number in 0..FILES {
        folder.with(&number.to_string(), "");
    }
    let option = format!("--cache-bytes={KIBIBYTES}KiB");
    let program = Program::start(&[text(&folder.0), "-p0", &option]);
    let mut client = connect(program.port(&format!("serving {}", text(&folder.0))));
    let mut ask = |number: usize| {
        let request = format!("HEAD /{number} HTTP/1.1\r\nHost: test\r\n\r\n");
        client.write_all(request.as_bytes()).unwrap();
        let head = until(&mut client, b"\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{number}: {head}");
    };
    let own_memory = || {
        let path = format!("/proc/{}/status", program.child.id());
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    ask(0);
    let before = own_memory();
    (0..FILES).for_each(&mut ask);
    let taken = own_memory() - before;
    // A little more, for an allocator that is less thrifty.
    let expected = KIBIBYTES / 2..=KIBIBYTES * 9 / 8;
    assert!(expected.contains(&taken), "{taken} KiB of {KIBIBYTES} KiB");
}

// where it listens

#[test]
fn several_binds_share_a_free_port() {
    let program = Program::start(&["respond", "x", "-p0", "-b", "127.0.0.1", "-b", "127.0.0.2"]);
    let line = program.said();
    let places = line.strip_prefix("oneloop: answering 200 with 1 byte on ").unwrap();
    let ports: Vec<u16> = places
        .split(", ")
        .zip(["http://127.0.0.1:", "http://127.0.0.2:"])
        .map(|(place, start)| {
            place.strip_prefix(start).unwrap().trim_end_matches('/').parse().unwrap()
        })
        .collect();
    assert!(ports.len() == 2 && ports[0] == ports[1] && ports[0] != 0, "{line}");
    for ip in ["127.0.0.1", "127.0.0.2"] {
        let stream = patient(TcpStream::connect((ip, ports[0])).unwrap());
        assert_eq!(ask(stream, "GET", "/").1, b"x", "{ip}");
    }
}

#[test]
fn all_of_ipv6_takes_ipv4_too() {
    if let Err(error) = std::net::TcpListener::bind("[::1]:0") {
        eprintln!("not tested: this machine has no IPv6 ({error})");
        return;
    }
    let program = Program::start(&["respond", "x", "-p0", "-b", "[::]"]);
    let line = program.said();
    let port = line.strip_prefix("oneloop: answering 200 with 1 byte on http://[::]:").unwrap();
    let port = port.trim_end_matches('/').parse().unwrap();
    check_body(port, "/", "x");
    let stream = patient(TcpStream::connect(("::1", port)).unwrap());
    assert_eq!(ask(stream, "GET", "/").1, b"x");
}

#[test]
fn a_host_name_stands_for_its_addresses() {
    let program = Program::start(&["respond", "x", "-p0", "-b", "localhost"]);
    let line = program.said();
    let place = line.split(" on ").nth(1).unwrap().split(", ").next().unwrap();
    let address = place.strip_prefix("http://").unwrap().trim_end_matches('/');
    assert_eq!(ask(patient(TcpStream::connect(address).unwrap()), "GET", "/").1, b"x");
}

#[test]
fn a_unix_socket_is_made_and_removed() {
    let folder = Scratch::new("unix");
    let (path, log) = (folder.at("s"), folder.at("log"));
    let bind = format!("unix:{}", text(&path));
    let log_option = format!("--access-log={}", text(&log));
    let program = Program::start(&["respond", "x", "-b", &bind, &log_option]);
    assert_eq!(program.said(), format!("oneloop: answering 200 with 1 byte on {bind}"));
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");

    check_fails(&mut oneloop(&["respond", "-b", &bind]), 1, &[&bind, "in use", "another path"]);
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x", "the first one is unharmed");

    assert_eq!(program.stop().status.code(), Some(0));
    assert!(!path.exists());
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.lines().all(|line| line.starts_with("- - - [")) && log.lines().count() == 2,
        "{log}"
    );
}

#[test]
fn a_stale_unix_socket_is_replaced_and_anything_else_is_not() {
    let folder = Scratch::new("stale");
    let path = folder.at("s");
    let bind = format!("unix:{}", text(&path));
    drop(UnixListener::bind(&path).unwrap());
    let program = Program::start(&["respond", "x", "-b", &bind]);
    program.said();
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
    program.stop();

    folder.with("s", "precious");
    check_fails(&mut oneloop(&["respond", "-b", &bind]), 1, &[text(&path), "is no socket"]);
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

// several workers

#[test]
fn several_workers_answer_at_one_port() {
    let folder = Scratch::new("workers");
    folder.with("a.txt", "one");
    folder.with("sub/b.txt", "two");
    let mount = format!("--mount=/m={}", text(&folder.at("sub")));
    for (mount, target) in [(None, "/sub/b.txt"), (Some(mount.as_str()), "/m/b.txt")] {
        let args = [&[text(&folder.0), "-p0", "-w", "3"], mount.as_slice()].concat();
        let program = Program::start(&args);
        let line = program.said();
        assert!(line.contains(" by 3 workers on http://127.0.0.1:"), "{line}");
        let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
        for _ in 0..30 {
            check_body(port, "/a.txt", "one");
            check_body(port, target, "two");
        }
        let ended = program.stop();
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.out.is_empty() && ended.err.is_empty(), "{:?} {:?}", ended.out, ended.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn each_worker_has_a_thread_and_one_worker_has_none() {
    for (workers, expected) in [("1", 1), ("2", 3), ("5", 6)] {
        let program = Program::start(&["respond", "x", "-p0", "-w", workers]);
        program.said();
        // The start line is said first; then they start.
        let threads = || fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
        assert!(eventually(|| threads().count() == expected), "{workers}: {}", threads().count());
    }
}

/// Everybody who shares the port is of one program, so that a second one is told and not let in.
#[test]
fn a_port_in_use_is_told_with_workers_too() {
    for (first, second) in [("1", "2"), ("2", "1"), ("2", "2")] {
        let program = Program::start(&["respond", "x", "-p0", "-w", first]);
        let line = program.said();
        let port = line.trim_end_matches('/').rsplit(':').next().unwrap();
        let expected = [&format!("127.0.0.1:{port}"), "in use", "another port"];
        check_fails(&mut oneloop(&["respond", "-p", port, "-w", second]), 1, &expected);
    }
}

#[test]
fn workers_share_a_unix_socket_beside_a_port() {
    let folder = Scratch::new("workers-unix");
    let path = folder.at("s");
    let bind = format!("unix:{}", text(&path));
    let program =
        Program::start(&["respond", "x", "-p0", "-b", "127.0.0.1", "-b", &bind, "-w", "2"]);
    let line = program.said();
    let places = line.strip_prefix("oneloop: answering 200 with 1 byte by 2 workers on ").unwrap();
    let (http, unix) = places.split_once(", ").unwrap();
    assert_eq!(unix, bind);
    let port = http.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    for _ in 0..20 {
        assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
        check_body(port, "/", "x");
    }
    check_fails(&mut oneloop(&["respond", "-b", &bind, "-w2"]), 1, &[&bind, "in use"]);
    assert_eq!(program.stop().status.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn workers_log_whole_lines_to_one_file() {
    const CLIENTS: usize = 8;
    const REQUESTS: usize = 200;
    let folder = Scratch::new("workers-log");
    let option = format!("--access-log={}", text(&folder.at("log")));
    let program = Program::start(&["respond", "wazzzzap", "-p0", "-w2", &option]);
    let port = program.port("answering 200 with 8 bytes by 2 workers");
    // Different lengths, so that a line in the middle of another would show.
    let targets: Vec<_> = (0..CLIENTS).map(|client| format!("/{}", "x".repeat(client))).collect();
    std::thread::scope(|scope| {
        for target in &targets {
            scope.spawn(move || {
                let mut client = connect(port);
                for _ in 0..REQUESTS {
                    write!(client, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
                    until(&mut client, b"wazzzzap");
                }
            });
        }
    });
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.err.is_empty(), "{:?}", ended.err);
    let log = fs::read_to_string(folder.at("log")).unwrap();
    for target in &targets {
        let request = format!("GET {target} HTTP/1.1");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&request)).collect();
        assert_eq!(lines.len(), REQUESTS, "{target}");
        lines.iter().for_each(|line| check_log_line(line, &request, "200 8"));
    }
}

#[test]
fn lines_that_workers_drop_are_added_up() {
    const CLIENTS: usize = 30;
    let folder = Scratch::new("workers-dropped");
    let path = folder.at("s");
    let bind = format!("unix:{}", text(&path));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let args = ["respond", "x", "-b", &bind, "--access-log", "-w2"];
    let program = Program::spawn(oneloop(&args).stdout(writer));
    for _ in 0..CLIENTS {
        assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
    }
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(missing_lines(&ended.err), CLIENTS);
}

#[test]
fn with_verbose_each_worker_says_which_it_is() {
    let program = Program::start(&["respond", "x", "-p0", "-w2", "-v"]);
    get(program.port("answering 200 with 1 byte by 2 workers"), "/");
    let ended = program.stop();
    // Each numbers its connections by itself: the first those that are odd, the second the others.
    let closed = |line: &&String| line.contains(": closed after 1 request");
    let found = ended.err.iter().find(closed).expect("it was closed");
    let numbered =
        |worker, first| found.contains(&format!("oneloop: debug: worker {worker}: c{first}: "));
    assert!(numbered(0, 1) || numbered(1, 2), "{found}");
}

/// What is confined is the thread that asks for it and all that it starts, so every worker.
#[cfg(target_os = "linux")]
#[test]
fn every_worker_is_in_the_sandbox() {
    let folder = Scratch::new("workers-sandbox");
    folder.with("a.txt", "one");
    let program = Program::start(&[text(&folder.0), "-p0", "-w2", "--sandbox"]);
    let line = program.said();
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let tasks = format!("/proc/{}/task", program.child.id());
    assert!(eventually(|| fs::read_dir(&tasks).unwrap().count() == 3));
    for _ in 0..20 {
        check_body(port, "/a.txt", "one");
    }
    let is_confined = |task: io::Result<fs::DirEntry>| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        status.lines().any(|line| line == "NoNewPrivs:\t1")
    };
    let confined: Vec<_> = fs::read_dir(&tasks).unwrap().map(is_confined).collect();
    let ended = program.stop();
    if ended.err.iter().any(|line| line.contains("no Landlock")) {
        eprintln!("not tested: {:?}", ended.err);
        return;
    }
    // A helper may have been started, too.
    assert!(confined.len() >= 3 && confined.iter().all(|is_so| *is_so), "{confined:?}");
}

// what it refuses

#[test]
fn wrong_usage_is_one_line_and_exit_code_2() {
    let check = |args: &[&str], expected: &[&str]| check_fails(&mut oneloop(args), 2, expected);
    check(&["--prot", "1"], &["'--prot'", "similar argument exists: '--port'"]);
    check(&["-p", "70000"], &["'70000'", "--port", "0 to 65535"]);
    check(&["--max-head", "lots"], &["'lots'", "--max-head", "16KiB"]);
    check(&["--max-head", "1GiB"], &["'1GiB'", "256 B to 64 KiB"]);
    check(&["--max-target", "32KiB"], &["--max-target 32768", "--max-head 16384"]);
    check(&["--head-timeout", "10"], &["--head-timeout", "add a unit", "10s"]);
    check(&["--idle-timeout", "0s"], &["--idle-timeout", "from 1ms to 1day"]);
    check(&["--max-connections", "0"], &["--max-connections", "from 1"]);
    check(&["--backlog", "0"], &["--backlog", "from 1"]);
    check(&["-w", "0"], &["--workers", "from 1 to 1024, or auto"]);
    check(&["-w", "many"], &["'many'", "--workers", "or auto"]);
    check(&["--max-connections", "1", "-w2"], &["--max-connections 1", "--workers 2"]);
    check(&["-q", "-v"], &["--quiet", "--verbose"]);
    check(&["-b", "127.0.0.1:80"], &["'127.0.0.1:80'", "the port goes to --port"]);
    check(&["-b", "unix:"], &["after unix:"]);
    check(&["a", "b"], &["'b'"]);
    check(&["--un\u{1b}[1m\nheard-of"], &["unexpected argument"]);
    check(&["--mount", "docs"], &["'docs'", "--mount", "/docs=manual/html"]);
    check(&["www", "--mount", "/=x"], &["'www'", "'x'", "at /"]);
    check(&["--spa", "--not-found"], &["--spa", "--not-found"]);
    check(&["--sandbox", "--symlinks", "all"], &["--sandbox", "--symlinks all"]);
    check(&["--symlinks", "some"], &["'some'", "deny, inside or all"]);
    check(&["--index", "a/b"], &["\"a/b\"", "without a slash"]);
    check(&["--cache", "*.css=forever"], &["\"forever\"", "--cache", "1y"]);
    check(&["--cors=a.example"], &["'a.example'", "--cors", "scheme://host"]);
    check(&["--error-page", "200=x"], &["--error-page", "400 to 599"]);
    check(&["--cache-bytes", "lots"], &["'lots'", "--cache-bytes"]);
    check(&["--cache-files", "-1"], &["'-1'"]);
    check(&["-H", "Content-Type: text/plain"], &["content-type", "written by the server"]);
    check(&["--hidden", "respond", "x"], &["--hidden", "respond"]);
    check(&["respond", "-H", "no colon"], &["'no colon'", "'Name: value'"]);
    check(&["respond", "-H", "b\u{e4}d: x"], &["--header", "letters, digits"]);
    check(&["respond", "-H", "connection: close"], &["Connection is written by the server itself"]);
    check(&["respond", "-s", "100"], &["--status", "no final answer"]);
    check(&["respond", "-s", "304", "x"], &["304 has no body"]);
    check(&["respond", "x", "--body-file", "y"], &["BODY", "--body-file"]);
    check(&["www", "respond"], &["'www'", "respond"]);
}

#[test]
fn what_keeps_it_from_starting_is_one_line_and_exit_code_1() {
    let folder = Scratch::new("refused");
    let check = |args: &[&str], expected: &[&str]| check_fails(&mut oneloop(args), 1, expected);
    let none = folder.at("none");
    check(&[text(&none), "-p0"], &[text(&none)]);
    check(&[&format!("{}\nforged", text(&none)), "-p0"], &["none\\nforged"]);
    check(&["respond", "--body-file", text(&none)], &[text(&none), "--body-file"]);
    check(&["respond", "--body-file", text(&folder.0)], &[text(&folder.0)]);
    let file = folder.with("file", "x");
    check(&[text(&file), "-p0", "--no-listing"], &["--no-listing", text(&file), "is a file"]);
    let mount = format!("/a={}", text(&none));
    check(&[text(&folder.0), "-p0", "--mount", &mount], &[text(&none)]);
    let log = format!("--access-log={}/log", text(&none));
    check(&["respond", "-p0", &log], &["access log", text(&none)]);
    // TEST-NET-1 (RFC 5737), and a name that never is (RFC 6761).
    check(&["respond", "-b", "192.0.2.1"], &["192.0.2.1:8080", "no address of this machine"]);
    check(&["respond", "-b", "nowhere.invalid"], &["'nowhere.invalid'", "--bind"]);
    check(&["respond", "-b", &format!("unix:{}/s", text(&none))], &["no folder", text(&none)]);
    let long = format!("unix:{}/{}", text(&folder.0), "x".repeat(120));
    check(&["respond", "-b", &long], &["too long"]);
    if cfg!(target_os = "linux") {
        // Not even root makes a file there.
        check(&["respond", "-b", "unix:/sys/s"], &["no permission", "unix:/sys/s"]);
    }
}

#[test]
fn a_port_in_use_is_told_with_a_remedy() {
    let program = Program::start(&["respond", "x", "-p0"]);
    let port = program.port("answering 200 with 1 byte").to_string();
    let expected = [&format!("127.0.0.1:{port}"), "in use", "another port"];
    check_fails(&mut oneloop(&["respond", "-p", &port]), 1, &expected);
}

#[test]
fn a_privileged_port_is_served_or_told_with_a_remedy() {
    // All of 127.0.0.0/8 is this machine on Linux, and nobody else takes this one.
    let [.., high, low] = std::process::id().to_be_bytes();
    let ip =
        if cfg!(target_os = "linux") { format!("127.81.{high}.{low}") } else { "127.0.0.1".into() };
    let (ip, port) = (ip.as_str(), 81);
    let args = ["respond", "x", "-b", ip, "-p", &port.to_string()];
    match std::net::TcpListener::bind((ip, port)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            check_fails(
                &mut oneloop(&args),
                1,
                &["no permission", &format!("{ip}:{port}"), "1023"],
            );
        }
        granted => {
            drop(granted.unwrap());
            let line = Program::start(&args).said();
            assert_eq!(line, format!("oneloop: answering 200 with 1 byte on http://{ip}:{port}/"));
        }
    }
}

// the environment

#[test]
fn every_option_is_also_a_variable() {
    let folder = Scratch::new("variables");
    let log = folder.at("log");
    let program = Program::spawn(
        oneloop(&["respond", "x"])
            .env("ONELOOP_PORT", "0")
            .env("ONELOOP_BIND", "127.0.0.1\n127.0.0.2\n")
            .env("ONELOOP_STATUS", "418")
            .env("ONELOOP_HEADER", "X-One: 1\nX-Two: 2")
            .env("ONELOOP_CONTENT_TYPE", "text/x-tea")
            .env("ONELOOP_ACCESS_LOG", &log)
            .env("ONELOOP_QUIET", "0")
            .env("ONELOOP_VERBOSE", "1")
            .stdout(Stdio::piped()),
    );
    let line = program.said();
    let place =
        line.strip_prefix("oneloop: answering 418 with 1 byte on http://127.0.0.1:").unwrap();
    assert!(place.contains(", http://127.0.0.2:"), "{line}");
    let port = place.split('/').next().unwrap().parse().unwrap();
    let head = get(port, "/").0.to_lowercase();
    for field in ["x-one: 1", "x-two: 2", "content-type: text/x-tea"] {
        assert!(head.lines().any(|line| line == field), "{head} without {field}");
    }
    let ended = program.stop();
    assert!(ended.err.iter().any(|line| line.contains("closed after")), "{:?}", ended.err);
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 1);
}

#[test]
fn what_is_typed_wins_over_the_environment() {
    let program = Program::spawn(
        oneloop(&["-p0", "-v", "respond", "typed", "-H", "X-Typed: 1"])
            .env("ONELOOP_PORT", "1")
            .env("ONELOOP_QUIET", "1")
            .env("ONELOOP_HEADER", "X-Variable: 1")
            .env("ONELOOP_BODY_FILE", "/nonexistent")
            .stdout(Stdio::piped()),
    );
    let (head, body) = get(program.port("answering 200 with 5 bytes"), "/");
    assert_eq!(body, b"typed");
    let head = head.to_lowercase();
    assert!(head.contains("x-typed") && !head.contains("x-variable"), "{head}");
}

#[test]
fn a_wrong_variable_is_named() {
    let check = |name: &str, value: &str| {
        check_fails(oneloop(&[]).env(name, value), 2, &[&format!("(from {name})"), value]);
    };
    check("ONELOOP_PORT", "many");
    check("ONELOOP_MAX_HEAD", "1");
    check("ONELOOP_GRACE", "10");
    check("ONELOOP_BIND", "127.0.0.1:80");
}

// what it says

#[test]
fn help_and_version_go_to_stdout() {
    let check = |arg: &str, expected: &[&str]| {
        let ended = Program::start(&[arg]).end();
        assert_eq!(ended.status.code(), Some(0), "{arg}");
        assert!(ended.err.is_empty(), "{arg}: {:?}", ended.err);
        let out = ended.out.join("\n");
        for part in expected {
            assert!(out.contains(part), "{arg}: {out} without {part}");
        }
    };
    check("-V", &[concat!("oneloop ", env!("CARGO_PKG_VERSION"))]);
    check("-h", &["respond", "--max-head <SIZE>", "[default: 16KiB]"]);
    check("--help", &["Examples:", "Environment:", "Exit codes:", "Common Log Format"]);
}

#[test]
fn help_of_respond_has_the_options_of_both() {
    let ended = Program::start(&["respond", "--help"]).end();
    let out = ended.out.join("\n");
    assert!(out.contains("--body-file <FILE>") && out.contains("--port <PORT>"), "{out}");
}

#[test]
fn quiet_says_nothing_and_serves() {
    let folder = Scratch::new("quiet");
    let path = folder.at("s");
    let bind = format!("unix:{}", text(&path));
    let program = Program::start(&["-q", "respond", "x", "-b", &bind]);
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.out.is_empty() && ended.err.is_empty(), "{:?} {:?}", ended.out, ended.err);
}

#[test]
fn verbose_says_how_connections_end() {
    for (option, phases) in [("-v", false), ("-vv", true)] {
        let program = Program::start(&["respond", "x", "-p0", option]);
        get(program.port("answering 200 with 1 byte"), "/");
        let ended = program.stop();
        let said = |part: &str| ended.err.iter().any(|line| line.contains(part));
        assert!(said("oneloop: debug: c1: closed after 1 request"), "{:?}", ended.err);
        assert_eq!(said("oneloop: trace: c1: "), phases, "{:?}", ended.err);
    }
}

#[test]
fn rust_log_overrides_verbose() {
    let program = Program::spawn(
        oneloop(&["respond", "-vv", "-p0"]).env("RUST_LOG", "off").stdout(Stdio::piped()),
    );
    get(program.port("answering 200 with 0 bytes"), "/");
    let ended = program.stop();
    assert!(ended.err.is_empty(), "{:?}", ended.err);
}

#[test]
fn a_closed_stdout_stops_nothing() {
    let folder = Scratch::new("closed");
    let path = folder.at("s");
    let bind = format!("unix:{}", text(&path));
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let args = ["respond", "x", "-b", &bind, "--access-log"];
    let program = Program::spawn(oneloop(&args).stdout(writer));
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
    assert_eq!(ask(connect_unix(&path), "GET", "/").1, b"x");
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(missing_lines(&ended.err), 2);
}

/// How many lines of the access log are missing in the end; until then that is said once a minute.
#[track_caller]
fn missing_lines(said: &[String]) -> usize {
    let (end, before) = said.split_last().expect("lines are missing, and nobody says so");
    let so_far = |line: &String| line.contains("lines missing in the access log so far: ");
    assert!(before.len() <= 2 && before.iter().all(so_far), "{said:?}");
    let missing = end.strip_prefix("oneloop: warning: lines missing in the access log: ");
    let missing = missing.and_then(|rest| rest.split_once("; ")?.0.parse().ok());
    missing.unwrap_or_else(|| panic!("{said:?}"))
}

#[test]
fn the_access_log_goes_to_a_file_and_is_appended_to() {
    let folder = Scratch::new("log");
    let log = folder.with("log", "before\n");
    let option = format!("--access-log={}", text(&log));
    let program = Program::start(&["respond", "wazzzzap", "-p0", &option]);
    let port = program.port("answering 200 with 8 bytes");
    get(port, "/a?b=%22");
    ask(connect(port), "HEAD", "/");
    assert!(get(port, "/\"\x1b").0.starts_with("HTTP/1.1 400 "));
    assert_eq!(program.stop().status.code(), Some(0));
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (4, "before"), "{text}");
    check_log_line(lines[1], "GET /a?b=%22 HTTP/1.1", "200 8");
    check_log_line(lines[2], "HEAD / HTTP/1.1", "200 -");
    assert!(lines[3].contains(r#"] "GET /\x22\x1B HTTP/1.1" 400 "#), "{text}");
}

#[test]
fn the_access_log_goes_to_stdout_after_the_start_line() {
    let program = Program::start(&["--access-log", "respond", "wazzzzap", "-p0"]);
    get(program.port("answering 200 with 8 bytes"), "/");
    check_log_line(&program.said(), "GET / HTTP/1.1", "200 8");
}

#[test]
fn an_access_log_that_nobody_reads_costs_lines_and_nothing_else() {
    const REQUESTS: usize = 1000;
    let (mut reader, writer) = io::pipe().unwrap();
    let args = ["--access-log", "respond", "x", "-p0"];
    let program = Program::spawn(oneloop(&args).stdout(writer));
    let line = until(&mut reader, b"/\n");
    let port = line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    // All these lines together are more than a pipe and the log's own buffers hold.
    let request = format!("GET /{} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(8000));
    let mut client = connect(port);
    for _ in 0..REQUESTS {
        client.write_all(request.as_bytes()).unwrap();
        until(&mut client, b"\r\n\r\nx");
    }
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    let missing = missing_lines(&ended.err);
    let mut written = String::new();
    // What a stuck write left behind may end in the middle of a line.
    reader.read_to_string(&mut written).unwrap();
    let written = written.matches('\n').count();
    assert!(missing + written >= REQUESTS, "{missing} and {written}");
}

/// `127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 200 8 0.000123`
fn check_log_line(line: &str, request: &str, status_and_bytes: &str) {
    let rest = line.strip_prefix("127.0.0.1 - - [").expect(line);
    let (date, rest) = rest.split_at(26);
    assert!(date.ends_with(" +0000") && date.matches(':').count() == 3, "{line}");
    let seconds = rest
        .strip_prefix(&format!("] \"{request}\" {status_and_bytes} "))
        .unwrap_or_else(|| panic!("{line}: not {request} {status_and_bytes}"));
    assert!(
        seconds.parse::<f64>().is_ok() && seconds.split('.').nth(1).unwrap().len() == 6,
        "{line}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_soft_limit_of_open_files_becomes_the_hard_one() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 64 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_oneloop")]);
    let program = Program::spawn(shell.args(["respond", "x", "-p0"]).stdout(Stdio::piped()));
    program.port("answering 200 with 1 byte");
    let limits = fs::read_to_string(format!("/proc/{}/limits", program.child.id())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|n| line.split_whitespace().nth(n).unwrap());
    assert_eq!(soft, hard);
}

// how it ends

/// More than the socket buffers of both sides hold.
const LARGE: u64 = 64 * 1024 * 1024;

/// A file of [`LARGE`] bytes, and the program that serves it with `args`.
fn serving_large(folder: &Scratch, args: &[&str]) -> (Program, TcpStream) {
    let file = folder.with("large", "");
    fs::File::options().write(true).open(&file).unwrap().set_len(LARGE).unwrap();
    let args = [&[text(&file), "-p0"], args].concat();
    let program = Program::start(&args);
    let line = program.said();
    assert!(line.starts_with(&format!("oneloop: serving {}", text(&file))), "{line}");
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap();
    let mut client = connect(port);
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    let head = head_of(&mut client);
    assert!(head.contains(&format!("\r\nContent-Length: {LARGE}\r\n")), "{head}");
    (program, client)
}

/// Waits until the worker that has the connection says so; others say that they stop.
fn stopping_when_one_is_done(program: &Program) {
    while !program.complained().contains("stopping when 1 connection is done") {}
}

#[test]
fn idle_connections_do_not_hold_up_the_end() {
    for (workers, by) in [("1", ""), ("2", " by 2 workers")] {
        let program = Program::start(&["respond", "x", "-p0", "--grace", "1h", "-w", workers]);
        let port = program.port(&format!("answering 200 with 1 byte{by}"));
        let mut clients: Vec<_> = (0..10).map(|_| idle(port)).collect();
        clients.push(connect(port));
        let ended = program.stop();
        assert_eq!(ended.status.code(), Some(0));
        assert!(ended.err.is_empty(), "{:?}", ended.err);
        for mut client in clients {
            assert_eq!(client.read(&mut [0]).unwrap(), 0, "closed in good order");
        }
    }
}

#[test]
fn interrupt_is_an_orderly_stop_too() {
    let program = Program::start(&["respond", "x", "-p0"]);
    let port = program.port("answering 200 with 1 byte");
    let _client = idle(port);
    program.signal(Signal::INT);
    assert_eq!(program.end().status.code(), Some(0));
    TcpStream::connect(("127.0.0.1", port)).unwrap_err();
}

#[test]
fn a_slow_download_is_finished_before_the_end() {
    for workers in ["1", "3"] {
        let folder = Scratch::new("download");
        let args = ["-v", "--grace", "1h", "-w", workers];
        let (program, mut client) = serving_large(&folder, &args);
        program.signal(Signal::TERM);
        stopping_when_one_is_done(&program);
        let received = io::copy(&mut client, &mut io::sink()).unwrap();
        assert_eq!(received, LARGE);
        let ended = program.end();
        assert_eq!(ended.status.code(), Some(0));
        assert!(!ended.err.iter().any(|line| line.contains("warning")), "{:?}", ended.err);
    }
}

#[test]
fn when_the_grace_time_runs_out_it_warns_once_and_ends_well() {
    let folder = Scratch::new("grace");
    let (program, client) = serving_large(&folder, &["--grace", "50ms"]);
    let ended = program.stop();
    assert_eq!(ended.status.code(), Some(0));
    let [waits, warning] = ended.err.as_slice() else { panic!("{:?}", ended.err) };
    assert_eq!(waits, "oneloop: stopping when 1 connection is done");
    assert_eq!(warning, "oneloop: warning: the grace time ran out: 1 connection was cut off");
    drop(client);
}

/// Of several workers one has nothing to do and ends with the first signal.
#[test]
fn a_second_signal_ends_it_at_once() {
    for (signal, code, workers) in [
        (Signal::TERM, 128 + 15, "1"),
        (Signal::INT, 128 + 2, "1"),
        (Signal::TERM, 128 + 15, "3"),
        (Signal::INT, 128 + 2, "3"),
    ] {
        let folder = Scratch::new(&format!("second-{code}-{workers}"));
        let (program, client) = serving_large(&folder, &["-v", "--grace", "1h", "-w", workers]);
        program.signal(Signal::TERM);
        stopping_when_one_is_done(&program);
        program.signal(signal);
        assert_eq!(program.end().status.code(), Some(code));
        drop(client);
    }
}
