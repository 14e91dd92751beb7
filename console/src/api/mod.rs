//! The admin API: what administrators do over HTTP, with a token of their own tenant's issuer.
//!
//! It is a resource of the issuer, `{issuer}/admin`, and there only where the tenant gives its scopes to some group. The [`routes`] table says
//! which scope each address takes. From the top, for each request:
//! 1. [`guard`]: the token, for this resource; its scope; policy. The body is read, within bounds, and all of it is judged again by what
//!    stands then. What is refused there is recorded.
//! 2. [`handlers`]: the request becomes a [`Task`].
//! 3. Whoever [`Administer`]s does it, writes the event with the administrator's subject, and answers.
//!
//! Errors are RFC 9457 problems: administrators need what happened, why, and what to do, and the OAuth envelope has room for one of them.
//! A token's own trouble stands in the challenge besides, where clients look for it (RFC 6750 §3). No CORS: no page needs this.

mod guard;
mod handlers;
mod listing;
pub mod message;
mod openapi;
mod problem;
mod registering;
mod registration;
mod routes;

use std::sync::Arc;

use axum::Router;
use chancery_audit::{Counters, Journal};
use chancery_core::{Clock, Rng, Slug};
use chancery_registry::Registry;
use chancery_tokens::Verifier;
use futures_util::future::BoxFuture;

use self::message::{Answer, Events, Tail, Task};
pub use self::problem::Problem;

/// Who administers: the subject of a token for this tenant.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    pub subject: &'a str,
    pub tenant: &'a Slug,
}

/// Does what the API is asked.
pub trait Administer: Send + Sync + 'static {
    fn administer<'a>(&'a self, task: &'a Task, by: By<'a>) -> BoxFuture<'a, Result<Answer, Problem>>;

    fn events<'a>(&'a self, tail: &'a Tail) -> BoxFuture<'a, Result<Events, Problem>>;
}

/// What the API works with.
pub struct Parts {
    pub registry: Registry,
    pub verifier: Verifier,
    pub journal: Journal,
    pub counters: Counters,
    pub administer: Arc<dyn Administer>,
    pub clock: Arc<dyn Clock>,
    pub rng: Arc<dyn Rng>,
}

/// All of its addresses.
pub fn router(parts: Parts) -> Router {
    routes::router(Arc::new(parts))
}
