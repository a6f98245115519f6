//! Host (RFC 9112 §3.2, RFC 9110 §7.2): one on HTTP/1.1, never two, and always a host with an
//! optional port.

use oneloop::wire::Fault;
use oneloop::wire::target::is_authority;

use super::reading::{cases, read_whole};

fn check(version: &str, lines: &[u8], expected: Option<Fault>) {
    let head = [b"GET / ", version.as_bytes(), b"\r\n", lines, b"\r\n"].concat();
    assert_eq!(read_whole(&head).err(), expected, "{version} {}", lines.escape_ascii());
}

#[test]
fn how_many() {
    // RFC 9112 §3.2: "MUST respond with a 400 to any HTTP/1.1 request message that lacks a Host
    // header field and to any request message that contains more than one".
    check("HTTP/1.1", b"", Some(Fault::HostMissing));
    check("HTTP/1.2", b"", Some(Fault::HostMissing));
    check("HTTP/1.0", b"", None);
    check("HTTP/1.1", b"Hos: x\r\nHosts: x\r\nX-Host: x\r\n", Some(Fault::HostMissing));
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        check(version, b"Host: x\r\n", None);
        check(version, b"Host: x\r\nHost: x\r\n", Some(Fault::HostTwice));
        check(version, b"Host: x\r\nhOsT: y\r\n", Some(Fault::HostTwice));
        check(version, b"Host: x\r\nA: b\r\nHost:\r\n", Some(Fault::HostTwice));
        check(version, b"Host:\r\nHost: x\r\n", Some(Fault::HostTwice));
    }
    // It need not stand first, and white space around it is not its own (RFC 9112 §5.1).
    check("HTTP/1.1", b"A: b\r\nHOST:\t x \t\r\n", None);
}

#[test]
fn valid_ones() {
    let rows = [
        (
            "3986 §3.2.2: reg-name",
            "localhost|LOCALHOST|example.com|example.com.|a_b.c|a-b.c-d|x~y|1",
        ),
        ("3986 §3.2.2: reg-name", "%6cocalhost|sub!$&'()*+,;=|999.999.999.999"),
        ("3986 §3.2.2: IPv4address", "127.0.0.1"),
        ("3986 §3.2.2: IP-literal", "[::1]|[::1]:8080|[::ffff:1.2.3.4]:|[v1.a:b]|[vF.x]:80"),
        (
            "3986 §3.2.3: port",
            "localhost:80|localhost:0|localhost:65535|localhost:00080|localhost:",
        ),
    ];
    for (rfc, host) in cases(&rows) {
        assert!(is_authority(host.as_bytes()), "{rfc}: {host}");
        check("HTTP/1.1", format!("Host: {host}\r\n").as_bytes(), None);
    }
}

#[test]
fn invalid_ones() {
    let rows = [
        ("9110 §4.2.1: an empty host", "|:80|:"),
        ("9110 §4.2.4: user information", "u@x|u:p@x|@x"),
        ("3986 §3.2: what ends an authority", "x/|x/path|x?q|x#f|http://x|../x|x\\y"),
        ("3986 §3.2.2: characters of no host", "x y|x\ty|x, y|\"x\"|<x>|x^y|{x}|x\u{e4}y"),
        ("3986 §3.2.3: port", "x:-1|x:+1|x: 80|x:80 80|x:80:80|x:65536|x:80a|x:0x50"),
        ("3986 §3.2.3: port", "x:99999999999999999999|[::1]80|[::1]:a"),
        ("3986 §2.1: percent-encoding", "%zz|x%|x%2"),
        ("3986 §3.2.2: IPv6address", "::1|[::1|::1]|[::1]x|[::g]|[]|[1:2:3:4:5:6:7:8:9]|[[::1]]"),
        ("3986 §3.2.2: IPv6address", "[1.2.3.4]"),
        ("3986 §3.2.2: IPvFuture", "[v1]|[v.x]|[vG.x]|[v1g.x]|[v1.]|[v1.a/b]"),
        // A zone means something to its host alone.
        ("6874 §1: zone identifier", "[fe80::1%25eth0]|[fe80::1%eth0]"),
    ];
    for (rfc, host) in cases(&rows) {
        assert!(!is_authority(host.as_bytes()), "{rfc}: {host}");
        for version in ["HTTP/1.0", "HTTP/1.1"] {
            check(version, format!("Host: {host}\r\n").as_bytes(), Some(Fault::HostInvalid));
        }
    }
}

/// Every byte within a host: unreserved, sub-delimiters, and what begins a port.
#[test]
fn every_byte() {
    const ALLOWED: &[u8] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=";
    for byte in 0..=255_u8 {
        assert_eq!(is_authority(&[b'a', byte, b'a']), ALLOWED.contains(&byte), "{byte:#x}");
    }
}

/// RFC 9112 §3.2.2: the target's authority stands above Host, but an invalid Host is still one.
#[test]
fn beside_an_absolute_target() {
    let head = |host: &str| format!("GET http://x/ HTTP/1.1\r\n{host}\r\n").into_bytes();
    assert_eq!(read_whole(&head("")).err(), Some(Fault::HostMissing));
    assert_eq!(read_whole(&head("Host: y\r\n")).err(), None);
    assert_eq!(read_whole(&head("Host: y/\r\n")).err(), Some(Fault::HostInvalid));
}
