//! What clients ask for, and what they must be told: a request on one side and, on the other, an
//! answer by a reference that knows nothing of loops, windows and readiness.
//!
//! `house.rs` is the responder that is asked, written a second time and by other means.

use std::sync::OnceLock;

use oneloop::config::SKIPPED_BODY;
use oneloop::wire::Fault;

use super::dice::Dice;
use super::wishes::Wish;

/// The largest body that is taken in, in bytes.
pub(crate) const BODY_LIMIT: usize = 500_000;
/// What `/fixed` answers.
pub(crate) const FIXED: &[u8] = b"wazzzzap\n";
/// How long the answer of `/poster` is: prepared too, and too long to be copied.
pub(crate) const POSTER: usize = 40_000;

/// Bytes without order, so that any two stretches of them differ.
pub(crate) fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut dice = Dice::new(0);
        (0..1 << 16).flat_map(|_| dice.roll().to_le_bytes()).collect()
    })
}

/// Where in the noise the content of a route begins. Each has its own place, so that no answer
/// passes for another.
pub(crate) fn place(route: &str) -> usize {
    match route {
        "poster" => 11,
        "bytes" => 101,
        "shared" => 1009,
        "file" => 2003,
        "parts" => 2503,
        "source" => 3001,
        _ => 4001,
    }
}

/// What comes with a request.
#[derive(Clone, Debug)]
pub(crate) enum Upload {
    Nothing,
    /// Content-Length.
    Plain(Vec<u8>),
    /// Chunks, of these lengths.
    Chunked(Vec<u8>, Vec<usize>),
}

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) route: &'static str,
    pub(crate) n: usize,
    pub(crate) is_old: bool,
    pub(crate) connection: &'static str,
    pub(crate) expects: bool,
    pub(crate) upload: Upload,
    /// What is asked of the shelf, and not of that route.
    pub(crate) wish: Option<Wish>,
}

impl Ask {
    pub(crate) const fn get(route: &'static str, n: usize) -> Self {
        Self {
            method: "GET",
            route,
            n,
            is_old: false,
            connection: "",
            expects: false,
            upload: Upload::Nothing,
            wish: None,
        }
    }

    /// For something of the shelf.
    pub(crate) fn draw_wish(dice: &mut Dice) -> Self {
        let method = if dice.chance(150) { "HEAD" } else { "GET" };
        Self { method, wish: Some(Wish::draw(dice)), ..Self::get("", 0) }
    }

    pub(crate) fn draw(dice: &mut Dice) -> Self {
        if dice.chance(300) {
            return Self::draw_wish(dice);
        }
        const ROUTES: &[&str] = &[
            "fixed", "fixed", "fixed", "poster", "bytes", "bytes", "shared", "file", "file",
            "file", "file", "parts", "parts", "source", "drip", "beats", "later", "helped",
            "nowhere", "count", "echo",
        ];
        const LENGTHS: &[usize] = &[0, 1, 100, 5_000, 16_384, 16_385, 40_000, 120_000];
        let mut ask = Self::get(dice.one_of(ROUTES), dice.one_of(LENGTHS));
        if dice.chance(200) {
            ask.method = "HEAD";
        } else if matches!(ask.route, "count" | "echo")
            || (matches!(ask.route, "fixed" | "later" | "helped" | "nowhere") && dice.chance(300))
        {
            ask.method = "POST";
            ask.draw_upload(dice);
        }
        ask
    }

    fn draw_upload(&mut self, dice: &mut Dice) {
        let len = dice.one_of(&[0, 1, 30, 1_000, 20_000, 66_000, 400_000]);
        let body = noise()[dice.below(1000)..][..len].to_vec();
        self.expects = dice.chance(200);
        self.upload = if dice.chance(500) {
            Upload::Plain(body)
        } else {
            // No more than fifty chunks: their extensions are limited all together.
            let shortest = len / 50 + 1;
            let longest = dice.one_of(&[10, 4_000, 70_000]).max(shortest);
            let mut lengths = Vec::new();
            let mut left = len;
            while left > 0 {
                lengths.push(dice.within(shortest..=longest).min(left));
                left -= lengths[lengths.len() - 1];
            }
            Upload::Chunked(body, lengths)
        };
    }

