//! What an upstream behind the gateway receives: a token of our own issuer for that upstream alone (MC-02). The caller's
//! token never goes further, and the upstream sees the same subject, the same actors and no more scope.
//!
//! 1. A token made for the same inbound token and server is given again while it and its key live, and that server stands there.
//! 2. Policy permits to issue it, or there is no token.
//! 3. It fits, and there is a key for it: what cannot be made is not recorded, so it may be tried at every call, and is made as soon as it can be.
//! 4. One Unit records it, and its guards say that every grant on the path is alive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_audit::{CommitError, Draft, Journal};
use chancery_core::{
    Caller, Clock, CredentialTrouble, Credentials, Event, Field, Kind, ResourceId, Rng, Secret, ServerBehind, TenantId, Timestamp,
    UpstreamCredential,
};
use chancery_crypto::jose;
use chancery_policy::{Action, Circumstances, Denied, Permit, Question};
use chancery_registry::{Registry, Resource, Tenant, Upstream};
use chancery_store::repo::grants;
use chancery_tokens::{LARGEST_TOKEN, Signer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::mint::{self, Authority, Moment, TooLarge, Unsigned};

/// How many are kept, and how many bytes they may take together. One that was dropped is made again.
const KEPT: usize = 16_384;
const KEPT_BYTES: u64 = 16 << 20;

/// What one that is kept takes beside its text.
const BESIDE_TEXT: usize = 256;

/// What the issuer makes upstream credentials with.
pub struct OwnCredentials {
    registry: Registry,
    signer: Signer,
    journal: Journal,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    kept: Cache<Key, Kept, ByBytes>,
    told: Told,
}

/// Of which resources an operator was told that their tokens grow too large, and at which version of their tenant.
#[derive(Default)]
struct Told(Mutex<HashMap<(TenantId, ResourceId), i64>>);

/// An inbound token, by its digest, at a resource.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    inbound: [u8; 32],
    resource: ResourceId,
}

#[derive(Clone)]
struct Kept {
    token: Secret<String>,
    /// Another than the inbound token's, where the upstream has an algorithm of its own.
    kid: String,
    /// Whom it is for.
    audience: String,
    algorithm: jose::Algorithm,
    ends_at: Timestamp,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Key, Kept> for ByBytes {
    fn weight(&self, _key: &Key, kept: &Kept) -> u64 {
        (BESIDE_TEXT + kept.token.expose().len() + kept.audience.len()) as u64
    }
}

impl OwnCredentials {
    pub fn new(registry: Registry, signer: Signer, journal: Journal, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Self {
        Self { registry, signer, journal, clock, rng, kept: Cache::with_weighter(KEPT, KEPT_BYTES, ByBytes), told: Told::default() }
    }

    /// Calls that arrive together with one new token wait for one upstream token.
    async fn token_for(&self, caller: &Caller, server: ServerBehind<'_>) -> Result<UpstreamCredential, CredentialTrouble> {
        let key = Key { tenant: caller.tenant, inbound: caller.token_digest, resource: *server.resource };
        loop {
            let kept = self.kept.get_or_insert_async(&key, self.make(caller, server)).await?;
            let tenant = self.tenant(caller)?;
            let _there = standing(&tenant, server)?; // to make it may have taken a while
            if self.clock.now() < kept.ends_at && self.signer.has(&key.tenant, &kept.kid) && kept.is_for(server) {
                return Ok(UpstreamCredential::Bearer(kept.token));
            }
            self.kept.remove_if(&key, |still| still.token.expose() == kept.token.expose());
        }
    }

    fn tenant(&self, caller: &Caller) -> Result<Arc<Tenant>, CredentialTrouble> {
        self.registry.tenant_by_id(&caller.tenant).ok_or(CredentialTrouble::Replaced)
    }

    async fn make(&self, caller: &Caller, server: ServerBehind<'_>) -> Result<Kept, CredentialTrouble> {
        let mut moment = Moment::of(&*self.clock, &*self.rng);
        let tenant = self.tenant(caller)?;
        let (resource, upstream) = standing(&tenant, server)?;
        let asked = Asked { caller, tenant: &tenant, resource, upstream };
        let permit = asked.permit(&mut moment).map_err(denied)?;
        let token = asked.token(&permit, &mut moment).map_err(|large| self.told.too_large(&tenant, resource, large))?; // AT-05
        if token.lifetime() <= 0 {
            return Err(CredentialTrouble::Ended);
        }
        self.signer.can(&tenant.id, upstream.token_signing_alg, moment.now).map_err(unavailable)?;

        let receipt = self.journal.commit(&tenant.id, asked.draft(&token, &permit, &mut moment)).await.map_err(|error| match error {
            // The draft's guards are of grants alone, and a grant that has ended stays so: there is nothing to decide again.
            CommitError::GuardFailed(_) => CredentialTrouble::Ended,
            CommitError::Unavailable(store) => unavailable(store),
        })?;
        let token_text = token.signed(&self.signer, &tenant.id, &receipt).map_err(unavailable)?;
        let kid = jose::peek(token_text.expose()).ok().and_then(|header| header.kid).unwrap_or_default();
        let ends_at = Timestamp::from_seconds(token.claims().exp);
        Ok(Kept { token: token_text, kid, audience: upstream.audience.clone(), algorithm: upstream.token_signing_alg, ends_at })
    }
}

impl Credentials for OwnCredentials {
    fn obtain<'a>(&'a self, caller: &'a Caller, server: ServerBehind<'a>) -> BoxFuture<'a, Result<UpstreamCredential, CredentialTrouble>> {
        self.token_for(caller, server).boxed()
    }
}

