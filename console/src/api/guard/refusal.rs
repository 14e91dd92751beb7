//! What the guard refuses with: the problem, the challenge, and what is written about it.

use axum::http::StatusCode;
use chancery_audit::Counter;
use chancery_core::ScopeSet;
use chancery_core::oauth::Error;
use chancery_tokens::{NamedToken, TokenTrouble};

use super::ENDPOINT;
use crate::api::Problem;

/// No, and what is written about it.
pub(super) struct Refused {
    pub problem: Problem,
    /// What the challenge says; none where it was not the token.
    pub challenge: Option<(Option<Error>, ScopeSet)>,
    /// The token came without the proof that it needs.
    pub wants_proof: bool,
    pub counter: Counter,
    /// The live token that was refused, and the policy's decision.
    pub of: Option<(NamedToken, Option<String>)>,
}

pub(super) fn bad_token(trouble: &TokenTrouble) -> Box<Refused> {
    let Counter { reason, row, .. } = trouble.refusal(ENDPOINT);
    if trouble.will_pass() {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "nobody is believed at the moment").because(trouble);
        return refused(problem.remedy("ask another node, or over the admin socket; `GET /ready` says more"), None, reason, row);
    }
    let problem = Problem::new(StatusCode::UNAUTHORIZED, trouble.to_string()).remedy("log in again: `chancery login`");
    let error = Error::new(trouble.code(), trouble.to_string());
    let mut refused = refused(problem, Some((Some(error), ScopeSet::default())), reason, row);
    refused.wants_proof = trouble.wants_proof();
    match trouble.token() {
        Some(token) => refused.of(token.clone(), None),
        None => refused,
    }
}

pub(super) fn refused(
    problem: Problem,
    challenge: Option<(Option<Error>, ScopeSet)>,
    reason: &'static str,
    row: &'static str,
) -> Box<Refused> {
    Box::new(Refused { problem, challenge, wants_proof: false, counter: Counter { endpoint: ENDPOINT, reason, row }, of: None })
}

impl Refused {
    pub fn of(mut self: Box<Self>, token: NamedToken, decision: Option<String>) -> Box<Self> {
        self.of = Some((token, decision));
        self
    }
}
