//! The main job, done before the reader's eyes: a client that knows nothing but a protected server's URL finds out whom to ask, registers,
//! sends a person to sign in and consent, redeems the code and calls a tool. It uses nothing of Chancery's insides: what it sees, any
//! client would see.

mod ask;
mod browser;
mod client;
mod documents;
mod form;
mod jar;
mod token;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use chancery_core::Rng;
use chancery_outbound::{BoxError, Upstreams};
use serde::Serialize;

#[cfg(test)]
pub(crate) use form::Form;
pub use token::DecodedToken;

use crate::Person;

/// What a journey needs.
pub struct Parts {
    /// The protected server's public URL, such as `http://127.0.0.1:8080/mcp/bank`.
    pub server: String,
    /// Who sits before the browser, where it is asked.
    pub person: Person,
    pub upstreams: Upstreams,
    pub rng: Arc<dyn Rng>,
}

/// One request, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// Counts from 1.
    pub number: usize,
    /// What the step is for, in a few words.
    pub does: &'static str,
    /// Method and path, without the query.
    pub request: String,
    pub status: u16,
    /// The one field of the answer that matters, and its value.
    pub field: &'static str,
    pub value: String,
}

/// Hears of each step as it happens.
pub trait Report: Send {
    fn step(&mut self, step: &Step);
}

/// What the journey ended with.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Arrived {
    pub token: DecodedToken,
    /// What the tool said.
    pub answer: String,
}

/// Where the journey ended instead.
#[derive(Debug, thiserror::Error)]
pub enum JourneyError {
    #[error("{does}: {request} could not be sent: {source}")]
    NotSent { does: &'static str, request: String, source: BoxError },
    #[error("{does}: {request} answered {status}, not as expected: {why}")]
    Unexpected { does: &'static str, request: String, status: u16, why: String },
}

/// Makes the journey, telling each step.
///
/// # Errors
/// [`JourneyError`] at the first answer that is not as it should be.
pub async fn run(parts: &Parts, report: &mut dyn Report) -> Result<Arrived, JourneyError> {
    client::Client::new(parts, report).travel().await
}
