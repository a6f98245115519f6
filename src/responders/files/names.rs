//! A request's path as names beneath a root, and back to a path.
//!
//! Relies on nothing that the path may have been through before: what a name may not be is refused
//! here, whatever normal form promises. Never looks whether there is such a file.
//! Read next: `beneath.rs`, which takes the names to a file.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::options::Hidden;

/// What is percent-encoded in a link: all but the unreserved characters (RFC 3986 §2.3), so that a
/// link means the same in a header, in an attribute and as a relative reference, where even a colon
/// would be read as the end of a scheme.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same within an absolute path, where what RFC 3986 §3.3 lets stand in a segment stays as it
/// is, so that the path is no longer than the one that was asked for.
const IN_A_PATH: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// Names beneath a root, one within the other, and what the last of them is asked for as.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// The names with a `/` between them; nothing for the root itself. Bytes, because a name need
    /// not be text.
    joined: Vec<u8>,
    form: Form,
}

/// What a path says of its last name by ending as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// No slash at the end.
    File,
    /// A slash at the end.
    Folder,
}

impl Names {
    /// The names in a path. Nothing where one of them can be none: it is `.` or `..`, or it holds a
    /// `/`, NUL or another control byte.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut joined = Vec::with_capacity(path.len());
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if !joined.is_empty() {
                joined.push(b'/');
            }
            let start = joined.len();
            joined.extend(percent_decode_str(segment));
            if !is_a_name(&joined[start..]) {
                return None;
            }
        }
        let form = if path.ends_with('/') { Form::Folder } else { Form::File };
        Some(Self { joined, form })
    }

    /// What the path ended as.
    pub(super) const fn form(&self) -> Form {
        self.form
    }

    /// Whether there is no name, so that this is the root itself.
    pub(super) const fn is_root(&self) -> bool {
        self.joined.is_empty()
    }

    /// Whether no client gets to see this: one of the names is hidden.
    ///
    /// The names that are asked for count, not those that a symbolic link leads to: `seen ->
    /// .store/file` is how deployments are made (`current -> .releases/7`), and whoever made the
    /// link meant it to be followed.
    pub(super) fn are_hidden(&self, hidden: Hidden) -> bool {
        self.joined.split(|&byte| byte == b'/').any(|name| is_hidden(name, hidden))
    }

    /// The names with a `/` between them, as a path relative to the root.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.joined
    }

    /// The last name; empty for the root.
    pub(super) fn last(&self) -> &[u8] {
        let start = self.joined.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
        &self.joined[start..]
    }

    /// The relative path of what is called `name` in this folder.
    pub(super) fn child(&self, name: &[u8]) -> Vec<u8> {
        let mut path = Vec::with_capacity(self.joined.len() + 1 + name.len());
        if !self.is_root() {
            path.extend_from_slice(&self.joined);
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
    }

    /// The folder that this is in; the root for the root.
    pub(super) fn parent(&self) -> Self {
        let end = self.joined.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        Self { joined: self.joined[..end].to_vec(), form: Form::Folder }
    }

    /// The same without that ending of the last name, if it has it and a name is left.
    pub(super) fn without_ending(&self, ending: &[u8]) -> Option<Self> {
        let joined = self.joined.strip_suffix(ending)?.to_vec();
        let shorter = Self { joined, form: self.form };
        let last = shorter.last();
        (!last.is_empty() && is_a_name(last)).then_some(shorter)
    }

    /// This folder, or those that this is in, the nearest first, of which so many at most; and then
    /// the root.
    pub(super) fn folders_around(&self, most: usize) -> impl Iterator<Item = Self> {
        let mut next = Some(match self.form {
            Form::File => self.parent(),
            Form::Folder => Self { joined: self.joined.clone(), form: self.form },
        });
        let around = std::iter::from_fn(move || {
            let here = next.take()?;
            next = (!here.is_root()).then(|| here.parent());
            Some(here)
        });
        let root = Self { joined: Vec::new(), form: Form::Folder };
        around.take_while(|folder| !folder.is_root()).take(most).chain([root])
    }

    /// The path of this folder as text for people.
    pub(super) fn shown(&self) -> String {
        let names = String::from_utf8_lossy(&self.joined);
        if names.is_empty() { "/".into() } else { format!("/{names}/") }
    }

    /// The path as a link, made anew from the names.
    pub(super) fn link(&self) -> String {
        let mut link = self.folder_link();
        if self.form == Form::File {
            link.pop();
        }
        link
    }

    /// The path of this folder as a link, made anew from the names. It begins with one slash, so
    /// that it is never taken for `//authority` and leads to no other server.
    pub(super) fn folder_link(&self) -> String {
        let mut link = String::from("/");
        for name in self.joined.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            link.extend(percent_encode(name, IN_A_PATH));
            link.push('/');
        }
        link
    }
}

/// Whether a client may see a name in a listing and ask for it.
pub(super) fn is_served(name: &[u8], hidden: Hidden) -> bool {
    is_a_name(name) && !is_hidden(name, hidden)
}

/// A name as one segment of a link.
pub(super) fn encoded(name: &[u8]) -> Cow<'_, str> {
    percent_encode(name, RESERVED).into()
}

fn is_a_name(bytes: &[u8]) -> bool {
    let is_dots = matches!(bytes, b"." | b"..");
    !is_dots && !bytes.iter().any(|&byte| byte == b'/' || byte.is_ascii_control())
}

