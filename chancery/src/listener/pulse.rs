//! Whether a connection is still of use. One on which nothing is owed by us and nothing happens is held for its own sake: by a peer that
//! says half a greeting, keeps HTTP/2 alive by pings and asks for nothing, or does not read what it asked for.
//!
//! Owed by us is a request until the head of its answer is there, and then each wait for more of the answer: a stream may be silent for as
//! long as who stands behind it is. What happens is that a request comes, or that the connection takes another piece of an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};

/// One connection's. Cheap to clone.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Counts>);

#[derive(Default)]
struct Counts {
    owed: AtomicUsize,
    happened: AtomicU64,
}

/// Something that we owe, until it is dropped.
pub struct Owed(Pulse);

impl Pulse {
    pub fn owes(&self) -> Owed {
        self.0.owed.fetch_add(1, Ordering::Relaxed);
        self.happens();
        Owed(self.clone())
    }

    fn happens(&self) {
        self.0.happened.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until nothing was owed at the end of such a while, and nothing had happened in it. So it takes one to two of them.
    pub async fn stops(&self, after: Duration) {
        let happened = || self.0.happened.load(Ordering::Relaxed);
        let mut before = None;
        let mut now = happened();
        while self.0.owed.load(Ordering::Relaxed) > 0 || before != Some(now) {
            tokio::time::sleep(after).await;
            before = Some(std::mem::replace(&mut now, happened()));
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.0.happens();
        self.0.0.owed.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer that tells when it is waited for, and when a piece of it is taken.
pub struct Told<B> {
    body: B,
    pulse: Pulse,
    owed: Option<Owed>,
}

impl<B> Told<B> {
    pub const fn new(body: B, pulse: Pulse) -> Self {
        Self { body, pulse, owed: None }
    }
}

impl<B: Body + Unpin> Body for Told<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if polled.is_ready() {
            self.owed = None;
            self.pulse.happens();
        } else if self.owed.is_none() {
            self.owed = Some(self.pulse.owes());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A_WHILE: Duration = Duration::from_secs(30);

    async fn lasts(pulse: &Pulse, whiles: u32) -> bool {
        tokio::time::timeout(A_WHILE * whiles + A_WHILE / 2, pulse.stops(A_WHILE)).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_of_use_while_something_is_owed_or_happens() {
        let pulse = Pulse::default();
        assert!(!lasts(&pulse, 1).await, "nothing came");

        let owed = pulse.owes();
        assert!(lasts(&pulse, 100).await, "we owe an answer");
        drop(owed);
        assert!(!lasts(&pulse, 1).await, "it was given");

        let reads = async {
            for _ in 0..10 {
                tokio::time::sleep(A_WHILE / 2).await;
                pulse.happens();
            }
        };
        tokio::select! {
            () = pulse.stops(A_WHILE) => panic!("something happened all the time"),
            () = reads => {}
        }
    }
}
