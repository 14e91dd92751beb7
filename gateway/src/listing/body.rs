//! A list on its way: the whole of a JSON answer, or one event of a stream at a time, read before it goes on. Both are bounded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chancery_outbound::BoxError;
use http::header::CONTENT_TYPE;
use http::response::Parts;
use http_body::{Body, Frame, SizeHint};

use super::{Shows, cut_down};
use crate::event_stream::EventReader;
use crate::memory::Part;

/// The longest list, or event of a stream.
const LONGEST: usize = 8 * 1024 * 1024;

/// A body whose lists are cut down.
pub struct Shown<B, S> {
    body: B,
    form: Form,
    by: S,
    part: Part,
    instead: Instead,
}

/// What a list becomes that is not shown.
pub struct Instead {
    /// Of an answer, or an event, that nobody can read.
    pub unreadable: Bytes,
    /// Of an answer that is longer than there is room for now.
    pub no_room: Bytes,
}

enum Form {
    Json(Vec<u8>),
    Events(EventReader),
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
            "text/event-stream" => Self::Events(EventReader::default()),
            _ if head.status.is_success() => Self::Other,
            _ => Self::Failed,
        }
    }
}

impl<B, S> Shown<B, S> {
    pub fn new(head: &Parts, body: B, (by, part): (S, Part), instead: Instead) -> Self {
        Self { body, form: Form::of(head), by, part, instead }
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
        let Self { body, form, by, part, instead: Instead { unreadable, no_room } } = &mut *self;
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
                    Form::Events(mut events) => {
                        events.end();
                        Some(Bytes::from(cut_events(&mut events, by, unreadable))).filter(|rest| !rest.is_empty())
                    }
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
                Form::Json(text) if part.hold(text.len() + data.len()).is_err() => {
                    *form = Form::Done;
                    return Poll::Ready(Some(Ok(Frame::data(no_room.clone()))));
                }
                Form::Json(text) => text.extend_from_slice(&data),
                Form::Events(events) => {
                    events.hear(&data);
                    let out = cut_events(events, by, unreadable);
                    if events.waiting() > LONGEST {
                        return Poll::Ready(Some(Err("an event of the upstream's is longer than any list".into())));
                    }
                    if part.hold(events.waiting()).is_err() {
                        return Poll::Ready(Some(Err("there is no room for an event of the upstream's".into())));
                    }
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
            Form::Events(events) => events.waiting() == 0 && self.body.is_end_stream(),
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

/// The events that are whole, with their lists cut down. An event without data is nobody's message.
fn cut_events(events: &mut EventReader, by: &impl Shows, unreadable: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(event) = events.next_event() {
        let data = event.data();
        match std::str::from_utf8(&data).ok().and_then(|data| cut_down(data, by).ok()) {
            Some(Some(shown)) => event.with_data(shown.as_bytes(), &mut out),
            Some(None) => out.extend_from_slice(event.raw),
            None if data.trim_ascii().is_empty() => out.extend_from_slice(event.raw),
            None => event.with_data(unreadable, &mut out),
        }
    }
    out
}

#[cfg(test)]
mod tests;
