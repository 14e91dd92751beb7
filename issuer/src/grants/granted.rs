//! What a grant grants, until it is committed and signed.

use chancery_audit::{Draft, Receipt};
use chancery_core::{FamilyId, ScopeSet, Secret, TenantId};
use chancery_tokens::{Presented, RefreshTokenKeys, SignError, Signer};

use crate::mint::{IdToken, Unsigned};

/// Yes: tokens, and what must be written before they are.
pub(crate) struct Granted {
    pub draft: Draft,
    pub tokens: Tokens,
}

/// Tokens that nobody has signed.
pub(crate) struct Tokens {
    access: Unsigned,
    /// What the client may say it has: the access token's scope, and `openid` where it was granted.
    scope: ScopeSet,
    refresh: Option<Presented>,
    id: Option<IdToken>,
}

impl Granted {
    pub fn tokens(access: Unsigned, scope: ScopeSet) -> Self {
        Self { draft: Draft::default(), tokens: Tokens { access, scope, refresh: None, id: None } }
    }

    pub fn with_refresh_token(mut self, family: FamilyId, generation: u64) -> Self {
        self.tokens.refresh = Some(Presented { family, generation });
        self
    }

    pub fn with_id_token(mut self, id: Option<IdToken>) -> Self {
        self.tokens.id = id;
        self
    }

    /// What must be written before it is signed.
    pub fn with(mut self, draft: Draft) -> Self {
        self.draft = self.draft.with(draft);
        self
    }
}

/// Tokens as they go to the client.
pub struct Signed {
    pub(crate) access: Secret<String>,
    pub(crate) token_type: &'static str,
    /// In seconds.
    pub(crate) lifetime: i64,
    pub(crate) scope: ScopeSet,
    pub(crate) refresh: Option<Secret<String>>,
    pub(crate) id: Option<Secret<String>>,
}

impl Tokens {
    /// Signs what the receipt's Unit recorded.
    pub fn signed(self, tenant: &TenantId, signer: &Signer, keys: &RefreshTokenKeys, committed: &Receipt) -> Result<Signed, SignError> {
        Ok(Signed {
            access: self.access.signed(signer, tenant, committed)?,
            token_type: self.access.token_type(),
            lifetime: self.access.lifetime(),
            refresh: self.refresh.map(|token| keys.issue(tenant, &token.family, token.generation)),
            id: self.id.map(|id| id.signed(signer, tenant, committed)).transpose()?,
            scope: self.scope,
        })
    }

    #[cfg(test)]
    pub const fn access(&self) -> &Unsigned {
        &self.access
    }

    #[cfg(test)]
    pub const fn refresh(&self) -> Option<Presented> {
        self.refresh
    }

    #[cfg(test)]
    pub const fn has_id_token(&self) -> bool {
        self.id.is_some()
    }

    #[cfg(test)]
    pub const fn scope(&self) -> &ScopeSet {
        &self.scope
    }
}