impl Kept {
    fn is_for(&self, server: ServerBehind<'_>) -> bool {
        self.audience == server.audience && self.algorithm.as_str() == server.algorithm
    }
}

/// The server that a call is for, if it is the one that stands there. A call may be of before a change: what is made for the server of now
/// is nothing to the one of before, which could use it there (MC-02).
fn standing<'t>(tenant: &'t Tenant, server: ServerBehind<'_>) -> Result<(&'t Resource, &'t Upstream), CredentialTrouble> {
    let resource = tenant.resource(server.resource).ok_or(CredentialTrouble::Replaced)?;
    let is_it = |upstream: &&Upstream| upstream.audience == server.audience && upstream.token_signing_alg.as_str() == server.algorithm;
    let upstream = resource.upstream.as_ref().filter(is_it).ok_or(CredentialTrouble::Replaced)?;
    Ok((resource, upstream))
}

/// A token that is asked for, with what the registry knows.
struct Asked<'a> {
    caller: &'a Caller,
    tenant: &'a Tenant,
    resource: &'a Resource,
    upstream: &'a Upstream,
}

impl Asked<'_> {
    fn permit(&self, moment: &mut Moment) -> Result<Permit, Denied> {
        let Self { caller, tenant, resource, .. } = self;
        let agent = caller.agent.and_then(|id| tenant.agent(&id));
        let question = Question {
            action: Action::IssueToken,
            subject: &caller.subject,
            client: &caller.client,
            agent: agent.map(|agent| (&**agent).into()),
            resource: (*resource).into(),
            target: None,
            scope: &caller.scope,
            roles: &caller.roles,
            circumstances: Circumstances { authentication: caller.authentication.as_ref(), ..Circumstances::default() },
        };
        tenant.policy.decide(&question, moment.now, &mut moment.entropy)
    }

    /// The same authority, no longer than the caller's own token.
    fn token(&self, permit: &Permit, moment: &mut Moment) -> Result<Unsigned, TooLarge> {
        let Self { caller, tenant, resource, upstream } = self;
        let authority = Authority {
            tenant,
            resource,
            grants: &caller.grants,
            act: caller.act.clone(),
            cnf: None,
            authentication: caller.authentication.as_ref(),
            roles: &caller.roles,
            ends_at: caller.expires_at,
        };
        mint::upstream_token(upstream, permit, &authority, moment)
    }

    fn draft(&self, token: &Unsigned, permit: &Permit, moment: &mut Moment) -> Draft {
        let Self { caller, tenant, resource, .. } = self;
        let event = Event::new(Kind::UpstreamTokenIssued, tenant.id, moment.now, &mut moment.entropy)
            .with(Field::Subject, &caller.subject)
            .with(Field::Client, &caller.client)
            .with_some(Field::Agent, caller.agent)
            .with(Field::Resource, &resource.url)
            .with(Field::Scope, permit.scope())
            .with_grants(&caller.grants)
            .with(Field::Token, token.claims().jti)
            .with(Field::Decision, permit.decision());
        let alive = caller.grants.iter().map(|grant| grants::alive(&tenant.id, grant, moment.now));
        Draft { writes: alive.collect(), events: vec![event], ..Draft::default() }
    }
}

impl Told {
    /// Whoever runs this is told once of each resource, and again when the registry has changed and it still does not fit.
    fn too_large(&self, tenant: &Tenant, resource: &Resource, large: TooLarge) -> CredentialTrouble {
        if self.is_news((tenant.id, resource.id), tenant.version) {
            tracing::warn!(
                resource = %resource.url, bytes = large.bytes(), most = LARGEST_TOKEN,
                "the token for the server behind this resource would be too large, so calls of whoever may as much are refused (their token, which is \
                 smaller, was given): give its upstream the `token_signing_alg` ES256 or EdDSA, or a shorter `audience`, or give fewer roles by `access`"
            );
        }
        CredentialTrouble::TooLarge
    }

    fn is_news(&self, resource: (TenantId, ResourceId), version: i64) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, version) != Some(version)
    }
}

fn denied(Denied { decision, policies, advice }: Denied) -> CredentialTrouble {
    CredentialTrouble::Denied { decision, policies, advice }
}

fn unavailable(why: impl ToString) -> CredentialTrouble {
    CredentialTrouble::Unavailable(why.to_string())
}

#[cfg(test)]
mod tests {
    use chancery_core::Entropy;

    use super::*;

    #[test]
    fn at_05_what_is_too_large_is_told_once_until_the_registry_changes() {
        let (told, mut entropy) = (Told::default(), Entropy::from_bytes([7; Entropy::BYTES]));
        let tenant = TenantId::mint(Timestamp::from_millis(0), &mut entropy);
        let [bank, exchange] = [1, 2].map(|at| (tenant, ResourceId::mint(Timestamp::from_millis(at), &mut entropy)));
        let news = [(bank, 1), (bank, 1), (exchange, 1), (bank, 2), (bank, 2)].map(|(resource, version)| told.is_news(resource, version));
        assert_eq!(news, [true, false, true, true, false]);
    }
}
