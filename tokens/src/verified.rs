//! Access tokens of ours whose signature, type and claims hold: one that may be acted on, and one that may only be named.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chancery_core::{Caller, KeyId, TenantId};
use chancery_crypto::jose::Algorithm;

use crate::AccessToken;

/// An access token that may be acted on. Only a [`Verifier`](crate::Verifier) makes one, and gives it to those alone who proved that it is
/// theirs, where it is bound (DP-04).
pub struct VerifiedToken {
    pub(crate) claims: AccessToken,
    pub(crate) caller: Caller,
    pub(crate) key: KeyId,
    pub(crate) algorithm: Algorithm,
    /// The ended set's epoch at which nothing behind it had ended.
    pub(crate) alive_at: AtomicU64,
    /// About what it takes of memory: its claims come twice, once as the caller.
    pub(crate) bytes: u64,
}

impl VerifiedToken {
    pub const fn claims(&self) -> &AccessToken {
        &self.claims
    }

    /// The authority behind the token, in the words that other rooms know.
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    pub const fn tenant(&self) -> &TenantId {
        &self.caller.tenant
    }

    /// The key that signed it.
    pub const fn key(&self) -> &KeyId {
        &self.key
    }

    /// The ended set's epoch at which nothing behind it had ended; beyond all of them if nobody has looked.
    pub(crate) fn alive_at(&self) -> u64 {
        self.alive_at.load(Ordering::Acquire)
    }

    /// SHA-256 of the token.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.caller.token_digest
    }
}

/// Enough to find it in the audit log; who it stands for is said there.
impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedToken").field("jti", &self.claims.jti).finish_non_exhaustive()
    }
}

/// A live token, whoever holds it: the log may speak of it, and its client may end it. It opens nothing, for nobody showed that a bound
/// one is theirs (DP-04).
#[derive(Clone, Debug)]
pub struct NamedToken(Arc<VerifiedToken>);

impl NamedToken {
    pub(crate) const fn of(token: Arc<VerifiedToken>) -> Self {
        Self(token)
    }

    pub fn claims(&self) -> &AccessToken {
        &self.0.claims
    }

    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }
}

impl From<&Arc<VerifiedToken>> for NamedToken {
    fn from(token: &Arc<VerifiedToken>) -> Self {
        Self(token.clone())
    }
}
