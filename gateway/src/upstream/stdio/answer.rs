//! What a child says to one who asked, or who listens, as the body of an answer.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};
use chancery_outbound::BoxError;
use http_body::Frame;
use tokio::sync::mpsc;

use super::conversation::Conversation;
use super::correlation::Turn;

/// One message of a child's.
pub enum Line {
    /// On the way to the answer.
    More(Bytes),
    /// The answer.
    Last(Bytes),
}

/// The messages for one request, or for one stream.
pub struct Said {
    pub lines: mpsc::Receiver<Line>,
    pub conversation: Arc<Conversation>,
    /// The request that it answers; none for a stream.
    pub turn: Option<Turn>,
    pub streams: bool,
    pub ended: bool,
}

impl Said {
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let line = match self.lines.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.ended = true;
                    let torn = self.turn.is_some().then(|| Err("the child process ended".into()));
                    return Poll::Ready(torn);
                }
                Poll::Ready(Some(Line::More(_))) if !self.streams => continue,
                Poll::Ready(Some(Line::More(line))) => line,
                Poll::Ready(Some(Line::Last(line))) => {
                    self.ended = true;
                    line
                }
            };
            return Poll::Ready(Some(Ok(Frame::data(if self.streams { event(&line) } else { line }))));
        }
    }
}

impl Drop for Said {
    /// Dropped before its end: who asked has gone.
    fn drop(&mut self) {
        match &self.turn {
            Some(turn) => self.conversation.left(turn),
            None => self.conversation.listens_no_more(),
        }
    }
}

/// A line holds no line feed; a carriage return would be one in an event stream, and is white space in JSON.
fn event(line: &[u8]) -> Bytes {
    let mut event = BytesMut::with_capacity(line.len() + 24);
    event.put_slice(b"event: message\ndata: ");
    event.extend(line.iter().map(|byte| if *byte == b'\r' { b' ' } else { *byte }));
    event.put_slice(b"\n\n");
    event.freeze()
}
