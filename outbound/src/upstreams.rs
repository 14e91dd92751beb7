//! The gateway's way to the servers behind it: streams both ways, no limit on how long an answer takes (tools take what they take), no
//! redirects. The addresses are an operator's.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chancery_crypto::tls::Special;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::time::timeout;

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

    /// The same, where the answer must begin within so long of there being a connection. Until there is one nothing was sent, and how long
    /// that may take is the dialer's: whoever was not reached in time is told as that, however short the rest may be. One kept from before
    /// may turn out closed; then the client dials anew by itself, and within `first_byte`: who is not reached so soon is told as
    /// [`UpstreamError::Broken`], though nothing was sent.
    ///
    /// # Errors
    /// As [`Upstreams::send`].
    pub async fn send_within(&self, first_byte: Duration, mut request: Request<Body>) -> Result<Response<Incoming>, UpstreamError> {
        let mut connection = capture_connection(&mut request);
        let mut answer = pin!(self.send(request));
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            () = async { drop(connection.wait_for_connection_metadata().await) } => {}
        }
        let late = |_| UpstreamError::Broken(format!("no answer within {} s", first_byte.as_secs()));
        timeout(first_byte, answer).await.map_err(late)?
    }
}
