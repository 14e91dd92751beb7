//! An authorization request that passed every step. It travels sealed, in the page and with the sign-in, until it is answered.

use std::time::Duration;

use chancery_core::{AgentId, Authentication, ClientId, Timestamp};
use chancery_registry::Access;
use chancery_store::repo::grants::AllowedResource;
use serde::{Deserialize, Serialize};

use crate::identity_scope::without_identity;
use crate::pkce::Challenge;
use crate::return_to::ReturnTo;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct AuthorizationRequest {
    pub client: ClientId,
    pub return_to: ReturnTo,
    pub challenge: Challenge,
    /// The thumbprint of the key that the code is to be bound to.
    pub jkt: Option<String>,
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
    /// They may want to be somebody else than the session says (`prompt=select_account`).
    pub select: bool,
    /// The person must be asked, whatever they allowed before (`prompt=consent`).
    pub ask: bool,
    /// How long ago the person may have signed in, in seconds.
    pub max_age: Option<u32>,
    /// By what means they should have, the best first.
    pub acr_values: Option<String>,
}

impl AuthorizationRequest {
    /// Whether a person who signed in like this need not do so again (AT-06).
    pub fn is_met_by(&self, authentication: &Authentication, now: Timestamp) -> bool {
        let recent = |age: u32| authentication.auth_time.is_some_and(|at| now <= at + Duration::from_secs(age.into()));
        !self.fresh && !self.select && self.max_age.is_none_or(recent) && self.is_by_its_means(authentication)
    }

    /// Whether the person signed in by one of the means that were asked for, if some were (SU-02).
    pub fn is_by_its_means(&self, authentication: &Authentication) -> bool {
        let means = |values: &str| authentication.acr.as_deref().is_some_and(|acr| values.split(' ').any(|value| value == acr));
        self.acr_values.as_deref().is_none_or(means)
    }

    /// The same without the scopes that this person may not have; nothing, where none is left of what was asked.
    pub fn allowed_to(&self, access: &Access) -> Option<Self> {
        let narrowed = |asked: &AllowedResource| {
            let scope = access.narrowed(&asked.scope);
            let lost = without_identity(&scope).is_empty() && !without_identity(&asked.scope).is_empty();
            (!lost).then(|| AllowedResource { scope, ..asked.clone() })
        };
        let resources: Vec<_> = self.resources.iter().filter_map(narrowed).collect();
        (!resources.is_empty() || self.resources.is_empty()).then(|| Self { resources, ..self.clone() })
    }

    /// The same, asking nothing of a sign-in any more: it has just been.
    pub fn signed_in(&self) -> Self {
        Self { fresh: false, select: false, max_age: None, acr_values: None, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::moment;

    fn asked(max_age: Option<u32>, acr_values: Option<&str>) -> AuthorizationRequest {
        AuthorizationRequest { max_age, acr_values: acr_values.map(str::to_owned), ..crate::consent::fixtures::request() }
    }

    #[test]
    fn at_06_a_sign_in_is_enough_that_is_young_and_strong_as_asked() {
        let now = moment().now;
        let signed_in = |ago: u64, acr: Option<&str>| Authentication {
            auth_time: Some(now - Duration::from_secs(ago)),
            acr: acr.map(str::to_owned),
            amr: Vec::new(),
        };
        let undated = Authentication::default();
        for (request, how, enough) in [
            (asked(None, None), &undated, true),
            (asked(Some(60), None), &signed_in(60, None), true),
            (asked(Some(60), None), &signed_in(61, None), false),
            (asked(Some(60), None), &undated, false),
            (asked(None, Some("mfa phr")), &signed_in(0, Some("phr")), true),
            (asked(None, Some("mfa phr")), &signed_in(0, Some("ph")), false),
            (asked(None, Some("mfa")), &undated, false),
            (AuthorizationRequest { fresh: true, ..asked(None, None) }, &signed_in(0, None), false),
            (AuthorizationRequest { select: true, ..asked(None, None) }, &signed_in(0, None), false),
        ] {
            assert_eq!(request.is_met_by(how, now), enough, "{request:?} {how:?}");
            assert!(request.signed_in().is_met_by(&undated, now));
        }
    }
}
