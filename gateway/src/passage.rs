//! The one way to the upstream. What goes out needs three things that only their own rooms can make: a [`VerifiedToken`], a [`Permit`]
//! for every message, and a [`Record`]; what comes back is held until the record is durable.
//!
//! ```
//! use chancery_gateway::passage::{Passage, Permits, Record};
//! fn pass(token: std::sync::Arc<chancery_tokens::VerifiedToken>, permit: chancery_policy::Permit, record: Record) -> Passage {
//!     Passage::new(token, Permits::new(permit, vec![]), record)
//! }
//! ```
//! Without a permit there is none:
//! ```compile_fail,E0308
//! use chancery_gateway::passage::{Passage, Permits, Record};
//! fn pass(token: std::sync::Arc<chancery_tokens::VerifiedToken>, permit: (), record: Record) -> Passage {
//!     Passage::new(token, Permits::new(permit, vec![]), record)
//! }
//! ```
//! nor without a token that was verified:
//! ```compile_fail,E0308
//! use chancery_gateway::passage::{Passage, Permits, Record};
//! fn pass(token: std::sync::Arc<chancery_tokens::AccessToken>, permit: chancery_policy::Permit, record: Record) -> Passage {
//!     Passage::new(token, Permits::new(permit, vec![]), record)
//! }
//! ```
//! nor without a record:
//! ```compile_fail,E0308
//! use chancery_gateway::passage::{Passage, Permits, Record};
//! fn pass(token: std::sync::Arc<chancery_tokens::VerifiedToken>, permit: chancery_policy::Permit, record: ()) -> Passage {
//!     Passage::new(token, Permits::new(permit, vec![]), record)
//! }
//! ```
//! and none of them can be made up; a record, whatever its state:
//! ```compile_fail,E0451
//! use chancery_gateway::passage::Record;
//! fn forge() -> Record { Record { state: unreachable!() } }
//! ```
//! nor the list of permits, or the passage itself:
//! ```compile_fail,E0423
//! use chancery_gateway::passage::Permits;
//! fn forge() -> Permits { Permits(vec![]) }
//! ```
//! ```compile_fail,E0451
//! use chancery_gateway::passage::{Passage, Permits, Record};
//! fn pass(token: std::sync::Arc<chancery_tokens::VerifiedToken>, permits: Permits, record: Record) -> Passage {
//!     Passage { token, permits, record }
//! }
//! ```

use std::sync::Arc;

use chancery_audit::Receipt;
use chancery_core::{CredentialTrouble, Credentials, ServerBehind, UpstreamCredential};
use chancery_policy::{Denied, Permit};
use chancery_registry::{Resource, Upstream, UpstreamAuth};
use chancery_tokens::VerifiedToken;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use crate::headers;
use crate::leg::Leg;
use crate::message_counts::Tallied;
use crate::record::{Closing, Opening, Outcome, Written};
use crate::refusal::Refusal;
use crate::session::Session;
use crate::upstream::{Answered, Backend, Backends, Outgoing};

/// The permits of all messages of a request: at least one.
pub struct Permits(Vec<Permit>);

impl Permits {
    pub fn new(first: Permit, others: Vec<Permit>) -> Self {
        Self(std::iter::once(first).chain(others).collect())
    }

    pub(crate) fn of(permits: Vec<Permit>) -> Self {
        assert!(!permits.is_empty(), "a request has a message, and each has its permit");
        Self(permits)
    }
}

/// How a request is written down.
pub struct Record {
    state: State,
}

#[expect(clippy::large_enum_variant, reason = "what comes through becomes the large one")]
enum State {
    /// The open events are durable.
    Open(Receipt, Closing),
    /// They are on their way; for tools that only read.
    Opening(Opening),
    /// Its messages are no events.
    Tallied(Tallied),
}

impl Record {
    pub(crate) const fn tallied(tallied: Tallied) -> Self {
        Self { state: State::Tallied(tallied) }
    }

    /// For tools that only read: the call goes out meanwhile.
    pub(crate) const fn meanwhile(opening: Opening) -> Self {
        Self { state: State::Opening(opening) }
    }

    pub(crate) async fn durable(opening: Opening) -> Result<Self, Refusal> {
        let (receipt, closing) = opening.durable().await?;
        Ok(Self { state: State::Open(receipt, closing) })
    }

    /// Waits until nothing is on its way any more.
    async fn settled(self) -> Result<Settled, Refusal> {
        match self.state {
            State::Open(receipt, closing) => Ok(Settled { written: receipt.into(), closing: Some(closing) }),
            State::Opening(opening) => {
                let (receipt, closing) = opening.durable().await?;
                Ok(Settled { written: receipt.into(), closing: Some(closing) })
            }
            State::Tallied(tallied) => Ok(Settled { written: tallied.into(), closing: None }),
        }
    }
}

/// A record that is durable, and what is to be closed.
pub(crate) struct Settled {
    written: Written,
    closing: Option<Closing>,
}

/// Leave for one request to go to one upstream.
pub struct Passage {
    token: Arc<VerifiedToken>,
    permits: Permits,
    record: Record,
}

impl Passage {
    /// # Panics
    /// When a permit is not the token's: it was given to somebody else.
    pub fn new(token: Arc<VerifiedToken>, permits: Permits, record: Record) -> Self {
        let caller = token.caller();
        let own = |permit: &Permit| permit.subject() == caller.subject && *permit.client() == caller.client;
        assert!(permits.0.iter().all(own), "a permit lets nobody pass but the one it was given to");
        Self { token, permits, record }
    }
}

