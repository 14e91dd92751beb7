//! The part of a request's way that lies between us and the upstream, for whoever measures it: in the extensions of the answer.

use std::sync::Arc;

use chancery_registry::Resource;
use http::StatusCode;
use tokio::time::Instant;

/// To whom and when a request was sent on, and when its answer began and how, whether or not its client may have it.
#[derive(Clone)]
pub struct Leg {
    pub resource: Arc<Resource>,
    pub sent: Instant,
    pub answered: Instant,
    pub status: StatusCode,
}

/// Whoever asked showed a token that lives, whatever became of the request.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;
