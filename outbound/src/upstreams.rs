//! The gateway's way to the servers behind it: streams both ways, no limit on how long an answer takes (tools take what they take), no
//! redirects. The addresses are an operator's.

use std::time::Duration;

use bytes::Bytes;
use chancery_crypto::tls::Special;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;

use crate::connector::{Connector, client, dial_error};
use crate::{Dialer, Trust};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a request to an upstream.
pub type Body = BoxBody<Bytes, BoxError>;

/// Why there is no answer from an upstream.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UpstreamError {
    /// There was no connection, so the upstream knows nothing of the request.
    #[error("the upstream could not be reached: {0}")]
    NotReached(String),
    /// The request may have arrived, and may have been carried out.
    #[error("the upstream broke off: {0}")]
    Broken(String),
}

/// Sends to upstreams. Cheap to clone.
#[derive(Clone)]
pub struct Upstreams {
    client: Client<Connector, Body>,
    dialer: Dialer,
}

impl Upstreams {
    pub fn new(dialer: &Dialer) -> Self {
        Self { client: client(dialer, Trust::Operator), dialer: dialer.clone() }
    }

    /// The same for one upstream, with connections of its own.
    ///
    /// # Errors
    /// What of its TLS cannot be used.
    pub fn special(&self, special: &Special<'_>, connect: Duration) -> Result<Self, String> {
        Ok(Self::new(&self.dialer.special(special, connect)?))
    }

    /// Sends a request with an absolute URI; answers as soon as the upstream's header is there.
    ///
    /// # Errors
    /// [`UpstreamError`]; an answer of any status is no error.
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, UpstreamError> {
        self.client.request(request).await.map_err(|error| match dial_error(&error) {
            Some(dial) => UpstreamError::NotReached(dial.to_string()),
            None if error.is_connect() => UpstreamError::NotReached(error.to_string()),
            None => UpstreamError::Broken(error.to_string()),
        })
    }
}
