//! In which order a folder is listed: what the query asks for, how the columns' links ask for it,
//! and how entries compare.
//!
//! Relies on entries that hold their sorting key. Never reads anything; what it does not know in a
//! query it passes over.
//! Read next: `page.rs`, whose column headers are these links.

use std::cmp::Ordering;

use super::reading::{Entry, Kind};

/// Folders first, and then by one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in super::super) struct Order {
    pub(super) by: Column,
    pub(super) direction: Direction,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Column {
    #[default]
    Name,
    Size,
    Date,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    #[default]
    Ascending,
    Descending,
}

impl Order {
    /// What a query asks for: `sort=name`, `size` or `date`, `order=asc` or `desc`. Of what is said
    /// twice, the last holds.
    pub(super) fn of(query: Option<&str>) -> Self {
        let mut order = Self::default();
        for pair in query.unwrap_or_default().split('&') {
            match pair {
                "sort=name" => order.by = Column::Name,
                "sort=size" => order.by = Column::Size,
                "sort=date" => order.by = Column::Date,
                "order=asc" => order.direction = Direction::Ascending,
                "order=desc" => order.direction = Direction::Descending,
                _ => {}
            }
        }
        order
    }

    /// What a click on a column's header leads to: the other direction where it is sorted by that
    /// already, and else what people look for first, the largest and the latest.
    pub(super) const fn after_a_click_on(self, column: Column) -> Self {
        let direction = match (self.by, self.direction, column) {
            (Column::Name, Direction::Ascending, Column::Name)
            | (Column::Size, Direction::Ascending, Column::Size)
            | (Column::Date, Direction::Ascending, Column::Date)
            | (Column::Name | Column::Date, _, Column::Size)
            | (Column::Name | Column::Size, _, Column::Date) => Direction::Descending,
            _ => Direction::Ascending,
        };
        Self { by: column, direction }
    }

    /// The query that asks for this, as a link within HTML.
    pub(super) const fn link(self) -> &'static str {
        match (self.by, self.direction) {
            (Column::Name, Direction::Ascending) => "?sort=name&amp;order=asc",
            (Column::Name, Direction::Descending) => "?sort=name&amp;order=desc",
            (Column::Size, Direction::Ascending) => "?sort=size&amp;order=asc",
            (Column::Size, Direction::Descending) => "?sort=size&amp;order=desc",
            (Column::Date, Direction::Ascending) => "?sort=date&amp;order=asc",
            (Column::Date, Direction::Descending) => "?sort=date&amp;order=desc",
        }
    }

    /// Puts entries in this order. Where the column does not decide, the name does, so that there
    /// is one order and no other.
    pub(super) fn sort(self, entries: &mut [Entry]) {
        entries.sort_unstable_by(|a, b| {
            is_file(a)
                .cmp(&is_file(b))
                .then_with(|| self.compare(a, b))
                .then_with(|| a.key().cmp(b.key()))
                .then_with(|| a.name().cmp(b.name()))
        });
    }

    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        let ascending = match self.by {
            Column::Name => a.key().cmp(b.key()).then_with(|| a.name().cmp(b.name())),
            Column::Size => a.kind.size().cmp(&b.kind.size()),
            Column::Date => a.modified.cmp(&b.modified),
        };
        match self.direction {
            Direction::Ascending => ascending,
            Direction::Descending => ascending.reverse(),
        }
    }
}

const fn is_file(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::File { .. })
}

/// Adds a name as bytes that compare as people sort: without regard to the case of ASCII letters,
/// and numbers by their value, `9` before `10`. A number is written as a zero, which keeps it among
/// the digits, the count of its digits, and these.
pub(super) fn add_key(key: &mut Vec<u8>, name: &[u8]) {
    let mut rest = name;
    while let Some(&first) = rest.first() {
        if !first.is_ascii_digit() {
            key.push(first.to_ascii_lowercase());
            rest = &rest[1..];
            continue;
        }
        let len = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let zeros = rest[..len].iter().position(|&byte| byte != b'0').unwrap_or(len);
        // No file system has names of more than 255 bytes; were there one, nothing would break.
        let count = u8::try_from(len - zeros).unwrap_or(u8::MAX);
        key.extend([b'0', count]);
        key.extend_from_slice(&rest[zeros..len]);
        rest = &rest[len..];
    }
}

