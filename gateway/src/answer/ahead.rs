//! What an upstream has said and nobody has asked for yet. A little of it is read, so that it shows whether the upstream's part has ended
//! though the client takes nothing; beyond that it waits with the upstream.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use chancery_outbound::BoxError;
use http_body::{Body, Frame, SizeHint};

/// So much is read, and what one piece more holds.
const MOST: usize = 64 * 1024;

/// A body that can be read ahead of whoever asks for it.
pub struct Ahead<B> {
    body: B,
    read: VecDeque<Result<Frame<Bytes>, BoxError>>,
    bytes: usize,
    ended: bool,
}

impl<B: Body> Ahead<B> {
    pub const fn of(body: B) -> Self {
        Self { body, read: VecDeque::new(), bytes: 0, ended: false }
    }

    /// Nothing more comes of it.
    pub fn is_over(&self) -> bool {
        self.read.is_empty() && (self.ended || self.body.is_end_stream())
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Ahead<B> {
    /// Reads what is there, and says whether that is all of it. Nobody may be waiting for the body: they would not be woken.
    pub fn read(&mut self) -> bool {
        while !self.ended && !self.body.is_end_stream() && self.bytes < MOST {
            match Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => break,
                Poll::Ready(None) => self.ended = true,
                Poll::Ready(Some(frame)) => {
                    self.ended = frame.is_err();
                    let frame = frame.map_err(Into::into);
                    self.bytes += held(&frame);
                    self.read.push_back(frame);
                }
            }
        }
        self.ended || self.body.is_end_stream()
    }
}

/// An empty piece takes room too.
fn held(frame: &Result<Frame<Bytes>, BoxError>) -> usize {
    size_of_val(frame) + frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len)
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Ahead<B> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(frame) = self.read.pop_front() {
            self.bytes -= held(&frame);
            return Poll::Ready(Some(frame));
        }
        if self.ended { Poll::Ready(None) } else { Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into) }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.body.size_hint();
        let read: usize = self.read.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref()).map(Bytes::len).sum();
        let (mut all, read) = (SizeHint::new(), read as u64);
        if let Some(upper) = rest.upper() {
            all.set_upper(upper + read);
        }
        all.set_lower(rest.lower() + read);
        all
    }
}

#[cfg(test)]
mod tests;
