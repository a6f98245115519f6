//! Pages of the operator's for errors, in place of one line of text. They are read once, at the
//! start, so that an error costs no look at the disk and cannot fail in its turn.
//!
//! Never waits for a writer: a FIFO or device is refused.
//! Read next: `options.rs`.

use std::fs::{File, metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::media;
use super::options::{FileOptions, OptionError};
use crate::config::ERROR_PAGE;
use crate::message::{Body, Response};

/// The pages, by status.
#[derive(Debug, Default)]
pub(super) struct ErrorPages(Vec<Page>);

#[derive(Debug)]
struct Page {
    status: StatusCode,
    content_type: HeaderValue,
    bytes: Arc<[u8]>,
}

impl ErrorPages {
    /// Reads all of them. Of two for one status the first is taken.
    pub(super) fn read(options: &FileOptions) -> Result<Self, OptionError> {
        let page = |(status, path): &(StatusCode, PathBuf)| {
            let status = *status;
            if !(status.is_client_error() || status.is_server_error()) {
                return Err(OptionError::ErrorStatus(status));
            }
            let name = path.file_name().unwrap_or_default().as_bytes();
            match read(path) {
                Ok(bytes) => {
                    let content_type = media::content_type(name, options);
                    Ok(Page { status, content_type, bytes: bytes.into() })
                }
                Err(source) => Err(OptionError::ErrorPage { status, path: path.clone(), source }),
            }
        };
        options.error_pages.iter().map(page).collect::<Result<_, _>>().map(Self)
    }

    /// The answer with the page for its status as its content, if there is one. What else it says,
    /// such as the Allow of a 405, it still says.
    pub(super) fn dress(&self, response: Response) -> Response {
        let Some(page) = self.0.iter().find(|page| page.status == response.status) else {
            return response;
        };
        let body = Body::Shared(Arc::clone(&page.bytes));
        Response { body, ..response }
            .with_header_replaced(header::CONTENT_TYPE, page.content_type.clone())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(ERROR_PAGE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ERROR_PAGE {
        return Err(io::Error::other(format!("it is larger than {ERROR_PAGE} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, write};

    use http::Method;

    use super::super::scratch::{Folder, field};
    use super::{Body, ERROR_PAGE, ErrorPages, FileOptions, PathBuf, Response, StatusCode};

    /// The pages of these files, made in a folder where there is a page `page.html`, `large`, which
    /// is one byte too large, `fits`, which just is not, and `socket`.
    fn pages(pages: &[(u16, &str)]) -> Result<ErrorPages, String> {
        let folder = Folder::new();
        write(folder.path().join("page.html"), "<p>gone").unwrap();
        for (name, len) in [("large", ERROR_PAGE + 1), ("fits", ERROR_PAGE)] {
            File::create(folder.path().join(name)).unwrap().set_len(len).unwrap();
        }
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let page = |&(status, name): &(u16, &str)| -> (StatusCode, PathBuf) {
            (StatusCode::from_u16(status).unwrap(), folder.path().join(name))
        };
        let error_pages = pages.iter().map(page).collect();
        let options = FileOptions { error_pages, ..FileOptions::default() };
        ErrorPages::read(&options).map_err(|error| error.to_string())
    }

    #[test]
    fn an_error_gets_its_page_and_nothing_else_does() {
        let pages = pages(&[(404, "page.html"), (405, "fits"), (404, "fits")]).unwrap();
        let dressed = pages.dress(Response::status(StatusCode::NOT_FOUND));
        assert_eq!(dressed.status_code(), 404);
        assert!(matches!(dressed.body(), Body::Shared(bytes) if **bytes == *b"<p>gone"));
        assert_eq!(field(&dressed, "content-type"), "text/html; charset=utf-8");
        assert_eq!(dressed.headers().len(), 1);

        let refused =
            Response::method_refused(&Method::PUT, super::HeaderValue::from_static("GET"));
        let dressed = pages.dress(refused);
        assert_eq!(dressed.body().len(), Some(ERROR_PAGE));
        assert_eq!(field(&dressed, "content-type"), "application/octet-stream");
        assert_eq!(field(&dressed, "allow"), "GET");

        for status in [StatusCode::OK, StatusCode::GONE] {
            let bare = pages.dress(Response::status(status));
            assert!(matches!(bare.body(), Body::Bytes(_)), "{status}");
        }
    }

    #[test]
    fn what_can_be_no_page_is_told() {
        for (status, name, expected) in [
            (404, "none", "the page of 404: "),
            (404, ".", "it is not a regular file"),
            (404, "socket", "it is not a regular file"),
            (500, "large", "it is larger than 1048576 bytes"),
            (200, "page.html", "200 is no error"),
            (304, "page.html", "304 is no error"),
            (600, "page.html", "600 is no error"),
        ] {
            let refused = pages(&[(404, "page.html"), (status, name)]).unwrap_err();
            assert!(refused.contains(expected), "{status} {name}: {refused}");
            assert!(refused.contains("; "), "{refused}");
        }
    }
}