/// Dotfiles are hidden unless the operator says otherwise, because they tend to be what nobody
/// meant to publish (`.git`, `.env`). `.well-known` is there to be found (RFC 8615), in this
/// spelling alone: names are bytes.
fn is_hidden(name: &[u8], hidden: Hidden) -> bool {
    hidden == Hidden::Refused && name.starts_with(b".") && name != b".well-known"
}

#[cfg(test)]
mod tests {
    use super::{Form, Hidden, Names, encoded, is_served};

    #[test]
    fn a_path_is_taken_apart_at_its_slashes_and_then_decoded() {
        for (path, joined, form) in [
            ("/", &b""[..], Form::Folder),
            ("//", b"", Form::Folder),
            ("/a", b"a", Form::File),
            ("/a/", b"a", Form::Folder),
            ("//a//b//", b"a/b", Form::Folder),
            ("/a%20b/100%25", b"a b/100%", Form::File),
            ("/%FF%fe", b"\xFF\xFE", Form::File),
            ("/...", b"...", Form::File),
            ("/a..b/..c", b"a..b/..c", Form::File),
            ("/a%5C..%5Cb", b"a\\..\\b", Form::File),
            ("/a%20", b"a ", Form::File),
            ("/%20/", b" ", Form::Folder),
            ("/a;b=c/d;", b"a;b=c/d;", Form::File),
            ("/a%3Bb%3F%23", b"a;b?#", Form::File),
            ("/100%2525", b"100%25", Form::File),
            ("/%252e%252e/%252f", b"%2e%2e/%2f", Form::File),
            ("/%C3%BC/%E6%97%A5", "ü/日".as_bytes(), Form::File),
            ("/%C0%AE%C0%AE/%C0%AF", b"\xC0\xAE\xC0\xAE/\xC0\xAF", Form::File),
            ("/%E2%80%A5/%EF%BC%8F", "‥/／".as_bytes(), Form::File),
            ("/..%3B/..;", b"..;/..;", Form::File),
            ("/a%", b"a%", Form::File),
            ("/a%4", b"a%4", Form::File),
            ("/%zz", b"%zz", Form::File),
            ("/%80%C2%85", b"\x80\xC2\x85", Form::File),
        ] {
            let expected = Names { joined: joined.to_vec(), form };
            assert_eq!(Names::parse(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        for path in [
            "/.",
            "/..",
            "/../a",
            "/a/../b",
            "/%2e%2E/a",
            "/.%2e",
            "/a%2Fb",
            "/%2F",
            "/a%00",
            "/%0A",
            "/a%0d%0ab",
            "/%7F",
            "/a/%1b/b",
        ] {
            assert_eq!(Names::parse(path), None, "{path}");
        }
    }

    #[test]
    fn dotfiles_are_hidden_but_for_well_known() {
        for (path, hidden) in [
            ("/", false),
            ("/a.b", false),
            ("/a./b.", false),
            ("/.git/config", true),
            ("/a/.env", true),
            ("/a/%2Eenv", true),
            ("/...", true),
            ("/.%20", true),
            ("/.well-known/acme", false),
            ("/a/.well-known", false),
            ("/.well-known/.x", true),
            ("/.well-known2", true),
            ("/.Well-Known/acme", true),
        ] {
            let names = Names::parse(path).unwrap();
            assert_eq!(names.are_hidden(Hidden::Refused), hidden, "{path}");
            assert!(!names.are_hidden(Hidden::Served), "{path}");
        }
    }

    #[test]
    fn a_listing_shows_what_may_be_asked_for() {
        for (name, by_default, with_hidden) in [
            (&b"a"[..], true, true),
            (b"a b%;\xFF", true, true),
            (b".env", false, true),
            (b".well-known", true, true),
            (b".", false, false),
            (b"..", false, false),
            (b"...", false, true),
            (b"a\nb", false, false),
            (b".\x7F", false, false),
        ] {
            let served = [Hidden::Refused, Hidden::Served].map(|hidden| is_served(name, hidden));
            assert_eq!(served, [by_default, with_hidden], "{}", name.escape_ascii());
        }
    }

    #[test]
    fn a_folder_s_link_is_made_anew_and_begins_with_one_slash() {
        for (path, link, shown) in [
            ("/", "/", "/"),
            ("//evil.example", "/evil.example/", "/evil.example/"),
            ("///a//b", "/a/b/", "/a/b/"),
            ("/%5Cevil", "/%5Cevil/", "/\\evil/"),
            ("/a:b;c'd", "/a:b;c'd/", "/a:b;c'd/"),
            ("/%FF %25", "/%FF%20%25/", "/\u{FFFD} %/"),
        ] {
            let names = Names::parse(path).unwrap();
            assert_eq!(names.folder_link(), link, "{path}");
            assert_eq!(names.shown(), shown, "{path}");
        }
        assert_eq!(encoded(b"a b~"), "a%20b~");
    }

    #[test]
    fn the_last_name_and_what_is_within() {
        for (path, last, child) in
            [("/", &b""[..], &b"x"[..]), ("/a", b"a", b"a/x"), ("/a/b/", b"b", b"a/b/x")]
        {
            let names = Names::parse(path).unwrap();
            assert_eq!((names.last(), &names.child(b"x")[..]), (last, child), "{path}");
        }
    }
}
