//! Methods and paths, each with a responder of its own.
//!
//! Relies on `Request::path` being in normal form: a route is brought into the same form once, when
//! it is given, so that finding it is one look-up of exact bytes and allocates nothing. Knows no
//! patterns, and never looks at the query.
//! Read next: `files/mod.rs`.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use http::header::HeaderValue;
use http::{Method, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Responder;
use crate::message::{Answer, Request, Response};
use crate::wire::grammar::percent_octet;
use crate::wire::{Fault, target};

/// What may not stand in a path as it is (RFC 3986 §3.3), beside what is not ASCII, and but for the
/// `%`, which begins what is encoded already.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Answers each method and path by its own responder.
///
/// - A path that is not there: the [fallback](Self::fallback), or else 404.
/// - A path that is there, but not with that method: 405 with an `Allow` of what is, or 501 for a
///   method that HTTP does not know.
/// - HEAD goes to the GET responder where it has none of its own; the connection leaves the body
///   out.
/// - OPTIONS on a path that is there, or on `*`, gets 204 with `Allow`, unless the path has its
///   own.
///
/// ```
/// use oneloop::{Answer, Request, Response, Routes};
///
/// let routes = Routes::new()
///     .get("/", |_: &Request<'_>| Response::text("hello\n"))
///     .get("/über uns", |_: &Request<'_>| Response::text("two people and a loop\n"))
///     .post("/echo", |_: &Request<'_>| Answer::collect(|body| Response::bytes(body)));
/// ```
#[derive(Default)]
pub struct Routes {
    paths: HashMap<String, Vec<Route>>,
    fallback: Option<Box<dyn Responder>>,
}

struct Route {
    method: Method,
    responder: Box<dyn Responder>,
}

impl Routes {
    /// No routes yet: 404 for everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, answering GET on `path`, and HEAD unless that has a route of its own.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn get(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::GET, path, responder)
    }

    /// The same, answering HEAD on `path`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn head(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::HEAD, path, responder)
    }

    /// The same, answering POST on `path`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn post(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::POST, path, responder)
    }

    /// The same, answering PUT on `path`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn put(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::PUT, path, responder)
    }

    /// The same, answering PATCH on `path`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn patch(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::PATCH, path, responder)
    }

    /// The same, answering DELETE on `path`.
    ///
    /// # Panics
    /// As [`route`](Self::route).
    #[must_use]
    #[track_caller]
    pub fn delete(self, path: &str, responder: impl Responder + 'static) -> Self {
        self.route(Method::DELETE, path, responder)
    }

    /// The same, answering `method` on `path`, which may be written plainly (`/a b`, `/über`) or
    /// percent-encoded (`/a%20b`).
    ///
    /// # Panics
    /// If the path does not begin with `/`, if no request can have it (it climbs above `/`, or
    /// holds control bytes), and if this method and path were given before.
    #[must_use]
    #[track_caller]
    pub fn route(
        mut self,
        method: Method,
        path: &str,
        responder: impl Responder + 'static,
    ) -> Self {
        let routes = self.paths.entry(route_path(path)).or_default();
        assert!(
            routes.iter().all(|route| route.method != method),
            "the route {method} `{path}` is given twice",
        );
        routes.push(Route { method, responder: Box::new(responder) });
        self
    }

    /// The same, answering by `responder` whatever path is not there.
    ///
    /// # Panics
    /// If there is a fallback already.
    #[must_use]
    #[track_caller]
    pub fn fallback(mut self, responder: impl Responder + 'static) -> Self {
        assert!(self.fallback.is_none(), "the fallback is given twice");
        self.fallback = Some(Box::new(responder));
        self
    }
}

impl Responder for Routes {
    fn respond(&mut self, request: &Request<'_>) -> Answer {
        let method = request.method();
        if *method == Method::OPTIONS && request.path() == "*" {
            return options(self.paths.values().flatten()).into();
        }
        let Some(routes) = self.paths.get_mut(request.path()) else {
            return match &mut self.fallback {
                Some(fallback) => fallback.respond(request),
                None => Response::status(StatusCode::NOT_FOUND).into(),
            };
        };
        match position(routes, method) {
            Some(index) => routes[index].responder.respond(request),
            None if *method == Method::OPTIONS => options(&*routes).into(),
            None => Response::method_refused(method, allow(&*routes)).into(),
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes = self.paths.iter().flat_map(|(path, routes)| {
            routes.iter().map(move |route| format!("{} {path}", route.method))
        });
        f.debug_struct("Routes")
            .field("routes", &routes.collect::<BTreeSet<_>>())
            .field("fallback", &self.fallback.is_some())
            .finish()
    }
}

/// Where the route for `method` is: its own one, or for HEAD the one for GET (RFC 9110 §9.3.2).
fn position(routes: &[Route], method: &Method) -> Option<usize> {
    let of = |method: &Method| routes.iter().position(|route| route.method == *method);
    of(method).or_else(|| if *method == Method::HEAD { of(&Method::GET) } else { None })
}

fn options<'a>(routes: impl IntoIterator<Item = &'a Route>) -> Response {
    Response::status(StatusCode::NO_CONTENT).with_header(header::ALLOW, allow(routes))
}

