//! Scopes that are about the person and not about a resource. `openid` asks for an ID token (OpenID Connect Core §3.1.2.1).
//! `offline_access` asks for a refresh token: every client of the code flow gets one, so it is taken for said and left
//! out.

use chancery_core::ScopeSet;

const OPENID: &str = "openid";
const OFFLINE_ACCESS: &str = "offline_access"; // MC-06

/// What a `scope` parameter asks for.
pub(crate) fn heard(asked: &ScopeSet) -> ScopeSet {
    asked.iter().filter(|scope| scope.as_str() != OFFLINE_ACCESS).cloned().collect()
}

pub(crate) fn wants_id_token(scope: &ScopeSet) -> bool {
    !identity_of(scope).is_empty()
}

/// `openid`, where it stands in `scope`.
pub(crate) fn identity_of(scope: &ScopeSet) -> ScopeSet {
    scope.iter().filter(|scope| scope.as_str() == OPENID).cloned().collect()
}

/// What is left for resources.
pub(crate) fn without_identity(scope: &ScopeSet) -> ScopeSet {
    scope.difference(&identity_of(scope))
}