#[cfg(test)]
mod tests {
    use super::super::reading::{Entry, Kind};
    use super::{Column, Direction, Order, add_key};

    fn key(name: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        add_key(&mut key, name);
        key
    }

    const fn order(by: Column, direction: Direction) -> Order {
        Order { by, direction }
    }

    #[test]
    fn a_query_asks_for_an_order_and_what_is_unknown_is_passed_over() {
        use Column::{Date, Name, Size};
        use Direction::{Ascending, Descending};
        for (query, by, direction) in [
            (None, Name, Ascending),
            (Some(""), Name, Ascending),
            (Some("sort=size"), Size, Ascending),
            (Some("sort=size&order=desc"), Size, Descending),
            (Some("order=desc&sort=date"), Date, Descending),
            (Some("order=desc"), Name, Descending),
            (Some("v=7&sort=date&order=asc&&x"), Date, Ascending),
            (Some("sort=colour&order=up"), Name, Ascending),
            (Some("SORT=size"), Name, Ascending),
            (Some("sort=size&sort=date"), Date, Ascending),
            (Some("sort=size;order=desc"), Name, Ascending),
        ] {
            assert_eq!(Order::of(query), order(by, direction), "{query:?}");
        }
    }

    #[test]
    fn a_click_turns_the_column_or_goes_to_another_and_its_link_says_so() {
        use Column::{Date, Name, Size};
        use Direction::{Ascending, Descending};
        for by in [Name, Size, Date] {
            for direction in [Ascending, Descending] {
                for column in [Name, Size, Date] {
                    let clicked = order(by, direction).after_a_click_on(column);
                    let expected = match (by == column, direction, column) {
                        (true, Ascending, _) | (false, _, Size | Date) => Descending,
                        _ => Ascending,
                    };
                    assert_eq!(clicked, order(column, expected));
                    let query = clicked.link().strip_prefix('?').unwrap().replace("&amp;", "&");
                    assert_eq!(Order::of(Some(&query)), clicked, "{query}");
                }
            }
        }
    }

    /// Every name with each below it comes before that one, and not after.
    #[test]
    fn names_compare_as_people_sort() {
        let sorted: [&[u8]; 15] = [
            b"",
            b"!",
            b"0",
            b"1.txt",
            b"9",
            b"10",
            b"IMG_2.jpg",
            b"img_10.jpg",
            b"IMG_010b.jpg",
            b"img_11.jpg",
            b"v1.9.10",
            b"v1.10.1",
            b"z",
            "ä".as_bytes(),
            b"\xFF",
        ];
        for pair in sorted.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        for (a, b) in [(&b"a"[..], &b"A"[..]), (b"x007", b"X7"), (b"000", b"0")] {
            assert_eq!(key(a), key(b));
        }
        assert!(key(&[b'9'; 300]) < key(&[b'9'; 301]));
    }

    #[test]
    fn folders_come_first_whatever_the_order() {
        let entry = |name: &str, kind, modified| Entry::new(name.as_bytes(), kind, modified);
        for (query, expected) in [
            ("", "A a b 9 10 x y"),
            ("order=desc", "b a A y x 10 9"),
            ("sort=size", "A a b y 9 x 10"),
            ("sort=size&order=desc", "A a b 10 9 x y"),
            ("sort=date", "a A b 10 x y 9"),
            ("sort=date&order=desc", "b A a 9 x y 10"),
        ] {
            let mut entries = [
                entry("b", Kind::Folder, Some(9)),
                entry("y", Kind::File { size: 1 }, Some(5)),
                entry("10", Kind::File { size: 7 }, None),
                entry("a", Kind::Folder, None),
                entry("x", Kind::File { size: 2 }, Some(5)),
                entry("9", Kind::File { size: 2 }, Some(6)),
                entry("A", Kind::Folder, Some(1)),
            ];
            Order::of(Some(query)).sort(&mut entries);
            let names = entries.each_ref().map(|entry| str::from_utf8(entry.name()).unwrap());
            assert_eq!(names.join(" "), expected, "{query}");
        }
    }
}
