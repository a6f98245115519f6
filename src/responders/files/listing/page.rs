//! The listing as a page for people.
//!
//! A heading that is the breadcrumb, a caption that sums up, and a table whose column headers sort
//! it. Its links are relative, so that they hold wherever the folder is served, behind a proxy that
//! takes off a prefix as well. It loads nothing: style, icons and script stand in it; and all but
//! the filter box works without the script, which brings that box in.
//!
//! Ten thousand rows must stay small: no row carries a class or an end tag that HTML lets one leave
//! out (HTML §13.1.2.4), and the icons go by what the links end in.
//!
//! Relies on the links' percent-encoding, which leaves nothing in them that HTML gives a meaning;
//! all other text of a folder passes through `escape`.
//! Read next: `style.css`, `filter.js`.

use std::fmt::{self, Write};

use super::super::names;
use super::Place;
use super::figures::{Count, Days, Size};
use super::order::{Column, Direction, Order};
use super::reading::{Contents, Entry, Extent, Kind, Totals};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("filter.js");

/// A folder in the browser's tab; also, no browser asks for `/favicon.ico` then.
const ICON: &str = "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'%20\
                    viewBox='0%200%2016%2016'%3E%3Cpath%20fill='%234a8be0'%20\
                    d='M1%203h5l2%202h7v9H1z'/%3E%3C/svg%3E";

const FILTER: &str = r#"<p id="filter" role="search" hidden><label for="box">Filter</label>
<output for="box" aria-live="polite"></output>
<input id="box" type="search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/"></p>"#;

/// Bytes of a page beside its rows, and of a row of names of usual length: what is set aside, so
/// that a page is not moved about while it grows.
const FRAME_FORESEEN: usize = 8 * 1024;
const ROW_FORESEEN: usize = 128;

pub(super) fn written(place: &Place<'_>, contents: &Contents, order: Order) -> Vec<u8> {
    let mut out = String::with_capacity(FRAME_FORESEEN + contents.entries.len() * ROW_FORESEEN);
    put_head(&mut out, place);
    let is_empty = contents.entries.is_empty();
    out.push_str("<body>\n<header>\n");
    put_breadcrumb(&mut out, place);
    if !is_empty {
        put(&mut out, format_args!("{FILTER}\n<script>\n{SCRIPT}</script>\n"));
    }
    out.push_str("</header>\n<main>\n<table>\n");
    put_caption(&mut out, contents.totals(), contents.extent);
    if !is_empty {
        put_columns(&mut out, order);
    }
    if !place.names.is_root() {
        out.push_str("<tbody>\n<tr><th scope=row><a href=\"../\">Parent folder</a><td><td>\n");
    }
    out.push_str("<tbody id=\"entries\" translate=\"no\">\n");
    let mut days = Days::default();
    for entry in &contents.entries {
        put_row(&mut out, entry, &mut days);
    }
    out.push_str("</table>\n</main>\n</body>\n</html>\n");
    out.into_bytes()
}

fn put_head(out: &mut String, place: &Place<'_>) {
    out.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    out.push_str("<meta name=\"color-scheme\" content=\"light dark\">\n<title>Index of ");
    escape(out, &place.path());
    put(out, format_args!("</title>\n<link rel=\"icon\" href=\"{ICON}\">\n"));
    put(out, format_args!("<style>\n{STYLE}</style>\n</head>\n"));
}

/// The path as a heading, each folder above a link to it.
fn put_breadcrumb(out: &mut String, place: &Place<'_>) {
    let names = place.names.as_bytes().split(|&byte| byte == b'/').filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
    out.push_str("<nav aria-label=\"Breadcrumb\">\n<h1><small>Index of</small>\n");
    put_crumb(out, names.len(), place.mount, "");
    for (index, name) in names.iter().enumerate() {
        put_crumb(out, names.len() - index - 1, name, "/");
    }
    out.push_str("</h1>\n</nav>\n");
}

