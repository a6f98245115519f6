//! How a line of the access log looks: the formats that have a name, and templates.
//!
//! A format is a row of pieces, text and tokens; those with a name are such rows too.
//!
//! Pure functions.   Read next: `scribe.rs`, which writes a line.

use std::fmt;
use std::str::FromStr;

/// How the lines of an [`AccessLog`](super::AccessLog) look.
///
/// [`str::parse`] takes the name of one (`clf`, `combined`, `json`), or a template: text with
/// tokens in braces, as `{client} {target} {status}`. A brace itself is written twice.
///
/// | token | is |
/// |---|---|
/// | `{client}` | the client's address, without its port |
/// | `{time}` | when the answer had left, as `22/Nov/2026:14:00:00 +0000` |
/// | `{iso-time}` | the same as `2026-11-22T14:00:00Z` |
/// | `{line}` | the request line |
/// | `{method}`, `{target}`, `{version}` | what the request line is made of |
/// | `{status}` | the status |
/// | `{bytes}` | bytes of body that were sent |
/// | `{micros}`, `{seconds}` | from the end of the request's head to the last byte handed over |
/// | `{id}` | connection and request, as `c17.r3` |
/// | `{connection}`, `{request}` | the two numbers of it |
/// | `{close}` | why the connection ends with this answer, as [`CloseReason::name`] has it |
/// | `{referer}`, `{user-agent}` | those fields of the request; of each 1 KiB at the most |
///
/// What is not there is `-`.
///
/// [`CloseReason::name`]: crate::CloseReason::name
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    pub(super) pieces: Vec<Piece>,
    pub(super) notation: Notation,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Token(Token),
}

/// How what is not ours is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notation {
    /// As it is, between what the format has around it.
    Plain,
    /// As JSON's strings, numbers and nulls.
    Json,
}

/// What of an answer stands in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Client,
    Time,
    IsoTime,
    Line,
    Method,
    Target,
    Version,
    Status,
    Bytes,
    /// As the Common Log Format has it: `-` for none.
    BytesOrDash,
    Micros,
    Seconds,
    Id,
    Connection,
    Request,
    Close,
    Referer,
    UserAgent,
}

/// The tokens of a template, by name.
const TOKENS: [(&str, Token); 17] = [
    ("client", Token::Client),
    ("time", Token::Time),
    ("iso-time", Token::IsoTime),
    ("line", Token::Line),
    ("method", Token::Method),
    ("target", Token::Target),
    ("version", Token::Version),
    ("status", Token::Status),
    ("bytes", Token::Bytes),
    ("micros", Token::Micros),
    ("seconds", Token::Seconds),
    ("id", Token::Id),
    ("connection", Token::Connection),
    ("request", Token::Request),
    ("close", Token::Close),
    ("referer", Token::Referer),
    ("user-agent", Token::UserAgent),
];

/// The keys of a line in JSON, in their order.
const KEYS: [(&str, Token); 14] = [
    ("time", Token::IsoTime),
    ("id", Token::Id),
    ("connection", Token::Connection),
    ("request", Token::Request),
    ("client", Token::Client),
    ("method", Token::Method),
    ("target", Token::Target),
    ("version", Token::Version),
    ("status", Token::Status),
    ("bytes", Token::Bytes),
    ("micros", Token::Micros),
    ("close", Token::Close),
    ("referer", Token::Referer),
    ("user_agent", Token::UserAgent),
];

/// The Common Log Format, with the seconds behind it.
impl Default for LogFormat {
    fn default() -> Self {
        let quoted = [text("\" "), token(Token::Status), text(" "), token(Token::BytesOrDash)];
        let took = [text(" "), token(Token::Seconds)];
        Self::plain(common_head().into_iter().chain(quoted).chain(took))
    }
}

/// `127.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1`
fn common_head() -> [Piece; 5] {
    let [client, time, line] = [Token::Client, Token::Time, Token::Line].map(token);
    [client, text(" - - ["), time, text("] \""), line]
}

fn text(text: &str) -> Piece {
    Piece::Text(text.into())
}

const fn token(token: Token) -> Piece {
    Piece::Token(token)
}

impl LogFormat {
    /// The combined format of NCSA's server, and nothing behind it.
    #[must_use]
    pub fn combined() -> Self {
        let rest = [
            text("\" "),
            token(Token::Status),
            text(" "),
            token(Token::BytesOrDash),
            text(" \""),
            token(Token::Referer),
            text("\" \""),
            token(Token::UserAgent),
            text("\""),
        ];
        Self::plain(common_head().into_iter().chain(rest))
    }

    /// One JSON object a line, always with the same keys in the same order: `time`, `id`,
    /// `connection`, `request`, `client`, `method`, `target`, `version`, `status`, `bytes`,
    /// `micros`, `close`, `referer`, `user_agent`. What is not there is null.
    #[must_use]
    pub fn json() -> Self {
        let mut pieces = Vec::new();
        for (at, (key, token)) in KEYS.into_iter().enumerate() {
            let before = if at == 0 { "{" } else { "," };
            pieces.extend([Piece::Text(format!("{before}\"{key}\":")), Piece::Token(token)]);
        }
        pieces.push(text("}"));
        Self { pieces, notation: Notation::Json }
    }

    fn plain(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self { pieces: pieces.into_iter().collect(), notation: Notation::Plain }
    }

    /// A template.
    fn template(template: &str) -> Result<Self, LogFormatError> {
        if template.chars().any(|c| c.is_control() && c != '\t') {
            return Err(LogFormatError::Control);
        }
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(behind) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = behind;
                continue;
            }
            let (name, behind) = match rest.split_once('}') {
                Some(parts) if brace == "{" => parts,
                _ => return Err(LogFormatError::Brace),
            };
            rest = behind;
            let found = TOKENS.into_iter().find(|(known, _)| *known == name);
            let (_, token) = found.ok_or_else(|| LogFormatError::Unknown(name.into()))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Token(token));
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        let has_token = pieces.iter().any(|piece| matches!(piece, Piece::Token(_)));
        if has_token { Ok(Self::plain(pieces)) } else { Err(LogFormatError::NoToken) }
    }

    /// Whether it has fields of the request.
    pub(super) fn has_fields(&self) -> bool {
        let is_field =
            |piece: &Piece| matches!(piece, Piece::Token(Token::Referer | Token::UserAgent));
        self.pieces.iter().any(is_field)
    }
}

impl FromStr for LogFormat {
    type Err = LogFormatError;

    fn from_str(text: &str) -> Result<Self, LogFormatError> {
        match text {
            "clf" => Ok(Self::default()),
            "combined" => Ok(Self::combined()),
            "json" => Ok(Self::json()),
            template => Self::template(template),
        }
    }
}

/// Why something is no format. Displayed as one line: what is wrong, and what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormatError {
    /// There is no token of that name.
    Unknown(String),
    /// A brace that begins or ends nothing.
    Brace,
    /// Neither the name of a format nor a template: there is no token in it.
    NoToken,
    /// A control character, which would end a line or steer a terminal.
    Control,
}

impl fmt::Display for LogFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                write!(f, "there is no {{{}}}; there are", name.escape_default())?;
                for (at, (name, _)) in TOKENS.into_iter().enumerate() {
                    write!(f, "{} {{{name}}}", if at == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Self::Brace => f.write_str(
                "a brace begins or ends no token; write tokens as {status}, and braces twice",
            ),
            Self::NoToken => f.write_str(
                "give clf, combined, json or a template with tokens, as '{client} {status}'",
            ),
            Self::Control => f.write_str("a template is one line, without control characters"),
        }
    }
}

impl std::error::Error for LogFormatError {}
