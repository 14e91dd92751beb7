//! A request's body, whole, or why there is none.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};

use crate::page_refusal::PageRefusal;

/// No request of a client's is longer.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Why a body was not read to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    TooLong,
    /// It was cut off, or the listener's time for bodies was over.
    NotWhole,
}

pub(crate) fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Unread> {
    body.map_err(|why| match why {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Unread::TooLong,
        _ => Unread::NotWhole,
    })
}

impl Unread {
    /// What it says to who sent it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::TooLong => "the body is longer than 64 KB; send less",
            Self::NotWhole => "the body did not come whole: it was cut off, or took too long; send it again, at once",
        }
    }

    pub fn on_page(self) -> PageRefusal {
        let (reason, text) = match self {
            Self::TooLong => ("body_too_long", "What your browser sent is longer than 64 KB."),
            Self::NotWhole => ("body_not_whole", "What your browser sent was cut off on its way, or took too long."),
        };
        PageRefusal::new(
            reason,
            "What was sent did not arrive whole.",
            text,
            "Go back and try again; if it stays so, start again from the app.",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use axum::body::Body;
    use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
    use futures_util::stream;

    use super::*;

    async fn read(body: Body) -> Result<Bytes, Unread> {
        let mut request = Request::new(body);
        DefaultBodyLimit::max(LONGEST).apply(&mut request);
        whole(Bytes::from_request(request, &()).await)
    }

    #[tokio::test]
    async fn a_body_that_stalled_is_not_called_too_long() {
        let stalled = stream::iter([Ok(Bytes::from_static(b"grant_type=")), Err(io::Error::other("not in time"))]);
        assert_eq!(read(Body::from_stream(stalled)).await, Err(Unread::NotWhole));
        assert_eq!(read(vec![b'a'; LONGEST + 1].into()).await, Err(Unread::TooLong));
        assert_eq!(read(vec![b'a'; LONGEST].into()).await.map(|body| body.len()), Ok(LONGEST));
    }
}
