//! Why a token was refused: for the challenge (RFC 6750 §3.1), for the count, and for the log.

use chancery_audit::Counter;
use chancery_core::oauth::Code;

use crate::{NamedToken, ProofTrouble};

/// What is wrong with a presented access token; the text goes to the client. One for another resource, by another
/// key of ours than the resource's, or without the proof that it needs, is alive, so its refusal carries it and is an event; the others are of nobody in particular
/// and are counted, also one that was ended: whoever still has it could fill the log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenTrouble {
    #[error("this is not a JWT access token: send the access token as it was issued")]
    Malformed,
    #[error("another issuer issued this token: get one from the authorization server that the resource metadata names")]
    ForeignIssuer,
    #[error("no key of this issuer signed this token: get a new one")]
    UnknownKey,
    #[error("this token is signed with another algorithm than its key's: get a new one")]
    WrongAlgorithm,
    #[error("this is another kind of token: send the access token, not an ID token or an assertion")]
    WrongType,
    #[error("the signature of this token is wrong: send the access token as it was issued")]
    BadSignature,
    #[error("this token has expired: refresh it, or authorize again")]
    Expired,
    #[error("this token is not valid yet: check the clock of whoever issued it")]
    NotYet,
    #[error("this token is for another resource: get one for this resource")]
    WrongResource(NamedToken),
    #[error("this token is signed with another algorithm than this resource's: get a new one")]
    OtherAlgorithm(NamedToken),
    #[error("what this token stands for was ended: authorize again")]
    Ended,
    /// It is good, but for that. Another node may know.
    #[error("whether this token was ended cannot be said now, since this server hears nothing from its database: try again in a moment")]
    Unsure(NamedToken),
    #[error("{1}")]
    Unproven(NamedToken, ProofTrouble),
}

impl TokenTrouble {
    /// How it is counted or recorded: our word for it and its row.
    pub fn refusal(&self, endpoint: &'static str) -> Counter {
        let (reason, row) = match self {
            Self::Malformed => ("malformed_token", "AT-01"),
            Self::ForeignIssuer => ("foreign_issuer", "AT-01"),
            Self::UnknownKey => ("unknown_key", "AT-01"),
            Self::WrongAlgorithm => ("wrong_algorithm", "JW-01"),
            Self::WrongType => ("wrong_type", "AT-02"),
            Self::BadSignature => ("bad_signature", "AT-01"),
            Self::Expired => ("expired_token", "AT-01"),
            Self::NotYet => ("token_not_yet_valid", "AT-01"),
            Self::WrongResource(_) => ("wrong_resource", "PR-03"),
            Self::OtherAlgorithm(_) => ("other_algorithm", "AT-05"),
            Self::Ended => ("ended_token", "OA-08"),
            Self::Unsure(_) => ("feed_lost", "RV-05"),
            Self::Unproven(_, trouble) => trouble.refusal(),
        };
        Counter { endpoint, reason, row }
    }

    /// The live token that was refused, where there is one to name in an event.
    pub const fn token(&self) -> Option<&NamedToken> {
        match self {
            Self::WrongResource(token) | Self::OtherAlgorithm(token) | Self::Unproven(token, _) => Some(token),
            _ => None,
        }
    }

    /// What the client is told.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unproven(_, trouble) => trouble.code(),
            _ => Code::InvalidToken,
        }
    }

    /// Nothing is wrong with the token; another moment, or another node, will do.
    pub const fn will_pass(&self) -> bool {
        matches!(self, Self::Unsure(_) | Self::Unproven(_, ProofTrouble::NoRoom))
    }

    /// It came without the proof that it needs.
    pub const fn wants_proof(&self) -> bool {
        matches!(self, Self::Unproven(_, ProofTrouble::Bearer))
    }
}
