//! How bytes are written in a transcript: as they are, but for `\r \n \t \\ \xNN`, and `{x*1000}`
//! for a thousand times `x`; and how a time is written.

use std::time::Duration;

/// The bytes that a line stands for.
pub(crate) fn bytes(line: &str) -> Vec<u8> {
    let mut made = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match first {
            '\\' => rest = escaped(&rest[1..], &mut made),
            '{' => rest = repeated(&rest[1..], &mut made),
            _ => {
                let len = first.len_utf8();
                made.extend_from_slice(&rest.as_bytes()[..len]);
                rest = &rest[len..];
            }
        }
    }
    made
}

fn escaped<'a>(rest: &'a str, made: &mut Vec<u8>) -> &'a str {
    let len = if rest.starts_with('x') { 3 } else { 1 };
    made.push(match &rest[..len] {
        "r" => b'\r',
        "n" => b'\n',
        "t" => b'\t',
        "\\" => b'\\',
        hex => u8::from_str_radix(&hex[1..], 16).expect("two hexadecimal digits after \\x"),
    });
    &rest[len..]
}

fn repeated<'a>(rest: &'a str, made: &mut Vec<u8>) -> &'a str {
    let (inside, behind) = rest.split_once('}').expect("a { has its }");
    let (what, times) = inside.rsplit_once('*').expect("{what*times}");
    made.extend(bytes(what).repeat(times.parse().expect("a number of times")));
    behind
}

/// `5s`, or `20ms`.
pub(crate) fn duration(text: &str) -> Duration {
    let text = text.trim();
    let (number, is_milli) = match text.strip_suffix("ms") {
        Some(number) => (number, true),
        None => (text.strip_suffix('s').expect("a time in s or ms"), false),
    };
    let number = number.parse().expect("a whole number");
    if is_milli { Duration::from_millis(number) } else { Duration::from_secs(number) }
}
