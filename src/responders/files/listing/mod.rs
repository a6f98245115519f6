//! A folder as a listing: a page for people, JSON and plain text for programs.
//!
//! What a client asked for is an [`Ask`], small and comparable, so that answers can be kept by it;
//! [`made`] is everything that takes time, reading, sorting and writing, and needs no request, so
//! that it can be done on another thread.
//!
//! Relies on the folder being open. Names are bytes: a link carries them exactly, text as well as
//! it can.
//! Read next: `reading.rs`, `order.rs`, and of the forms `page.rs` first.

mod figures;
mod json;
mod order;
mod page;
mod plain;
mod reading;

use std::os::fd::OwnedFd;

use http::StatusCode;
use http::header::{self, HeaderValue};

use self::order::Order;
use self::reading::Contents;
use super::beneath::Root;
use super::names::Names;
use super::opened::Refusal;
use super::options::Hidden;
use crate::config::LISTING_ENTRIES;
use crate::message::{Body, Fields, Request, Response};
use crate::wire::conditional::{self, Validators, Verdict};
use crate::wire::negotiate::media;

/// What the preconditions of a request ask for in place of a listing. One listing is not told from
/// the next, so only `*` can hold.
pub(super) fn instead(request: &Request<'_>) -> Option<Response> {
    let current = Validators { etag: None, modified: None };
    match conditional::evaluate(request.method(), request.headers(), &current) {
        Verdict::Proceed => None,
        Verdict::NotModified => Some(described(Response::status(StatusCode::NOT_MODIFIED))),
        Verdict::PreconditionFailed => {
            Some(described(Response::status(StatusCode::PRECONDITION_FAILED)))
        }
    }
}

fn described(response: Response) -> Response {
    response
        .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
        .with_header(header::VARY, HeaderValue::from_static("Accept"))
}

/// A folder that is listed: where it is, and what of it may be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) root: &'a Root,
    pub(super) names: &'a Names,
    /// The path that the root is served under, with a slash at both ends.
    pub(super) mount: &'a str,
    pub(super) hidden: Hidden,
}

impl Place<'_> {
    /// The path as text for people.
    fn path(&self) -> String {
        let beneath = self.names.shown();
        format!("{}{}", self.mount, beneath.strip_prefix('/').unwrap_or(&beneath))
    }
}

/// What was asked for. There are few of these, whatever is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ask {
    form: Form,
    order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Page,
    Json,
    Plain,
}

impl Form {
    /// The page first: it is for those who do not say what they would have.
    const ALL: [Self; 3] = [Self::Page, Self::Json, Self::Plain];

    const fn media(self) -> &'static str {
        match self {
            Self::Page => "text/html",
            Self::Json => "application/json",
            Self::Plain => "text/plain",
        }
    }

    /// JSON is UTF-8 and nothing else (RFC 8259 §8.1), and its type has no charset to say so.
    const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Plain => "text/plain; charset=utf-8",
        })
    }
}

impl Ask {
    /// What query and Accept ask for. Whoever accepts none of the forms gets the page, which says
    /// more than 406 would (RFC 9110 §12.5.1).
    pub(super) fn of(query: Option<&str>, fields: Fields<'_>) -> Self {
        let wanted = media(fields, &Form::ALL.map(Form::media));
        let form = Form::ALL.into_iter().find(|form| Some(form.media()) == wanted);
        Self { form: form.unwrap_or(Form::Page), order: Order::of(query) }
    }
}

/// A listing as it is sent.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) content_type: HeaderValue,
    pub(super) bytes: Vec<u8>,
}

