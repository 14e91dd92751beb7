//! A list on its way: the whole of a JSON answer, or one event of a stream at a time, read before it goes on. Both are bounded.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chancery_outbound::BoxError;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};

use super::{Shows, cut_down};

/// The longest list, or event of a stream.
const LONGEST: usize = 8 * 1024 * 1024;

/// A body whose lists are cut down. `unreadable` is what an answer, or an event, that nobody can read becomes.
pub struct Shown<B, S> {
    body: B,
    form: Form,
    by: S,
    unreadable: Bytes,
}

enum Form {
    Json(Vec<u8>),
    Events(Events),
    /// In another type no list of MCP's comes; what a reader would make of it nobody knows.
    Other,
    /// A failure, in words of its own.
    Failed,
    Done,
}

/// Whether an answer with this head is none of those in which a list comes, and yet no failure.
pub fn is_of_another_type(head: &Parts) -> bool {
    head.status.is_success() && matches!(Form::of(head), Form::Other)
}

impl Form {
    /// By a type that is named once and in full: of several, a reader may take another.
    fn of(head: &Parts) -> Self {
        let mut all = head.headers.get_all(CONTENT_TYPE).iter();
        let only = all.next().filter(|_| all.next().is_none()).and_then(|value| value.to_str().ok());
        let kind = only.unwrap_or_default().to_ascii_lowercase();
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/json" => Self::Json(Vec::new()),
            "text/event-stream" => Self::Events(Events::default()),
            _ if head.status.is_success() => Self::Other,
            _ => Self::Failed,
        }
    }
}

impl<B, S> Shown<B, S> {
    pub fn new(head: &Parts, body: B, by: S, unreadable: Bytes) -> Self {
        Self { body, form: Form::of(head), by, unreadable }
    }
}

impl<B, S> Body for Shown<B, S>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin,
    S: Shows + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, form, by, unreadable } = &mut *self;
        loop {
            if matches!(form, Form::Done) {
                return Poll::Ready(None);
            }
            let polled = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(frame) => Some(frame.map_err(Into::into)?),
                None => None,
            };
            let Some(frame) = polled else {
                let last = std::mem::replace(form, Form::Done);
                let rest = match last {
                    Form::Json(text) => Some(whole(text, by, unreadable)),
                    Form::Events(events) => Some(events.last(by, unreadable)).filter(|rest| !rest.is_empty()),
                    Form::Other | Form::Failed | Form::Done => None,
                };
                return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
            };
            let Ok(data) = frame.into_data() else { continue };
            match form {
                Form::Json(text) if text.len() + data.len() > LONGEST => {
                    *form = Form::Done;
                    return Poll::Ready(Some(Ok(Frame::data(unreadable.clone()))));
                }
                Form::Json(text) => text.extend_from_slice(&data),
                Form::Events(events) => {
                    let out = events.hear(&data, by, unreadable)?;
                    if !out.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(out.into()))));
                    }
                }
                Form::Other if data.is_empty() => {}
                Form::Other => {
                    *form = Form::Done;
                    return Poll::Ready(Some(Ok(Frame::data(unreadable.clone()))));
                }
                Form::Failed | Form::Done => return Poll::Ready(Some(Ok(Frame::data(data)))),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.form {
            Form::Done => true,
            Form::Json(_) => false,
            Form::Events(events) => events.text.is_empty() && self.body.is_end_stream(),
            Form::Other | Form::Failed => self.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// An empty answer, such as a 202's, stays one.
fn whole(text: Vec<u8>, by: &impl Shows, unreadable: &Bytes) -> Bytes {
    if text.is_empty() {
        return Bytes::new();
    }
    let shown = std::str::from_utf8(&text).ok().and_then(|text| cut_down(text, by).ok());
    match shown {
        Some(Some(shown)) => shown.into(),
        Some(None) => text.into(),
        None => unreadable.clone(),
    }
}

/// An event stream, cut into its events.
#[derive(Default)]
struct Events {
    text: Vec<u8>,
    /// Here the next event begins,
    event: usize,
    /// so far it has been looked through,
    at: usize,
    /// and here its last line begins.
    line: usize,
}

impl Events {
    /// The events that these bytes complete, with their lists cut down. An event without data is nobody's message.
    fn hear(&mut self, bytes: &[u8], by: &impl Shows, unreadable: &[u8]) -> Result<Vec<u8>, BoxError> {
        self.text.extend_from_slice(bytes);
        let out = self.whole(false, by, unreadable);
        // Once for all events of a piece: there may be a million in it.
        self.text.drain(..self.event);
        (self.at, self.line, self.event) = (self.at - self.event, self.line - self.event, 0);
        if self.text.len() > LONGEST { Err("an event of the upstream's is longer than any list".into()) } else { Ok(out) }
    }

    /// The event that the end of the stream completes: after a CR no LF will come. What is left otherwise is no whole event, which nobody
    /// would hear (WHATWG HTML §9.2.6).
    fn last(mut self, by: &impl Shows, unreadable: &[u8]) -> Bytes {
        self.whole(true, by, unreadable).into()
    }

    fn whole(&mut self, ended: bool, by: &impl Shows, unreadable: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(event) = self.next(ended) {
            let event = &self.text[event];
            let data = event_data(event);
            match std::str::from_utf8(&data).ok().and_then(|data| cut_down(data, by).ok()) {
                Some(Some(shown)) => rewrite(event, shown.as_bytes(), &mut out),
                Some(None) => out.extend_from_slice(event),
                None if data.trim_ascii().is_empty() => out.extend_from_slice(event),
                None => rewrite(event, unreadable, &mut out),
            }
        }
        out
    }

    /// Where the next event is, with the empty line that ends it. A CR at the end of what is here waits for what follows, unless the stream
    /// has ended: it may be a LF.
    fn next(&mut self, ended: bool) -> Option<Range<usize>> {
        while let Some(byte) = self.text.get(self.at) {
            let width = match (byte, self.text.get(self.at + 1)) {
                (b'\n', _) => 1,
                (b'\r', Some(b'\n')) => 2,
                (b'\r', Some(_)) => 1,
                (b'\r', None) if !ended => return None,
                (b'\r', None) => 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            };
            let is_empty = self.at == self.line;
            self.at += width;
            self.line = self.at;
            if is_empty {
                return Some(std::mem::replace(&mut self.event, self.at)..self.at);
            }
        }
        None
    }
}

/// The lines of an event, without their ends. A stream may begin with a byte order mark.
fn lines(event: &[u8]) -> impl Iterator<Item = &[u8]> {
    let event = event.strip_prefix(b"\xef\xbb\xbf").unwrap_or(event);
    event.split(|byte| matches!(byte, b'\n' | b'\r')).filter(|line| !line.is_empty())
}

fn data(line: &[u8]) -> Option<&[u8]> {
    let data = line.strip_prefix(b"data").filter(|rest| rest.is_empty() || rest.starts_with(b":"))?;
    let data = data.strip_prefix(b":").unwrap_or(data);
    Some(data.strip_prefix(b" ").unwrap_or(data))
}

fn event_data(event: &[u8]) -> Vec<u8> {
    let data: Vec<&[u8]> = lines(event).filter_map(data).collect();
    data.join(&b'\n')
}

/// The event with other data, and all else of it.
fn rewrite(event: &[u8], shown: &[u8], out: &mut Vec<u8>) {
    for line in lines(event).filter(|line| data(line).is_none()) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    for line in shown.split(|byte| *byte == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests;
