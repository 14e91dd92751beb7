//! The dialer as hyper's clients want it. One client serves one trust, so a connection made for an operator's address is never
//! reused for a peer's.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tower::Service;

use crate::line::Line;
use crate::{DialError, Dialer, Trust};

const IDLE: Duration = Duration::from_secs(60);
const MOST_IDLE: usize = 64;

#[derive(Clone)]
pub struct Connector {
    dialer: Dialer,
    trust: Trust,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = DialError;
    type Future = BoxFuture<'static, Result<Self::Response, DialError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let Self { dialer, trust } = self.clone();
        async move { dialer.dial(&to, trust).await.map(TokioIo::new) }.boxed()
    }
}

/// A client that keeps connections of this trust alive, but none to where a stranger sent us. It follows no redirect.
pub fn client<B>(dialer: &Dialer, trust: Trust) -> Client<Connector, B>
where
    B: http_body::Body + Send,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(if trust == Trust::Operator { MOST_IDLE } else { 0 })
        .build(Connector { dialer: dialer.clone(), trust })
}

/// What the dialer said, where it was the dialer that failed.
pub fn dial_error(error: &Error) -> Option<DialError> {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref::<DialError>() {
            return Some(found.clone());
        }
        source = cause.source();
    }
    None
}
