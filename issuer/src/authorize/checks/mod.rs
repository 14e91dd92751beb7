//! The checks of an authorization request, one file each. Each reads what it is about from the arrival and gives it back checked: the
//! table of steps calls them for their refusals, the request is then built from what they give.

pub(super) mod agent;
pub(super) mod client;
pub(super) mod code_challenge;
pub(super) mod dpop_jkt;
pub(super) mod grant_type;
pub(super) mod nonce;
pub(super) mod parameters;
pub(super) mod prompt;
pub(super) mod redirect_uri;
pub(super) mod resource;
pub(super) mod response_type;
pub(super) mod scope;
pub(super) mod state;