impl Made {
    pub(super) fn response(self) -> Response {
        let response = Response::new(StatusCode::OK, Body::Bytes(self.bytes))
            .with_header(header::CONTENT_TYPE, self.content_type)
            .with_header(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        described(response)
    }
}

/// Reads the folder, puts it in order and writes it down. Takes as long as the disk does, and some
/// milliseconds for a thousand entries.
pub(super) fn made(place: &Place<'_>, folder: OwnedFd, ask: Ask) -> Result<Made, Refusal> {
    let mut contents = Contents::read(place, folder, LISTING_ENTRIES)?;
    ask.order.sort(&mut contents.entries);
    let bytes = match ask.form {
        Form::Page => page::written(place, &contents, ask.order),
        Form::Json => json::written(place, &contents),
        Form::Plain => plain::written(&contents),
    };
    Ok(Made { content_type: ask.form.content_type(), bytes })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs::{create_dir, write};
    use std::os::unix::ffi::OsStrExt;

    use super::super::Files;
    use super::super::options::{FileOptions, Hidden};
    use super::super::scratch::{Folder, ask, bytes, field};
    use super::{Ask, Form, Made, Order, Place};
    use crate::message::Fields;

    /// What a helper thread needs it may have.
    #[test]
    fn all_of_it_may_cross_to_another_thread() {
        const fn is_send<T: Send>() {}
        is_send::<Place<'_>>();
        is_send::<Ask>();
        is_send::<Made>();
    }

    #[test]
    fn the_form_is_what_accept_asks_for_and_the_page_where_it_asks_for_none() {
        for (accept, form) in [
            ("text/html", Form::Page),
            ("*/*", Form::Page),
            ("image/png", Form::Page),
            ("application/json", Form::Json),
            ("text/plain", Form::Plain),
            ("text/*", Form::Page),
            ("text/html;q=0.2, text/plain;q=0.3", Form::Plain),
        ] {
            let lines = format!("Accept: {accept}\r\n");
            let asked = Ask::of(Some("sort=size"), Fields::from_checked_lines(lines.as_bytes()));
            assert_eq!(asked, Ask { form, order: Order::of(Some("sort=size")) }, "{accept}");
        }
        let nothing = Ask::of(None, Fields::default());
        assert_eq!(nothing, Ask { form: Form::Page, order: Order::default() });
    }

    #[test]
    fn each_form_says_its_type_and_depends_on_accept() {
        let folder = Folder::new();
        create_dir(folder.path().join("sub")).unwrap();
        write(folder.path().join(OsStr::from_bytes(b"a\xFF")), "12").unwrap();
        write(folder.path().join("b"), "1").unwrap();
        let mut files = Files::new(folder.path()).unwrap();
        for (accept, content_type, begin) in [
            ("", "text/html; charset=utf-8", "<!DOCTYPE html>\n<html lang=\"en\">"),
            ("Accept: application/json\r\n", "application/json", "{\"path\":\"/\",\"folders\":1"),
            ("Accept: text/plain\r\n", "text/plain; charset=utf-8", "sub/\na\u{FFFD}\nb\n"),
        ] {
            for (method, extra, status) in
                [("GET", "", 200), ("HEAD", "", 200), ("GET", "If-None-Match: *\r\n", 304)]
            {
                let response = ask(&mut files, method, "/", &format!("{accept}{extra}"));
                assert_eq!(response.status_code(), status, "{accept}");
                assert_eq!(field(&response, "vary"), "Accept");
                assert_eq!(field(&response, "cache-control"), "no-cache");
                if status == 200 {
                    assert_eq!(field(&response, "content-type"), content_type);
                    assert_eq!(field(&response, "x-content-type-options"), "nosniff");
                    let text = str::from_utf8(bytes(&response)).unwrap();
                    assert!(text.starts_with(begin), "{text}");
                }
            }
        }
        for (query, expected) in [
            ("?sort=size", "sub/\nb\na\u{FFFD}\n"),
            ("?sort=size&order=desc&x=<script>", "sub/\na\u{FFFD}\nb\n"),
        ] {
            let target = format!("/{query}");
            let response = ask(&mut files, "GET", &target, "Accept: text/plain\r\n");
            assert_eq!(str::from_utf8(bytes(&response)).unwrap(), expected, "{query}");
        }
    }

    #[test]
    fn mount_and_hidden_names_are_as_the_options_say() {
        let folder = Folder::new();
        write(folder.path().join(".env"), "").unwrap();
        for (mount, hidden, shown) in
            [("/", Hidden::Refused, ""), ("/docs/", Hidden::Served, ".env\n")]
        {
            let options = FileOptions { mount: mount.into(), hidden, ..FileOptions::default() };
            let mut files = Files::with(folder.path(), options).unwrap();
            let page = ask(&mut files, "GET", mount, "");
            let page = str::from_utf8(bytes(&page)).unwrap();
            assert!(page.contains(&format!("<title>Index of {mount}</title>")), "{page}");
            let plain = ask(&mut files, "GET", mount, "Accept: text/plain\r\n");
            assert_eq!(str::from_utf8(bytes(&plain)).unwrap(), shown);
        }
    }
}
