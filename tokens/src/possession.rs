//! Whose a token is that somebody shows (RFC 9449 §7.1).
//!
//! 1. One that nobody's key stands behind is whoever's holds it: it comes as a bearer token, where the resource takes such tokens at all.
//! 2. One that is bound comes with a proof: one header, for this request and this token, by the key that it is bound to.
//! 3. No proof is used twice.
//!
//! The token was verified before this, once or long ago; a proof is, with each request.

use chancery_core::Timestamp;
use chancery_core::oauth::Code;
use chancery_crypto::jose::dpop::{self, Expected};
use chancery_registry::Dpop;

use crate::VerifiedToken;
use crate::bearer::{By, Shown};
use crate::proofs::{Proofs, Taken};

/// The request that a token came with, as its client means it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a str,
    /// As configured, whatever the `Host` header says (DP-07).
    pub url: &'a str,
}

/// Why nobody is believed that a token is theirs, which is good but for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProofTrouble {
    #[error("this resource takes only tokens that are bound to a key: get one with a DPoP proof, and send it by the DPoP scheme")]
    Unbound,
    #[error("this token is bound to a key: send it by the DPoP scheme, with a proof in the DPoP header")]
    Bearer,
    #[error("this token is bound to no key: send it as a Bearer token, or get one with a DPoP proof")]
    NothingBound,
    #[error("there is no proof: send one in the DPoP header")]
    None,
    #[error("the DPoP header is not one proof: send one header with one proof")]
    NotOne,
    #[error("{0}")]
    Bad(dpop::Trouble),
    #[error("the proof is signed by another key than the token is bound to")]
    OtherKey,
    #[error("this proof was used before: make a new one for each request")]
    Used,
    #[error("more proofs were used here in the last minute than can be remembered: use another moment")]
    NoRoom,
}

/// Whether whoever shows it may act on it.
pub fn is_theirs(
    token: &VerifiedToken,
    shown: Shown<'_>,
    (asked, demand): (Asked<'_>, Dpop),
    proofs: &Proofs,
    now: Timestamp,
) -> Result<(), ProofTrouble> {
    match (&token.claims.cnf, shown.by) {
        (None, By::Bearer) if demand == Dpop::Optional => Ok(()),
        (None, By::Bearer) => Err(ProofTrouble::Unbound),        // PR-05
        (None, By::Proof(_)) => Err(ProofTrouble::NothingBound), // DP-04
        (Some(_), By::Bearer) => Err(ProofTrouble::Bearer),      // DP-04
        (Some(bound), By::Proof(proof)) => {
            let proof = proof.map_err(|_| ProofTrouble::NotOne)?.ok_or(ProofTrouble::None)?; // DP-02, DP-04
            let expected = Expected { method: asked.method, url: asked.url, access_token: Some(shown.token), now }; // DP-04, DP-07
            let proof = dpop::verify(proof, &expected).map_err(ProofTrouble::Bad)?; // DP-02
            if proof.jkt != bound.jkt {
                return Err(ProofTrouble::OtherKey); // DP-04
            }
            proofs.take(&proof, &token.caller, now).map_err(ProofTrouble::from) // DP-02
        }
    }
}

impl ProofTrouble {
    /// What a client is told (RFC 9449 §7.1): that its proof is at fault, or its token.
    pub const fn code(self) -> Code {
        match self {
            Self::Unbound | Self::Bearer | Self::NothingBound | Self::OtherKey => Code::InvalidToken,
            Self::None | Self::NotOne | Self::Bad(_) | Self::Used | Self::NoRoom => Code::InvalidDpopProof,
        }
    }

    /// How it is recorded, and its row.
    pub(crate) const fn refusal(self) -> (&'static str, &'static str) {
        match self {
            Self::Unbound => ("unbound_token", "PR-05"),
            Self::Bearer => ("bound_token_as_bearer", "DP-04"),
            Self::NothingBound => ("unbound_token_with_proof", "DP-04"),
            Self::None => ("no_proof", "DP-04"),
            Self::NotOne => ("several_proofs", "DP-02"),
            Self::Bad(dpop::Trouble::Token) => ("proof_for_another_token", "DP-04"),
            Self::Bad(dpop::Trouble::Url) => ("proof_for_another_url", "DP-07"),
            Self::Bad(_) => ("bad_proof", "DP-02"),
            Self::OtherKey => ("proof_by_another_key", "DP-04"),
            Self::Used => ("used_proof", "DP-02"),
            Self::NoRoom => ("too_many_proofs", "DP-02"),
        }
    }
}

impl From<Taken> for ProofTrouble {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Already => Self::Used,
            Taken::NoRoom => Self::NoRoom,
        }
    }
}
