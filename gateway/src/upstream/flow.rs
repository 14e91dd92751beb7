//! The body of an answer, wherever it comes from.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use chancery_outbound::BoxError;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::stdio::Said;

/// No box around the usual one.
pub enum Flow {
    Network(Incoming),
    Said(Said),
    Nothing,
}

impl Body for Flow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Network(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Self::Said(said) => said.poll(cx),
            Self::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Network(body) => body.is_end_stream(),
            Self::Said(said) => said.ended,
            Self::Nothing => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Network(body) => body.size_hint(),
            Self::Said(_) => SizeHint::default(),
            Self::Nothing => SizeHint::with_exact(0),
        }
    }
}
