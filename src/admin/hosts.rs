//! The names that the admin listener answers to.
//!
//! A page in a browser on this machine can have its own host name resolve to a loopback address a
//! moment later, and then read whatever answers there as if it came from its own server (DNS
//! rebinding). The request gives it away: its Host is that page's name. So names are refused unless
//! they were given; what cannot be rebound, an IP address or localhost, is not.

use std::net::IpAddr;

/// The names that were given.
#[derive(Debug, Default)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    pub(super) fn add(&mut self, name: String) {
        self.0.push(name);
    }

    /// Whether a request with that Host is answered. Only HTTP/1.0 may come without one, which no
    /// browser speaks.
    pub(super) fn have(&self, host: Option<&str>) -> bool {
        let Some(host) = host.map(without_port) else { return true };
        let is_same = |name: &String| name.eq_ignore_ascii_case(host);
        is_address(host) || is_localhost(host) || self.0.iter().any(is_same)
    }
}

/// `[::1]:9090`, `127.0.0.1:9090` and `name:9090` without their port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !ends_in_v6(name) => name,
        _ => host,
    }
}

/// Whether that colon was in the middle of an IPv6 address.
fn ends_in_v6(name: &str) -> bool {
    name.starts_with('[') && !name.ends_with(']')
}

fn is_address(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    bare.unwrap_or(host).parse::<IpAddr>().is_ok()
}

/// RFC 6761 §6.3: browsers never ask a name server for these.
fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_rebound_is_refused() {
        let mut hosts = Hosts::default();
        hosts.add("web-1.example".into());
        for (host, expected) in [
            ("127.0.0.1:9090", true),
            ("127.0.0.1", true),
            ("[::1]:9090", true),
            ("[::1]", true),
            ("192.0.2.1:80", true),
            ("localhost:9090", true),
            ("LOCALHOST.", true),
            ("a.localhost", true),
            ("web-1.example:9090", true),
            ("WEB-1.example", true),
            ("evil.example:9090", false),
            ("evil.example", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("notlocalhost", false),
            ("web-1.example.evil", false),
            ("", false),
            (":9090", false),
            ("127.0.0.1:9090:9090", false),
        ] {
            assert_eq!(hosts.have(Some(host)), expected, "{host:?}");
        }
        assert!(hosts.have(None));
    }
}
