//! How and how recently a person must have proved who they are (RFC 9470).

use std::time::Duration;

use chancery_core::{Authentication, Timestamp};
use serde::{Deserialize, Serialize};

/// What is demanded; by default nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignInDemand {
    /// One of these, as the identity provider calls them; the best first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acr: Vec<String>,
    /// How many seconds ago at most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_age: Option<u32>,
}

impl SignInDemand {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What this says; what it leaves open, as the other says.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let acr = if self.acr.is_empty() { &other.acr } else { &self.acr };
        Self { acr: acr.clone(), max_age: self.max_age.or(other.max_age) }
    }

    /// What satisfies both, as far as one demand can say it: the shorter time, and the means that both take, or else the other's.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let both: Vec<String> = self.acr.iter().filter(|acr| other.acr.contains(acr)).cloned().collect();
        let acr = match (self.acr.is_empty(), other.acr.is_empty(), both.is_empty()) {
            (false, false, false) => both,
            (_, true, _) => self.acr.clone(),
            _ => other.acr.clone(),
        };
        let max_age = self.max_age.into_iter().chain(other.max_age).min();
        Self { acr, max_age }
    }

    /// Whether a sign-in like this will do. What the identity provider did not say is not made up.
    pub fn is_met_by(&self, known: Option<&Authentication>, now: Timestamp) -> bool {
        let acr = known.and_then(|known| known.acr.as_deref());
        let by_means = self.acr.is_empty() || acr.is_some_and(|acr| self.acr.iter().any(|wanted| wanted == acr));
        let at = known.and_then(|known| known.auth_time);
        let lately = self.max_age.is_none_or(|age| at.is_some_and(|at| now <= at + Duration::from_secs(age.into())));
        by_means && lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(acr: &str, max_age: Option<u32>) -> SignInDemand {
        SignInDemand { acr: acr.split_whitespace().map(str::to_owned).collect(), max_age }
    }

    #[test]
    fn su_01_what_the_provider_did_not_say_meets_no_demand() {
        let now = Timestamp::from_seconds(1_764_000_000);
        let known = |ago: Option<u64>, acr: Option<&str>| Authentication {
            auth_time: ago.map(|ago| now - Duration::from_secs(ago)),
            acr: acr.map(str::to_owned),
            amr: vec![],
        };
        assert!(demand("", None).is_met_by(None, now));
        let strict = demand("phr mfa", Some(300));
        assert!(strict.is_met_by(Some(&known(Some(300), Some("mfa"))), now));
        for weak in [known(Some(301), Some("mfa")), known(None, Some("mfa")), known(Some(1), None), known(Some(1), Some("phr mfa"))] {
            assert!(!strict.is_met_by(Some(&weak), now), "{weak:?}");
        }
        assert!(!strict.is_met_by(None, now));
    }

    #[test]
    fn a_tools_own_demand_comes_first_and_two_demands_are_one() {
        assert_eq!(demand("", Some(60)).or(&demand("mfa", Some(900))), demand("mfa", Some(60)));
        assert_eq!(demand("phr mfa", None).and(&demand("mfa pwd", Some(60))), demand("mfa", Some(60)));
        assert_eq!(demand("phr", Some(5)).and(&demand("", Some(60))), demand("phr", Some(5)));
        assert_eq!(demand("", None).and(&demand("mfa", None)), demand("mfa", None));
    }
}