/// The methods these routes answer, HEAD where GET is and OPTIONS always, in the order of the
/// alphabet.
fn allow<'a>(routes: impl IntoIterator<Item = &'a Route>) -> HeaderValue {
    let mut methods = BTreeSet::from([Method::OPTIONS.as_str()]);
    for route in routes {
        methods.insert(route.method.as_str());
        if route.method == Method::GET {
            methods.insert(Method::HEAD.as_str());
        }
    }
    let list = methods.into_iter().collect::<Vec<_>>().join(", ");
    HeaderValue::try_from(list).expect("a method is a token, and tokens may stand in a field")
}

/// The path of a route, in normal form.
#[track_caller]
fn route_path(path: &str) -> String {
    assert!(path.starts_with('/'), "the path of a route begins with `/`, but `{path}` does not");
    match normal_form(path) {
        Ok(path) => path,
        Err(fault) => panic!("no request can have the path of the route `{path}`: {fault}"),
    }
}

/// A path as `Request::path` would have it, made by the very function that makes those: first what
/// may not stand in a target is encoded, then the target is parsed.
pub(super) fn normal_form(path: &str) -> Result<String, Fault> {
    let mut encoded = String::with_capacity(path.len());
    for (index, piece) in path.split('%').enumerate() {
        if index > 0 {
            let is_triplet = percent_octet(piece.as_bytes()).is_some();
            encoded.push_str(if is_triplet { "%" } else { "%25" });
        }
        encoded.extend(utf8_percent_encode(piece, NOT_IN_A_PATH));
    }
    target::parse(&Method::GET, &encoded).map(|target| target.path.into_owned())
}

#[cfg(test)]
mod tests {

    use http::{Method, header};

    use super::{Routes, normal_form};
    use crate::message::{Answer, Body, Fields, Nobody, Request, RequestHead, Response, Version};
    use crate::responders::Responder;

    /// A responder that gives its name, and the method it saw.
    fn named(name: &'static str) -> impl Responder {
        move |request: &Request<'_>| Response::text(format!("{name} {}", request.method()))
    }

    /// Status, Allow, and text of the answer to one request.
    fn ask(routes: &mut Routes, method: &str, path: &str) -> (u16, String, String) {
        let request = Request {
            head: &RequestHead {
                method: Method::from_bytes(method.as_bytes()).unwrap(),
                path: path.into(),
                query: None,
                authority: None,
                version: Version::Http11,
                fields: Fields::default(),
                has_body: false,
            },
            number: 1,
            caller: &Nobody,
        };
        let Answer::Response(response) = routes.respond(&request) else {
            panic!("every responder here answers at once")
        };
        let allow = response.headers().iter().find(|(name, _)| *name == header::ALLOW);
        let allow = allow.map_or("", |(_, value)| value.to_str().unwrap());
        let text = match response.body() {
            Body::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
            _ => "",
        };
        (response.status_code().as_u16(), allow.into(), text.into())
    }

