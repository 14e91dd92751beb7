//! The part of a request's way that lies between us and the upstream, for whoever measures it: in the extensions of the answer.

use tokio::time::Instant;

/// When a request was sent on, and when its answer began.
#[derive(Clone, Copy, Debug)]
pub struct Leg {
    pub sent: Instant,
    pub answered: Instant,
}

/// Whoever asked showed a token that lives, whatever became of the request.
#[derive(Clone, Copy, Debug)]
pub struct Authenticated;