    /// Whether the client says by it that it will send nothing more. Who does so all the same may
    /// lose the answer.
    pub(crate) fn promises_to_be_last(&self) -> bool {
        let persists = if self.is_old { "keep-alive" } else { "" };
        self.connection != persists && matches!(self.upload, Upload::Nothing)
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        let Self { method, route, n, connection, .. } = self;
        let version = if self.is_old { "1.0" } else { "1.1" };
        let target = self.wish.map_or_else(|| format!("/{route}/{n}"), Wish::target);
        let mut head = format!("{method} {target} HTTP/{version}\r\nHost: sim\r\n");
        head += &self.wish.map_or_else(String::new, Wish::fields);
        if !connection.is_empty() {
            head += &format!("Connection: {connection}\r\n");
        }
        if self.expects {
            head += "Expect: 100-continue\r\n";
        }
        match &self.upload {
            Upload::Nothing => {}
            Upload::Plain(body) => head += &format!("Content-Length: {}\r\n", body.len()),
            Upload::Chunked(..) => head += "Transfer-Encoding: chunked\r\n",
        }
        (head + "\r\n").into_bytes()
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let (body, lengths) = match &self.upload {
            Upload::Nothing => return Vec::new(),
            Upload::Plain(body) => return body.clone(),
            Upload::Chunked(body, lengths) => (body, lengths),
        };
        let (mut out, mut at) = (Vec::new(), 0);
        for len in lengths {
            out.extend_from_slice(format!("{len:x};sim=\"x\"\r\n").as_bytes());
            out.extend_from_slice(&body[at..at + len]);
            out.extend_from_slice(b"\r\n");
            at += len;
        }
        out.extend_from_slice(b"0\r\nTrailer: t\r\n\r\n");
        out
    }

    fn uploaded(&self) -> &[u8] {
        match &self.upload {
            Upload::Nothing => &[],
            Upload::Plain(body) | Upload::Chunked(body, _) => body,
        }
    }

    /// Whether the body is sent only after a word from the server.
    pub(crate) fn waits_for_continue(&self) -> bool {
        // A body of no chunks is a body still.
        let has_body = matches!(self.upload, Upload::Chunked(..)) || !self.uploaded().is_empty();
        self.expects && has_body
    }
}

/// How the end of an answer must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// What a client must be told.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) framing: Framing,
    pub(crate) is_head: bool,
    /// Whether the server closes after it.
    pub(crate) is_last: bool,
    /// Whether `100 Continue` may come before it.
    pub(crate) may_continue: bool,
    /// Where that depends on when it is asked for: until its head has come, nothing is known.
    pub(crate) wish: Option<Wish>,
}

impl Expected {
    /// The reference: what has to be answered to that.
    pub(crate) fn to(ask: &Ask) -> Self {
        let sent = ask.uploaded();
        let is_wanted = matches!(ask.route, "count" | "echo");
        let is_source =
            matches!(ask.route, "source" | "drip" | "beats" | "fails" | "stuck" | "mute");
        let (status, body) = match ask.route {
            "count" | "echo" if sent.len() > BODY_LIMIT => {
                return Self::of_fault(Fault::BodyTooLong);
            }
            _ if ask.wish.is_some() => (0, Vec::new()),
            "fixed" => (200, FIXED.to_vec()),
            "count" => (200, sent.len().to_string().into_bytes()),
            "echo" => (200, sent.to_vec()),
            "later" | "helped" => (200, format!("{} {}", ask.route, ask.n).into_bytes()),
            "poster" => (200, noise()[place("poster")..][..POSTER].to_vec()),
            "panic" => (500, b"500 Internal Server Error\n".to_vec()),
            "never" => (503, b"503 Service Unavailable\n".to_vec()),
            "nowhere" => (404, b"404 Not Found\n".to_vec()),
            route => (200, noise()[place(route)..][..ask.n].to_vec()),
        };
        // What nobody asked for is read to its end only if that is near, and if the client does not
        // wait to be asked for it.
        let is_unread =
            !is_wanted && (sent.len() as u64 > SKIPPED_BODY || ask.waits_for_continue());
        let persists = if ask.is_old { "keep-alive" } else { "" };
        Self {
            status,
            body,
            framing: match (is_source, ask.is_old) {
                (false, _) => Framing::Length,
                (true, false) => Framing::Chunked,
                (true, true) => Framing::UntilClose,
            },
            is_head: ask.method == "HEAD",
            is_last: ask.connection != persists
                || is_unread
                || matches!(ask.route, "panic" | "never")
                || (is_source && ask.is_old),
            may_continue: is_wanted && ask.waits_for_continue(),
            wish: ask.wish,
        }
    }

    /// What a client gets that broke the protocol.
    pub(crate) fn of_fault(fault: Fault) -> Self {
        Self {
            status: fault.status().as_u16(),
            body: format!("{fault}\n").into_bytes(),
            framing: Framing::Length,
            is_head: false,
            is_last: true,
            may_continue: false,
            wish: None,
        }
    }
}