/// A folder so many above the one that is listed.
fn put_crumb(out: &mut String, above: usize, name: &str, slash: &str) {
    if above == 0 {
        out.push_str("<span aria-current=\"page\">");
        escape(out, name);
        put(out, format_args!("{slash}</span>"));
    } else {
        out.push_str("<a href=\"");
        (0..above).for_each(|_| out.push_str("../"));
        out.push_str("\">");
        escape(out, name);
        put(out, format_args!("{slash}</a>"));
    }
}

/// What the table is: how many folders and files, and the bytes of these.
fn put_caption(out: &mut String, totals: Totals, extent: Extent) {
    let Totals { folders, files, size } = totals;
    out.push_str("<caption>");
    let nothing = match extent {
        Extent::Whole => "This folder is empty.",
        Extent::Cut => {
            out.push_str("<b>There is more here than one page shows.</b> ");
            "What was looked at cannot be shown."
        }
    };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    if folders > 0 {
        put(out, format_args!("{} folder{}", Count(folders), plural(folders)));
    }
    if files > 0 {
        let comma = if folders > 0 { ", " } else { "" };
        put(out, format_args!("{comma}{} file{}", Count(files), plural(files)));
        put(out, format_args!(", {} in all", Size(size)));
    }
    if folders == 0 && files == 0 {
        out.push_str(nothing);
    }
    out.push_str("</caption>\n");
}

fn put_columns(out: &mut String, order: Order) {
    out.push_str("<thead>\n<tr>");
    for (column, title) in
        [(Column::Name, "Name"), (Column::Size, "Size"), (Column::Date, "Modified (UTC)")]
    {
        let sorted = match (order.by == column, order.direction) {
            (false, _) => "",
            (true, Direction::Ascending) => " aria-sort=\"ascending\"",
            (true, Direction::Descending) => " aria-sort=\"descending\"",
        };
        let link = order.after_a_click_on(column).link();
        put(out, format_args!("<th scope=\"col\"{sorted}><a href=\"{link}\">{title}</a></th>"));
    }
    out.push_str("</tr>\n</thead>\n");
}

fn put_row(out: &mut String, entry: &Entry, days: &mut Days) {
    let slash = if entry.kind == Kind::Folder { "/" } else { "" };
    out.push_str("<tr><th scope=row><a href=\"");
    out.push_str(&names::encoded(entry.name()));
    out.push_str(slash);
    out.push_str("\">");
    escape(out, &String::from_utf8_lossy(entry.name()));
    out.push_str(slash);
    out.push_str("</a><td>");
    if let Kind::File { size } = entry.kind {
        put(out, format_args!("{}", Size(size)));
    }
    out.push_str("<td>");
    if let Some(moment) = entry.modified.and_then(|seconds| days.moment(seconds)) {
        moment.put_minute(out);
    }
    out.push('\n');
}

fn put(out: &mut String, text: fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes what it is given");
}

