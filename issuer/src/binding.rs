//! What the tokens of a request are bound to (RFC 9449 §5): the key of its DPoP proof, or nothing.
//!
//! 1. There is one `DPoP` header at most. It is held against the token endpoint's own address, once, after the client authenticated.
//! 2. What is issued names the key. A public client's refresh tokens are good with proofs of that key alone; a confidential client proves
//!    who it is anyway, so its key may change (DP-05).
//! 3. The proof is consumed in the Unit of what it bound, so it is used once, whichever node it comes to. One that came to a refusal was
//!    not used: strangers make as many proofs as they like, and each would be a row.

use std::sync::OnceLock;

use axum::http::{HeaderMap, Method};
use chancery_audit::Draft;
use chancery_core::oauth::Code;
use chancery_core::{TenantId, Timestamp};
use chancery_crypto::jose::dpop::{self, Expected, Proof, Trouble};
use chancery_registry::{Dpop, Resource, Tenant};
use chancery_store::repo::consumed;
use chancery_tokens::Confirmation;
use chancery_tokens::bearer::PROOF;

use crate::refusal::Refused;

/// Which of the draft's writes consumes the proof.
pub(crate) const CONSUMED: usize = 0;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Binding {
    /// Whoever holds the token may use it.
    None,
    Dpop(Proof),
}

/// What a request lacks that would use what is bound to a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Misfit {
    OtherKey,
    NoProof,
}

impl Binding {
    /// The key's thumbprint.
    pub fn jkt(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Dpop(proof) => Some(&proof.jkt),
        }
    }

    /// Whether it is by the key that something is bound to, where it is bound at all.
    pub fn fits(&self, bound: Option<&str>) -> Result<(), Misfit> {
        match (bound, self.jkt()) {
            (None, _) => Ok(()),
            (Some(bound), Some(key)) if bound == key => Ok(()),
            (Some(_), Some(_)) => Err(Misfit::OtherKey),
            (Some(_), None) => Err(Misfit::NoProof),
        }
    }

    /// A resource may take bound tokens alone: what is bound to nothing would be of no use there, but to whoever reads it in a log.
    pub fn suffices_for(&self, resource: &Resource) -> Result<(), Refused> {
        match self {
            Self::None if resource.dpop == Dpop::Required => Err(invalid(
                "this resource takes only tokens that are bound to a key (dpop_bound_access_tokens_required); send a proof in a DPoP header",
            )),
            _ => Ok(()),
        }
    }

    /// What the token says of it.
    pub fn confirmation(&self) -> Option<Confirmation> {
        self.jkt().map(|jkt| Confirmation { jkt: jkt.to_owned() })
    }

    /// What is written before anything else of a request that is granted.
    pub fn consumption(&self, tenant: &TenantId) -> Draft {
        match self {
            Self::None => Draft::default(),
            Self::Dpop(proof) => {
                Draft::default().writing(consumed::consume(tenant, "dpop", &proof.single_use_key(), proof.good_until)) // DP-02
            }
        }
    }
}

/// What the `DPoP` headers of a request say. Nothing of it is believed before it is asked for.
pub(crate) struct Proofs {
    sent: Vec<String>,
    arrived: Timestamp,
    held: OnceLock<Result<Binding, Trouble>>,
}

impl Proofs {
    pub fn of(headers: &HeaderMap, arrived: Timestamp) -> Self {
        let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self { sent: headers.get_all(PROOF).iter().map(text).collect(), arrived, held: OnceLock::new() }
    }

    pub fn one_at_most(&self) -> Result<(), Refused> {
        match self.sent.as_slice() {
            [] | [_] => Ok(()),
            _ => Err(invalid("the DPoP header comes twice; a request has one proof")),
        }
    }

    /// By whichever address the request came, the proof must name the one that the metadata gives (DP-07).
    pub fn binding(&self, tenant: &Tenant) -> Result<&Binding, Refused> {
        self.one_at_most()?;
        let held = self.held.get_or_init(|| {
            let Some(proof) = self.sent.first() else { return Ok(Binding::None) };
            let url = format!("{}/token", tenant.issuer);
            let here = Expected { method: Method::POST.as_str(), url: &url, access_token: None, now: self.arrived };
            dpop::verify(proof, &here).map(Binding::Dpop)
        });
        held.as_ref().map_err(|trouble| invalid(trouble.to_string()))
    }
}

/// Of whoever registered for bound tokens, none that others could use.
pub(crate) fn registered_for_it() -> Refused {
    invalid("this client is registered for tokens that are bound to a key (dpop_bound_access_tokens); send a proof in a DPoP header")
}

pub(crate) fn used_before() -> Refused {
    invalid("this proof was used before; make a new one, with a jti of its own, for each request").because("proof replayed").by_row("DP-02")
}

fn invalid(description: impl Into<String>) -> Refused {
    Refused::new(Code::InvalidDpopProof, description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, tenant};

    fn proofs(values: &[&str]) -> Proofs {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PROOF, value.parse().expect("a header"));
        }
        Proofs::of(&headers, NOW)
    }

    #[test]
    fn dp_02_one_header_that_holds_or_none() {
        let tenant = tenant();
        assert_eq!(proofs(&[]).binding(&tenant).expect("nothing to hold"), &Binding::None);
        for sent in [&["x"][..], &["x", "x"], &[""]] {
            let refused = proofs(sent).binding(&tenant).expect_err("refused");
            assert_eq!((refused.error().code(), refused.error().status()), (Code::InvalidDpopProof, 400), "{sent:?}");
        }
    }

    #[test]
    fn dp_02_what_is_not_bound_writes_nothing_and_a_proof_is_consumed_as_long_as_it_is_good() {
        let tenant = tenant();
        assert!(Binding::None.consumption(&tenant.id).writes.is_empty());
        let proof = Proof { jkt: "k".into(), jti: "1".into(), good_until: NOW };
        let consumed = consumed::consume(&tenant.id, "dpop", &proof.single_use_key(), NOW);
        assert_eq!(Binding::Dpop(proof).consumption(&tenant.id).writes[CONSUMED], consumed);
    }
}
