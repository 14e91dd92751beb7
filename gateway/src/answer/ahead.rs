//! What an upstream has said and nobody has asked for yet. A little of it is read, so that it shows whether the upstream's part has ended
//! though the client takes nothing; beyond that it waits with the upstream.
//!
//! It is given away in small pieces: what a server has been given it holds for as long as the client does not take it, and nobody counts it.

use std::collections::VecDeque;
use std::convert::identity;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use chancery_outbound::BoxError;
use http::Version;
use http_body::{Body, Frame, SizeHint};

/// So much is read, and what one piece more holds.
const MOST: usize = 64 * 1024;

/// The longest piece that is given to a stream of HTTP/2, of which a client has many: no more goes into one frame, unless it allows it.
const PIECE_OF_A_STREAM: usize = 16 * 1024;
/// The longest that is given to a connection of HTTP/1.1, which answers one request at a time. What upstreams send is shorter and goes on as it
/// came (docs/benches.md); what was gathered may be longer.
const PIECE_OF_A_CONNECTION: usize = 512 * 1024;

/// By whose version a client asked.
pub const fn longest_piece(version: Version) -> usize {
    match version {
        Version::HTTP_2 => PIECE_OF_A_STREAM,
        _ => PIECE_OF_A_CONNECTION,
    }
}

/// A body that can be read ahead of whoever asks for it.
pub struct Ahead<B> {
    body: B,
    longest_piece: usize,
    read: VecDeque<Result<Frame<Bytes>, BoxError>>,
    bytes: usize,
    ended: bool,
}

impl<B: Body> Ahead<B> {
    pub const fn of(body: B, longest_piece: usize) -> Self {
        Self { body, longest_piece, read: VecDeque::new(), bytes: 0, ended: false }
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

    /// As much of it as is given away; the rest comes next. Copied, since a part of something long holds all of it.
    fn first_piece(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        if frame.data_ref().is_none_or(|data| data.len() <= self.longest_piece) {
            return frame;
        }
        frame.into_data().map_or_else(identity, |mut data| {
            let piece = Bytes::copy_from_slice(&data.split_to(self.longest_piece));
            let rest = if data.len() > self.longest_piece { data } else { Bytes::copy_from_slice(&data) };
            let rest = Ok(Frame::data(rest));
            self.bytes += held(&rest);
            self.read.push_front(rest);
            Frame::data(piece)
        })
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
        let next = match self.read.pop_front() {
            Some(frame) => {
                self.bytes -= held(&frame);
                Some(frame)
            }
            None if self.ended => None,
            None => ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|frame| frame.map_err(Into::into)),
        };
        Poll::Ready(next.map(|frame| frame.map(|frame| self.first_piece(frame))))
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