/// Adds text within HTML, also within quotes.
fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| entity(byte).is_some()) {
        out.push_str(&rest[..at]);
        out.push_str(entity(rest.as_bytes()[at]).unwrap_or_default());
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// What stands for a byte that HTML gives a meaning.
const fn entity(byte: u8) -> Option<&'static str> {
    match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'"' => Some("&quot;"),
        b'\'' => Some("&#39;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::beneath::Root;
    use super::super::super::names::Names;
    use super::super::super::options::{Hidden, Symlinks};
    use super::super::Place;
    use super::super::order::{self, Order};
    use super::super::reading::{Contents, Entry, Extent, Kind};
    use super::{SCRIPT, STYLE, escape, written};

    fn file(name: &[u8], size: u64) -> Entry {
        Entry::new(name, Kind::File { size }, Some(784_111_777))
    }

    fn folder(name: &[u8]) -> Entry {
        Entry::new(name, Kind::Folder, None)
    }

    fn page(mount: &str, path: &str, query: &str, extent: Extent, entries: Vec<Entry>) -> String {
        let root = Root::at("/".as_ref(), Symlinks::Inside).unwrap();
        let names = Names::parse(path).unwrap();
        let place = Place { root: &root, names: &names, mount, hidden: Hidden::Refused };
        let contents = Contents { entries, extent };
        String::from_utf8(written(&place, &contents, Order::of(Some(query)))).unwrap()
    }

    /// A page of these entries in the root.
    fn page_of(entries: Vec<Entry>) -> String {
        page("/", "/", "", Extent::Whole, entries)
    }

    /// The rows of a page, each without the markup before its link.
    fn rows(page: &str) -> Vec<&str> {
        page.lines().filter_map(|line| line.strip_prefix("<tr><th scope=row>")).collect()
    }

    /// What stands between two marks for the first time.
    fn between<'p>(page: &'p str, before: &str, after: &str) -> &'p str {
        let start = page.find(before).unwrap_or_else(|| panic!("no {before:?}")) + before.len();
        let len = page[start..].find(after).unwrap_or_else(|| panic!("no {after:?}"));
        &page[start..start + len]
    }

    #[test]
    fn a_row_has_link_size_and_date() {
        assert_eq!(
            rows(&page_of(vec![folder(b"sub"), file(b"a.txt", 1536)])),
            [
                "<a href=\"sub/\">sub/</a><td><td>",
                "<a href=\"a.txt\">a.txt</a><td>1.5 KiB<td>1994-11-06 08:49",
            ]
        );
    }

    #[test]
    fn only_where_there_is_a_parent_a_link_leads_to_it() {
        let parent = "<a href=\"../\">Parent folder</a><td><td>";
        for (path, mount, expected) in
            [("/", "/", vec![]), ("/", "/docs/", vec![]), ("/sub/", "/", vec![parent])]
        {
            assert_eq!(rows(&page(mount, path, "", Extent::Whole, vec![])), expected, "{path}");
        }
    }

    #[test]
    fn names_are_links_exactly_and_text_as_well_as_can_be() {
        for (name, link) in [
            (&b"a b"[..], "<a href=\"a%20b\">a b</a>"),
            (b"100%", "<a href=\"100%25\">100%</a>"),
            (b"%41", "<a href=\"%2541\">%41</a>"),
            (b"a;b", "<a href=\"a%3Bb\">a;b</a>"),
            (b"http:x", "<a href=\"http%3Ax\">http:x</a>"),
            (b"a?b#c", "<a href=\"a%3Fb%23c\">a?b#c</a>"),
            (b"\"'", "<a href=\"%22%27\">&quot;&#39;</a>"),
            (b"<b>&amp;", "<a href=\"%3Cb%3E%26amp%3B\">&lt;b&gt;&amp;amp;</a>"),
            (b"</table>", "<a href=\"%3C%2Ftable%3E\">&lt;/table&gt;</a>"),
            ("ü".as_bytes(), "<a href=\"%C3%BC\">ü</a>"),
            (b"\xFFx", "<a href=\"%FFx\">\u{FFFD}x</a>"),
        ] {
            let page = page_of(vec![file(name, 1)]);
            assert!(rows(&page)[0].starts_with(link), "{:?}", rows(&page));
        }
    }

    #[test]
    fn the_breadcrumb_leads_up_and_names_where_it_is_mounted() {
        for (mount, path, title, crumbs) in [
            ("/", "/", "/", "<span aria-current=\"page\">/</span>"),
            ("/docs/", "/", "/docs/", "<span aria-current=\"page\">/docs/</span>"),
            (
                "/docs/",
                "/a/",
                "/docs/a/",
                "<a href=\"../\">/docs/</a><span aria-current=\"page\">a/</span>",
            ),
            (
                "/",
                "/%3Ca%3E/b%20c/%FF/",
                "/&lt;a&gt;/b c/\u{FFFD}/",
                "<a href=\"../../../\">/</a><a href=\"../../\">&lt;a&gt;/</a>\
                 <a href=\"../\">b c/</a><span aria-current=\"page\">\u{FFFD}/</span>",
            ),
            (
                "/\"<&/",
                "/",
                "/&quot;&lt;&amp;/",
                "<span aria-current=\"page\">/&quot;&lt;&amp;/</span>",
            ),
        ] {
            let page = page(mount, path, "", Extent::Whole, vec![]);
            assert_eq!(between(&page, "<title>Index of ", "</title>"), title);
            assert_eq!(between(&page, "Index of</small>\n", "</h1>"), crumbs);
        }
    }

    #[test]
    fn the_columns_are_links_and_say_which_of_them_it_is_sorted_by() {
        for (query, name, size, date) in [
            ("", "aria-sort=\"ascending\"", "", ""),
            ("order=desc", "aria-sort=\"descending\"", "", ""),
            ("sort=size&order=desc", "", "aria-sort=\"descending\"", ""),
            ("sort=date", "", "", "aria-sort=\"ascending\""),
        ] {
            let page = page("/", "/", query, Extent::Whole, vec![file(b"a", 1)]);
            let head = between(&page, "<thead>\n<tr>", "</tr>");
            let columns: Vec<_> = head.split_terminator("</th>").collect();
            let order = Order::of(Some(query));
            assert_eq!(columns.len(), 3);
            for (column, sorted, by, title) in [
                (columns[0], name, order::Column::Name, "Name"),
                (columns[1], size, order::Column::Size, "Size"),
                (columns[2], date, order::Column::Date, "Modified (UTC)"),
            ] {
                let space = if sorted.is_empty() { "" } else { " " };
                let link = order.after_a_click_on(by).link();
                let expected =
                    format!("<th scope=\"col\"{space}{sorted}><a href=\"{link}\">{title}</a>");
                assert_eq!(column, expected, "{query}");
            }
        }
    }

    #[test]
    fn the_caption_sums_up_and_says_what_is_missing() {
        let one = || vec![folder(b"a"), file(b"b", 1024)];
        for (extent, entries, expected) in [
            (Extent::Whole, vec![], "This folder is empty."),
            (Extent::Whole, vec![folder(b"a")], "1 folder"),
            (Extent::Whole, vec![file(b"a", 7), file(b"b", 8)], "2 files, 15 B in all"),
            (Extent::Whole, one(), "1 folder, 1 file, 1.0 KiB in all"),
            (
                Extent::Cut,
                one(),
                "<b>There is more here than one page shows.</b> \
                 1 folder, 1 file, 1.0 KiB in all",
            ),
            (
                Extent::Cut,
                vec![],
                "<b>There is more here than one page shows.</b> \
                 What was looked at cannot be shown.",
            ),
        ] {
            let page = page("/", "/", "", extent, entries);
            assert_eq!(between(&page, "<caption>", "</caption>"), expected);
        }
    }

    #[test]
    fn an_empty_folder_has_nothing_to_sort_or_filter() {
        for (entries, expected) in [(vec![], false), (vec![file(b"a", 1)], true)] {
            let page = page_of(entries);
            for part in ["<thead>", "id=\"filter\"", "<script>"] {
                assert_eq!(page.contains(part), expected, "{part}");
            }
        }
    }

    /// Whatever ends the element would end it in the middle; and nothing is loaded from elsewhere.
    #[test]
    fn style_and_script_stand_in_the_page_and_load_nothing() {
        for text in [STYLE, SCRIPT] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
        let page = page_of(vec![file(b"a", 1)]);
        let page = page.replace("http://www.w3.org/2000/svg", "");
        for outside in ["http:", "https:", "//", "src=", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn text_is_escaped_for_html() {
        for (text, expected) in [
            ("", ""),
            ("a", "a"),
            ("<<&>>", "&lt;&lt;&amp;&gt;&gt;"),
            ("a\"b'c", "a&quot;b&#39;c"),
            ("ä<ö", "ä&lt;ö"),
        ] {
            let mut out = String::new();
            escape(&mut out, text);
            assert_eq!(out, expected);
        }
    }
}
