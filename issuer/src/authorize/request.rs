//! An authorization request that passed every step. It travels sealed, in the page and with the sign-in, until it is answered.

use chancery_core::{AgentId, ClientId};
use chancery_store::repo::grants::AllowedResource;
use serde::{Deserialize, Serialize};

use crate::pkce::Challenge;
use crate::return_to::ReturnTo;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    pub client: ClientId,
    pub return_to: ReturnTo,
    pub challenge: Challenge,
    /// The registered agent that will act, as the page tells the person.
    pub agent: Option<AgentId>,
    /// What each resource is asked for.
    pub resources: Vec<AllowedResource>,
    pub nonce: Option<String>,
    pub login_hint: Option<String>,
    /// Nobody may be asked anything (`prompt=none`).
    pub silent: bool,
    /// The person must sign in anew (`prompt=login`).
    pub fresh: bool,
    /// The person must be asked, whatever they allowed before (`prompt=consent`).
    pub ask: bool,
}
