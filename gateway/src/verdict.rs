//! Reads an answer as it streams by, just far enough to say whether it was an error: a JSON-RPC `error`, or a tool's `isError`.
//!
//! Nothing is kept but where in the text we are, and nothing is changed. In an event stream (WHATWG HTML §9.2.6) every event's data is
//! a message of its own; a batch is an array of messages. It reads streams by itself, and not by [`event_stream`](crate::event_stream), which
//! holds an event until it is whole: here every answer passes by, as fast as memory is read. A test holds the two against each other.

mod scanner;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use scanner::{Scanner, until};

/// What has been heard of one answer.
#[derive(PartialEq, Eq, Debug)]
pub struct Verdict {
    framing: Framing,
    message: Scanner,
}

#[derive(PartialEq, Eq, Debug)]
enum Framing {
    /// The body is one JSON text.
    Json,
    /// At this place of a line of an event stream.
    Events(Events),
}

#[derive(PartialEq, Eq, Debug)]
struct Events {
    line: Line,
    /// Nothing of the next event has come.
    between: bool,
    /// An event had an id, so the stream can be taken up again.
    resumable: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Line {
    /// So many bytes of the byte order mark that a stream may begin with have been seen.
    Start(usize),
    /// So many bytes of `data:` have been seen.
    Field(usize),
    Data,
    /// So many bytes of `id` have been seen.
    Id(usize),
    Other,
    /// After a CR, whose LF belongs to it.
    Cr,
}

const DATA: &[u8] = b"data:";
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Verdict {
    /// `None` where the body cannot be read: another type, or compressed unasked.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        let framing = match kind.as_str() {
            "application/json" => Framing::Json,
            "text/event-stream" => Framing::Events(Events { line: Line::Start(0), between: true, resumable: false }),
            _ => return None,
        };
        (!headers.contains_key(CONTENT_ENCODING)).then(|| Self { framing, message: Scanner::default() })
    }

    /// Hears the next bytes, however they were cut.
    pub fn hear(&mut self, bytes: &[u8]) {
        match &mut self.framing {
            Framing::Json => self.message.hear(bytes),
            Framing::Events(events) => events.hear(bytes, &mut self.message),
        }
    }

    pub const fn is_error(&self) -> bool {
        self.message.found
    }

    /// How many responses were among what was heard.
    pub const fn answers(&self) -> usize {
        self.message.answers
    }

    /// It is an event stream, and the last event is whole.
    pub const fn is_between_events(&self) -> bool {
        matches!(self.framing, Framing::Events(Events { between: true, .. }))
    }

    /// It is one JSON text, of which nothing has come.
    pub fn is_json_to_come(&self) -> bool {
        matches!(self.framing, Framing::Json) && self.message == Scanner::default()
    }

    /// It is an event stream that a client can take up again (`Last-Event-ID`).
    pub const fn is_resumable(&self) -> bool {
        matches!(self.framing, Framing::Events(Events { resumable: true, .. }))
    }
}

impl Events {
    /// As if every byte were stepped over.
    fn hear(&mut self, mut bytes: &[u8], message: &mut Scanner) {
        while let Some((first, rest)) = bytes.split_first() {
            let within = match self.line {
                Line::Data | Line::Other => until(bytes, |byte| byte == b'\n' || byte == b'\r'),
                Line::Start(_) | Line::Field(_) | Line::Id(_) | Line::Cr => 0,
            };
            if within == 0 {
                self.step(*first, message);
                bytes = rest;
                continue;
            }
            let (line, after) = bytes.split_at(within);
            if matches!(self.line, Line::Data) {
                message.hear(line);
            }
            (self.between, bytes) = (false, after);
        }
    }

    fn step(&mut self, byte: u8, message: &mut Scanner) {
        let before = match self.line {
            Line::Start(seen) if MARK[seen] == byte => {
                self.line = if seen + 1 == MARK.len() { Line::Field(0) } else { Line::Start(seen + 1) };
                return;
            }
            Line::Start(0) => Line::Field(0),
            Line::Start(_) => Line::Other,
            line => line,
        };
        let now = next(before, byte, message);
        match (before, byte) {
            (Line::Cr, b'\n') => {}
            (Line::Field(0) | Line::Cr, b'\n' | b'\r') => self.between = true,
            _ => self.between = false,
        }
        self.resumable |= matches!((before, byte), (Line::Id(1), b':' | b'\n' | b'\r'));
        self.line = now;
    }
}

fn next(line: Line, byte: u8, message: &mut Scanner) -> Line {
    match (line, byte) {
        (Line::Cr, b'\n') => Line::Field(0),
        (Line::Cr, _) => next(Line::Field(0), byte, message),
        (Line::Field(0), b'\n' | b'\r') => {
            message.next_message(); // an empty line ends the event
            end_of_line(byte)
        }
        (Line::Data, b'\n' | b'\r') => {
            message.step(b'\n');
            end_of_line(byte)
        }
        (_, b'\n' | b'\r') => end_of_line(byte),
        (Line::Field(0), b'i') => Line::Id(0),
        (Line::Id(0), b'd') => Line::Id(1),
        (Line::Field(seen), byte) if DATA[seen] == byte => {
            if seen + 1 == DATA.len() {
                Line::Data
            } else {
                Line::Field(seen + 1)
            }
        }
        (Line::Data, byte) => {
            message.step(byte);
            Line::Data
        }
        _ => Line::Other,
    }
}

const fn end_of_line(byte: u8) -> Line {
    if byte == b'\r' { Line::Cr } else { Line::Field(0) }
}

#[cfg(test)]
mod tests;
