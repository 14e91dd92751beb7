//! A request body that must come in time: who opens a request and never finishes it, or sends a byte now and then, would hold a connection
//! for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body, and the clock that runs from when it was first waited for until all of it is here.
pub struct Paced<B> {
    body: B,
    most: Duration,
    clock: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the request's body did not come in time")]
    TooSlow,
    #[error(transparent)]
    Broken(BoxError),
}

impl<B> Paced<B> {
    pub const fn new(body: B, most: Duration) -> Self {
        Self { body, most, clock: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // The clock goes first, and what has come does not wind it up again.
        if self.clock.as_mut().is_some_and(|clock| clock.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(Err(BodyError::TooSlow)));
        }
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending() && self.clock.is_none() {
            let most = self.most;
            let clock = self.clock.insert(Box::pin(tokio::time::sleep(most)));
            if clock.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Some(Err(BodyError::TooSlow)));
            }
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(|error| BodyError::Broken(error.into()))))
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
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    #[tokio::test]
    async fn a_byte_now_and_then_does_not_wind_up_the_clock() {
        let drip = stream::unfold((), async |()| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b"x")), ()))
        });
        let body = Paced::new(axum::body::Body::from_stream(drip.take(200)), Duration::from_millis(50));
        let read = axum::body::to_bytes(axum::body::Body::new(body), 1024).await;
        assert!(read.is_err(), "200 bytes took a second, and were waited for");
    }
}