/// A request as it came, with the session it is in.
pub(crate) struct Onward<'a> {
    pub method: Method,
    pub headers: &'a HeaderMap,
    pub session: Option<&'a Session>,
    pub body: bytes::Bytes,
    /// Whether it may go, asked when nothing is left to wait for.
    pub may_go: &'a (dyn Fn() -> Result<(), Refusal> + Sync),
}

/// The way to the upstreams, and to what they accept as credential.
pub(crate) struct Way {
    pub backends: Backends,
    pub credentials: Arc<dyn Credentials>,
}

/// An answer whose bytes nobody may have yet.
pub(crate) struct Held {
    answer: Answered,
    record: Record,
}

/// A request that came to nothing.
pub(crate) struct Failed {
    pub refusal: Refusal,
    /// Proof that it is written down already.
    pub written: Option<Written>,
    /// The answer of the upstream's that may not go on, where it was one.
    pub leg: Option<Box<Leg>>,
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, written: None, leg: None }
    }
}

impl Way {
    /// Sends the request on, with a credential of its own in place of the caller's (MC-02), unless it is `halted` before its answer begins:
    /// then the upstream is let go of.
    ///
    /// # Panics
    /// When a permit is for another resource.
    pub async fn send(
        &self,
        passage: Passage,
        (resource, backend): (&Arc<Resource>, &Backend),
        onward: Onward<'_>,
        halted: impl Future<Output = Refusal>,
    ) -> Result<Held, Failed> {
        let Passage { token, permits, record } = passage;
        assert!(permits.0.iter().all(|permit| permit.resource_id() == resource.id), "a permit is for one resource");
        let answered = tokio::select! {
            biased; // it is looked each time before anything goes on
            refusal = halted => Err(refusal), // RV-05
            answered = self.answered(token, (resource, backend), onward) => answered,
        };
        match answered {
            Ok(answer) => Ok(Held { answer, record }),
            Err(refusal) => Err(record.failed(refusal).await),
        }
    }

    async fn answered(
        &self,
        token: Arc<VerifiedToken>,
        (resource, backend): (&Arc<Resource>, &Backend),
        onward: Onward<'_>,
    ) -> Result<Answered, Refusal> {
        let upstream = resource.upstream.as_ref().ok_or_else(Refusal::upstream_unreachable)?;
        let mut headers =
            headers::onward(onward.headers, onward.session.map(|session| &*session.upstream)).ok_or_else(Refusal::unknown_session)?;
        let shown = match &upstream.credential {
            UpstreamAuth::Token => headers::prove(&mut headers, &self.token(&token, resource, upstream).await?),
            UpstreamAuth::Header(name) => upstream.secrets.header().and_then(|value| headers::show(&mut headers, name, value)),
            UpstreamAuth::Nothing => Some(()),
        };
        shown.ok_or_else(Refusal::credential_unavailable)?; // MC-02
        let replica = onward.session.and_then(|session| session.replica.clone());
        (onward.may_go)()?; // MC-01
        let sent = Instant::now();
        let mut answer = backend.ask(Outgoing { method: onward.method, headers, body: onward.body, replica, token }).await?;
        let leg = Leg { resource: resource.clone(), sent, answered: Instant::now(), status: answer.head.status };
        answer.head.extensions.insert(leg);
        Ok(answer)
    }

    /// A token of ours for this upstream alone.
    async fn token(&self, token: &VerifiedToken, resource: &Resource, upstream: &Upstream) -> Result<UpstreamCredential, Refusal> {
        let algorithm = upstream.token_signing_alg.as_str();
        let server = ServerBehind { resource: &resource.id, audience: &upstream.audience, algorithm };
        self.credentials.obtain(token.caller(), server).await.map_err(|trouble| match trouble {
            CredentialTrouble::Ended => Refusal::grant_ended(),
            CredentialTrouble::Denied { decision, policies, advice } => Refusal::denied(&Denied { decision, policies, advice }),
            CredentialTrouble::TooLarge => Refusal::credential_too_large(),
            CredentialTrouble::Replaced => Refusal::upstream_replaced(), // MC-02
            CredentialTrouble::Unavailable(why) => {
                tracing::warn!(resource = %resource.url, why, "no credential for the upstream");
                Refusal::credential_unavailable()
            }
        })
    }
}

impl Held {
    /// The answer, once the record is durable: not a byte of it before.
    pub async fn released(self) -> Result<(Answered, Settled), Failed> {
        let settled = self.record.settled().await?;
        Ok((self.answer, settled))
    }
}

impl Record {
    /// Nothing comes of it but a refusal.
    pub(crate) async fn failed(self, refusal: Refusal) -> Failed {
        match self.settled().await {
            Ok(settled) => settled.failed(refusal),
            Err(refusal) => refusal.into(),
        }
    }
}

impl Settled {
    /// Whether calls were opened that are to be closed.
    pub const fn is_open(&self) -> bool {
        self.closing.is_some()
    }

    /// Closes what was opened, once it is known how it ended.
    pub fn at_the_end(self, status: StatusCode) -> impl FnOnce(Outcome) + Send + Unpin + 'static {
        move |outcome| {
            if let Some(closing) = self.closing {
                closing.close(outcome, status);
            }
        }
    }

    /// Closes as failed what was opened.
    pub fn failed(self, refusal: Refusal) -> Failed {
        let Self { written, closing } = self;
        let is_told = closing.is_some();
        if let Some(closing) = closing {
            closing.refused(&refusal);
        }
        // Whoever was denied may ask about the decision, and a count does not know it.
        let enough = is_told || refusal.decision.is_none();
        Failed { refusal, written: enough.then_some(written), leg: None }
    }
}
