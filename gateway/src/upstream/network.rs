//! An upstream that is reached over the network, at one address or at several of the same server.
//!
//! A session stays where it began: only there is it known. Anything else goes to the next address that is not resting. Another address
//! is tried only where nothing was sent to the one before: a call that may have been carried out is never sent twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chancery_core::{Clock, Timestamp};
use chancery_crypto::tls::Special;
use chancery_outbound::{BoxError, UpstreamError, Upstreams};
use chancery_registry::{Upstream, UpstreamLimits};
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};

use super::breaker::Breaker;
use super::flow::Flow;
use super::{Answered, Health, Outgoing};
use crate::refusal::Refusal;

pub struct Network {
    client: Upstreams,
    replicas: Vec<Replica>,
    first_byte: Duration,
    clock: Arc<dyn Clock>,
    turn: AtomicUsize,
}

struct Replica {
    uri: Uri,
    /// As the file has it: what a session remembers.
    address: Arc<str>,
    breaker: Arc<Breaker>,
}

/// The way to this upstream: whom it is believed by, what it is shown of us, and how long a connection may take.
///
/// # Errors
/// What of its TLS cannot be used.
pub fn client(upstream: &Upstream, out: &Upstreams) -> Result<Upstreams, String> {
    let (tls, connect) = (&upstream.tls, upstream.limits.connect);
    let special = tls.authority.is_some() || tls.certificate.is_some() || connect != UpstreamLimits::default().connect;
    let identity = match (&tls.certificate, upstream.secrets.key()) {
        (Some(chain), Some(key)) => Some((chain.as_str(), key.expose().as_str())),
        (Some(_), None) => return Err("the key of its certificate is missing".to_owned()),
        (None, _) => None,
    };
    if special { out.special(&Special { authority: tls.authority.as_deref(), identity }, connect) } else { Ok(out.clone()) }
}

impl Network {
    pub fn new(upstream: &Upstream, out: &Upstreams, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let client = client(upstream, out)?;
        let replica = |address: &str| {
            let uri = address.parse().map_err(|error| format!("{address} cannot be asked: {error}"))?;
            Ok(Replica { uri, address: address.into(), breaker: Arc::default() })
        };
        let replicas = upstream.addresses().map(replica).collect::<Result<Vec<_>, String>>()?;
        Ok(Self { client, replicas, first_byte: upstream.limits.first_byte, clock, turn: AtomicUsize::default() })
    }

    pub async fn ask(&self, resource: &str, outgoing: Outgoing) -> Result<Answered, Refusal> {
        let mut refusal = Refusal::upstream_resting();
        for replica in self.turns(outgoing.replica.as_deref())? {
            let Some(attempt) = replica.breaker.admit(self.clock.now()) else { continue };
            let request = outgoing.to(&replica.uri);
            let failed = match self.client.send_within(self.first_byte, request).await {
                Ok(answer) => {
                    if is_failure(answer.status()) {
                        attempt.failed(self.clock.now());
                    } else {
                        attempt.worked();
                    }
                    let (head, body) = answer.into_parts();
                    readable(&head.headers)?;
                    let replica = (self.replicas.len() > 1).then(|| replica.address.clone());
                    return Ok(Answered { head, body: Flow::Network(body), replica });
                }
                Err(error) => error,
            };
            attempt.failed(self.clock.now());
            tracing::warn!(resource, address = %replica.address, error = %failed, "no answer from the upstream");
            refusal = match failed {
                UpstreamError::NotReached(_) => Refusal::upstream_unreachable(),
                UpstreamError::Broken(_) => return Err(Refusal::upstream_broke_off()),
            };
        }
        Err(refusal)
    }

    /// Whom to ask, in this order. A session whose replica is no more has ended.
    fn turns(&self, bound: Option<&str>) -> Result<impl Iterator<Item = &Replica>, Refusal> {
        let (start, count) = match bound {
            Some(address) => {
                let at = self.replicas.iter().position(|replica| *replica.address == *address);
                (at.ok_or_else(Refusal::unknown_session)?, 1)
            }
            None if self.replicas.len() == 1 => (0, 1),
            None => (self.turn.fetch_add(1, Ordering::Relaxed), self.replicas.len()),
        };
        Ok((0..count).map(move |at| &self.replicas[start.wrapping_add(at) % self.replicas.len()]))
    }

    pub fn health<'a>(&'a self, resource: &'a str, now: Timestamp) -> impl Iterator<Item = Health> + 'a {
        self.replicas.iter().map(move |replica| Health {
            resource: resource.to_owned(),
            address: replica.address.to_string(),
            resting: replica.breaker.rest(now).map(|rest| format!("it failed several times and {rest}")),
        })
    }
}

impl Outgoing {
    fn to(&self, uri: &Uri) -> Request<chancery_outbound::Body> {
        let mut request = Request::new(Full::<Bytes>::new(self.body.clone()).map_err(|never| -> BoxError { match never {} }).boxed());
        (*request.uri_mut(), *request.method_mut(), *request.headers_mut()) = (uri.clone(), self.method.clone(), self.headers.clone());
        request
    }
}

/// What a proxy in front of a dead server says. Any other status is an answer.
fn is_failure(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

/// It was asked for its plain words; what comes compressed all the same could be neither judged nor filtered.
fn readable(headers: &HeaderMap) -> Result<(), Refusal> {
    let plain = |value: &http::HeaderValue| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(plain) { Ok(()) } else { Err(Refusal::upstream_compressed()) }
}
