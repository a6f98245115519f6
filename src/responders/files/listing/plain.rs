//! The listing as plain text: one name a line, that of a folder with a slash.
//!
//! Relies on no name holding a line end: such a one is not served. Never says more than names, so
//! that a script needs to take nothing apart.
//! Read next: `json.rs`, which says more.

use super::reading::{Contents, Kind};

pub(super) fn written(contents: &Contents) -> Vec<u8> {
    let mut out = String::new();
    for entry in &contents.entries {
        out.push_str(&String::from_utf8_lossy(entry.name()));
        out.push_str(match entry.kind {
            Kind::Folder => "/\n",
            Kind::File { .. } => "\n",
        });
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::super::reading::{Contents, Entry, Extent, Kind};
    use super::written;

    #[test]
    fn a_name_is_a_line_as_it_is() {
        let entry = |name: &[u8], kind| Entry::new(name, kind, None);
        let entries = vec![
            entry(b"sub", Kind::Folder),
            entry(b"a b", Kind::File { size: 1 }),
            entry(b"<&>%41", Kind::File { size: 1 }),
            entry(b"\xFFx", Kind::File { size: 1 }),
        ];
        let text = written(&Contents { entries, extent: Extent::Whole });
        assert_eq!(str::from_utf8(&text).unwrap(), "sub/\na b\n<&>%41\n\u{FFFD}x\n");
        assert_eq!(written(&Contents { entries: vec![], extent: Extent::Whole }), b"");
    }
}
