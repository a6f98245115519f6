//! The listing as JSON, for programs.
//!
//! ```json
//! {"path":"/docs/","folders":1,"files":1,"size":1536,"cut":false,"entries":[
//!  {"name":"sub","type":"directory","size":null,"modified":"1994-11-06T08:49:37Z","href":"sub/"},
//!  {"name":"a b","type":"file","size":1536,"modified":"1994-11-06T08:49:37Z","href":"a%20b"}]}
//! ```
//!
//! Relies on `serde_json` for what JSON must escape. Names are text as well as can be, and exact in
//! `href`. `directory` and `file` are what nginx calls them, so that its clients understand.
//! Read next: nothing; this is the last of the forms.

use std::borrow::Cow;

use serde_core::ser::{Serialize, SerializeStruct, Serializer};

use super::super::names;
use super::Place;
use super::figures::Days;
use super::reading::{Contents, Entry, Extent, Kind};

pub(super) fn written(place: &Place<'_>, contents: &Contents) -> Vec<u8> {
    let mut days = Days::default();
    let rows = contents.entries.iter().map(|entry| Row::of(entry, &mut days)).collect();
    let document = Document { path: place.path(), contents, rows };
    serde_json::to_vec(&document).expect("texts and numbers can be written as JSON")
}

struct Document<'a> {
    path: String,
    contents: &'a Contents,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    name: Cow<'a, str>,
    kind: Kind,
    modified: Option<String>,
    href: Cow<'a, str>,
}

impl<'a> Row<'a> {
    fn of(entry: &'a Entry, days: &mut Days) -> Self {
        let name = String::from_utf8_lossy(entry.name());
        let modified = entry.modified.and_then(|seconds| days.moment(seconds));
        let modified = modified.map(super::figures::Moment::timestamp);
        let mut href = names::encoded(entry.name());
        if entry.kind == Kind::Folder {
            href += "/";
        }
        Self { name, kind: entry.kind, modified, href }
    }
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let totals = self.contents.totals();
        let mut fields = to.serialize_struct("Listing", 6)?;
        fields.serialize_field("path", &self.path)?;
        fields.serialize_field("folders", &totals.folders)?;
        fields.serialize_field("files", &totals.files)?;
        fields.serialize_field("size", &totals.size)?;
        fields.serialize_field("cut", &(self.contents.extent == Extent::Cut))?;
        fields.serialize_field("entries", &self.rows)?;
        fields.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let kind = match self.kind {
            Kind::Folder => "directory",
            Kind::File { .. } => "file",
        };
        let mut fields = to.serialize_struct("Entry", 5)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("type", kind)?;
        fields.serialize_field("size", &self.kind.size())?;
        fields.serialize_field("modified", &self.modified)?;
        fields.serialize_field("href", &self.href)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::super::beneath::Root;
    use super::super::super::names::Names;
    use super::super::super::options::{Hidden, Symlinks};
    use super::super::Place;
    use super::super::reading::{Contents, Entry, Extent, Kind};
    use super::written;

    fn document(path: &str, extent: Extent, entries: Vec<Entry>) -> Value {
        let root = Root::at("/".as_ref(), Symlinks::Inside).unwrap();
        let names = Names::parse(path).unwrap();
        let place = Place { root: &root, names: &names, mount: "/docs/", hidden: Hidden::Refused };
        serde_json::from_slice(&written(&place, &Contents { entries, extent })).unwrap()
    }

    #[test]
    fn a_document_tells_of_the_folder_and_each_entry() {
        let entries = vec![
            Entry::new(b"a b", Kind::Folder, Some(784_111_777)),
            Entry::new(b"\"<\\\xFF", Kind::File { size: u64::MAX }, None),
        ];
        let expected = json!({
            "path": "/docs/a\"b/", "folders": 1, "files": 1, "size": u64::MAX, "cut": true,
            "entries": [
                {"name": "a b", "type": "directory", "size": null,
                 "modified": "1994-11-06T08:49:37Z", "href": "a%20b/"},
                {"name": "\"<\\\u{FFFD}", "type": "file", "size": u64::MAX,
                 "modified": null, "href": "%22%3C%5C%FF"},
            ],
        });
        assert_eq!(document("/a%22b/", Extent::Cut, entries), expected);
        let expected = json!({
            "path": "/docs/", "folders": 0, "files": 0, "size": 0, "cut": false, "entries": [],
        });
        assert_eq!(document("/", Extent::Whole, vec![]), expected);
    }
}
