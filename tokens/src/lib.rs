//! Tokens: their claims, the keys that stand behind them, the check that every access token passes, and what was ended early.
//!
//! To mint is not done here: the [`Signer`] is made beside the [`Keyring`] and handed to the issuer alone.

pub mod bearer;
pub mod challenge;

mod claims;
mod end;
mod ended;
mod followed;
mod keyring;
mod new_keys;
mod possession;
mod proofs;
mod refresh;
mod signer;
mod step_up;
mod trouble;
mod verified;
mod verifier;

#[cfg(test)]
mod site;

pub use chancery_core::LONGEST_TOKEN_LIFE;
pub use claims::{AccessToken, Confirmation, LARGEST_TOKEN};
pub use end::{
    End, EndedKind, end_of, end_of_agent, end_of_allowed, end_of_client, end_of_gone_agent, end_of_gone_client, end_of_grant,
    end_of_issuer, end_of_key, end_of_session, end_of_sessions, end_of_subject, end_of_their_session, end_of_token,
};
pub use ended::Ended;
pub use followed::Followed;
pub use keyring::{Keyring, KeyringError, TenantKeys, open};
pub use new_keys::{NewKeyError, first_keys, further_keys};
pub use possession::{Asked, ProofTrouble};
pub use refresh::{Presented, RefreshTokenKeys};
pub use signer::{SignError, Signer};
pub use step_up::step_up_asked;
pub use trouble::TokenTrouble;
pub use verified::{NamedToken, VerifiedToken};
pub use verifier::{Standing, Verifier};