    #[test]
    fn each_method_and_path_has_its_own_responder() {
        let mut routes = Routes::new()
            .get("/", named("root"))
            .get("/a", named("read"))
            .post("/a", named("write"))
            .head("/b", named("head alone"))
            .get("/c", named("get"))
            .head("/c", named("own head"))
            .put("/d", named("put"))
            .patch("/d", named("patch"))
            .delete("/d", named("delete"))
            .route(Method::OPTIONS, "/d", named("own options"))
            .route(Method::from_bytes(b"PURGE").unwrap(), "/d", named("purge"));
        let not_allowed = "405 Method Not Allowed\n";
        let not_implemented = "501 Not Implemented\n";
        for (method, path, status, allow, text) in [
            ("GET", "/", 200, "", "root GET"),
            ("HEAD", "/", 200, "", "root HEAD"),
            ("GET", "/a", 200, "", "read GET"),
            ("POST", "/a", 200, "", "write POST"),
            ("PUT", "/a", 405, "GET, HEAD, OPTIONS, POST", not_allowed),
            ("BREW", "/a", 501, "GET, HEAD, OPTIONS, POST", not_implemented),
            ("get", "/a", 501, "GET, HEAD, OPTIONS, POST", not_implemented),
            ("OPTIONS", "/a", 204, "GET, HEAD, OPTIONS, POST", ""),
            ("HEAD", "/b", 200, "", "head alone HEAD"),
            ("GET", "/b", 405, "HEAD, OPTIONS", not_allowed),
            ("HEAD", "/c", 200, "", "own head HEAD"),
            ("PUT", "/d", 200, "", "put PUT"),
            ("PATCH", "/d", 200, "", "patch PATCH"),
            ("DELETE", "/d", 200, "", "delete DELETE"),
            ("PURGE", "/d", 200, "", "purge PURGE"),
            ("OPTIONS", "/d", 200, "", "own options OPTIONS"),
            ("HEAD", "/d", 405, "DELETE, OPTIONS, PATCH, PURGE, PUT", not_allowed),
            ("GET", "/a/", 404, "", "404 Not Found\n"),
            ("GET", "/A", 404, "", "404 Not Found\n"),
            ("OPTIONS", "/e", 404, "", "404 Not Found\n"),
            ("OPTIONS", "*", 204, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PURGE, PUT", ""),
        ] {
            let expected = (status, allow.to_owned(), text.to_owned());
            assert_eq!(ask(&mut routes, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn the_fallback_answers_what_is_not_there_and_nothing_else() {
        let mut routes = Routes::new().get("/a", named("a")).fallback(named("fallback"));
        assert_eq!(ask(&mut routes, "GET", "/a").2, "a GET");
        assert_eq!(ask(&mut routes, "PUT", "/a").0, 405);
        assert_eq!(ask(&mut routes, "PUT", "/b").2, "fallback PUT");
        assert_eq!(ask(&mut routes, "OPTIONS", "*").1, "GET, HEAD, OPTIONS");
    }

    #[test]
    fn without_routes_nothing_is_there() {
        let mut routes = Routes::new();
        assert_eq!(ask(&mut routes, "GET", "/").0, 404);
        assert_eq!(ask(&mut routes, "OPTIONS", "*").1, "OPTIONS");
    }

    #[test]
    fn a_route_is_brought_into_the_form_of_a_request_s_path() {
        for (given, expected) in [
            ("/", "/"),
            ("/a b", "/a%20b"),
            ("/a%20b", "/a%20b"),
            ("/über", "/%C3%BCber"),
            ("/%c3%bcber", "/%C3%BCber"),
            ("/%61%7E", "/a~"),
            ("/a%2fb", "/a%2Fb"),
            ("/100%", "/100%25"),
            ("/100%/x", "/100%25/x"),
            ("/%zz%4", "/%25zz%254"),
            ("/%%41", "/%25A"),
            ("/a?b#c", "/a%3Fb%23c"),
            ("/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"),
            ("/\"<>[\\]^`{|}", "/%22%3C%3E%5B%5C%5D%5E%60%7B%7C%7D"),
            ("/a/./b/../c", "/a/c"),
            ("/a//b/", "/a//b/"),
        ] {
            assert_eq!(normal_form(given).unwrap(), expected, "{given}");
            assert_eq!(normal_form(expected).unwrap(), expected, "{given}, twice");
        }
    }

    #[test]
    #[should_panic(expected = "begins with `/`, but `a` does not")]
    fn a_path_without_its_slash_is_refused() {
        let _ = Routes::new().get("a", named("a"));
    }

    #[test]
    #[should_panic(expected = "no request can have the path of the route `/../a`")]
    fn a_path_above_the_root_is_refused() {
        let _ = Routes::new().get("/../a", named("a"));
    }

    #[test]
    #[should_panic(expected = "the route GET `/%61` is given twice")]
    fn a_route_given_twice_is_refused() {
        let _ = Routes::new().get("/a", named("one")).get("/%61", named("two"));
    }

    #[test]
    #[should_panic(expected = "the fallback is given twice")]
    fn a_fallback_given_twice_is_refused() {
        let _ = Routes::new().fallback(named("one")).fallback(named("two"));
    }

    #[test]
    fn routes_are_shown_by_method_and_path() {
        let routes = Routes::new().get("/b", named("b")).post("/a", named("a"));
        let shown = format!("{routes:?}");
        assert_eq!(shown, r#"Routes { routes: {"GET /b", "POST /a"}, fallback: false }"#);
    }
}
