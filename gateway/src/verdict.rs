//! Reads an answer as it streams by, just far enough to say whether it was an error: a JSON-RPC `error`, or a tool's `isError`.
//!
//! Nothing is kept but where in the text we are, and nothing is changed. In an event stream (WHATWG HTML §9.2.6) every event's data is
//! a message of its own; a batch is an array of messages.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// What has been heard of one answer.
#[derive(Debug)]
pub struct Verdict {
    framing: Framing,
    message: Scanner,
}

#[derive(Debug)]
enum Framing {
    /// The body is one JSON text.
    Json,
    /// At this place of a line of an event stream.
    Events(Events),
}

#[derive(Debug)]
struct Events {
    line: Line,
    /// Nothing of the next event has come.
    between: bool,
    /// An event had an id, so the stream can be taken up again.
    resumable: bool,
}

#[derive(Clone, Copy, Debug)]
enum Line {
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

impl Verdict {
    /// `None` where the body cannot be read: another type, or compressed unasked.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
        let framing = match kind.as_str() {
            "application/json" => Framing::Json,
            "text/event-stream" => Framing::Events(Events { line: Line::Field(0), between: true, resumable: false }),
            _ => return None,
        };
        (!headers.contains_key(CONTENT_ENCODING)).then(|| Self { framing, message: Scanner::default() })
    }

    /// Hears the next bytes, however they were cut.
    pub fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match &mut self.framing {
                Framing::Json => self.message.step(*byte),
                Framing::Events(events) => events.step(*byte, &mut self.message),
            }
        }
    }

    pub const fn is_error(&self) -> bool {
        self.message.found
    }

    /// A response was among what was heard.
    pub const fn is_answered(&self) -> bool {
        self.message.answered
    }

    /// It is an event stream, and the last event is whole.
    pub const fn is_between_events(&self) -> bool {
        matches!(self.framing, Framing::Events(Events { between: true, .. }))
    }

    /// It is an event stream that a client can take up again (`Last-Event-ID`).
    pub const fn is_resumable(&self) -> bool {
        matches!(self.framing, Framing::Events(Events { resumable: true, .. }))
    }
}

impl Events {
    fn step(&mut self, byte: u8, message: &mut Scanner) {
        let (before, now) = (self.line, next(self.line, byte, message));
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

/// Watches one JSON text for `error` in the message, and `isError` in its `result`.
#[derive(Default, Debug)]
struct Scanner {
    found: bool,
    answered: bool,
    /// Open brackets; 1 is the message, or a batch.
    depth: usize,
    batch: bool,
    in_string: bool,
    escaped: bool,
    /// A string here is a member's name.
    at_name: bool,
    name: Name,
    /// The value of this member comes next.
    awaited: Option<Member>,
    in_result: bool,
}

/// The members that tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Member {
    Error,
    Result,
    IsError,
}

/// The first bytes of a name, as many as the longest that tells and one more.
#[derive(Default, Debug)]
struct Name {
    bytes: [u8; 8],
    length: usize,
}

impl Scanner {
    fn next_message(&mut self) {
        *self = Self { found: self.found, answered: self.answered, ..Self::default() };
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            return self.step_in_string(byte);
        }
        if byte.is_ascii_whitespace() {
            return;
        }
        if let Some(member) = self.awaited.take() {
            self.value_begins(member, byte);
        }
        match byte {
            b'"' => (self.in_string, self.name.length) = (true, 0),
            b'{' => (self.depth, self.at_name) = (self.depth + 1, true),
            b'[' => {
                self.batch |= self.depth == 0;
                (self.depth, self.at_name) = (self.depth + 1, false);
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                (self.at_name, self.in_result) = (false, self.in_result && self.depth > self.top());
            }
            // In an array the next string is a value; it is followed by no colon, so it names nothing.
            b',' => self.at_name = true,
            b':' => {
                self.at_name = false;
                self.awaited = self.member();
            }
            _ => {}
        }
    }

    fn step_in_string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => return self.in_string = false,
            _ => {}
        }
        if self.at_name && self.name.length < self.name.bytes.len() {
            self.name.bytes[self.name.length] = byte;
            self.name.length += 1;
        }
    }

    /// Which member the name just read is, at the depth where it tells.
    fn member(&self) -> Option<Member> {
        match (&self.name.bytes[..self.name.length], self.depth.checked_sub(self.top())?) {
            (b"error", 0) => Some(Member::Error),
            (b"result", 0) => Some(Member::Result),
            (b"isError", 1) if self.in_result => Some(Member::IsError),
            _ => None,
        }
    }

    fn value_begins(&mut self, member: Member, first: u8) {
        self.answered |= member != Member::IsError;
        match member {
            Member::Error => self.found |= first != b'n', // null is none
            Member::IsError => self.found |= first == b't',
            Member::Result => self.in_result = first == b'{',
        }
    }

    /// The depth of a message's own members.
    const fn top(&self) -> usize {
        1 + self.batch as usize
    }
}

#[cfg(test)]
mod tests;
