//! `GET /t/{tenant}/callback/{provider}`: a person is back from the provider (OpenID Connect Core §3.1.2.7 and §3.1.3).
//!
//! 1. Parse what the browser brought.
//! 2. Load the sign-in and decide; claim it by a guarded write, so that everything after happens once.
//! 3. Redeem the code.
//! 4. Check the ID token.
//! 5. Write subject, session, the provider's refresh token, sealed, and the result, in one Unit, unless the provider ended it meanwhile.
//! 6. On to the issuer.
//!
//! Until the claim nothing is changed: if the provider cannot be reached by then, the same address works again.

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::response::Response;
use chancery_audit::{CommitError, Draft, Receipt};
use chancery_core::oauth::Fault;
use chancery_core::{ClientId, Cookie, Entropy, Pages, Slug, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_crypto::jose;
use chancery_registry::{IdentityProvider, Tenant};
use chancery_store::repo::sign_ins::{self, SignIn};
use chancery_store::repo::subjects;

use crate::arrival::Arrival;
use crate::begin::redirect_uri;
use crate::decide::{Facts, Next, decide};
use crate::id_token::{self, Identity};
use crate::kept::{Kept, Names, Where};
use crate::metadata::Metadata;
use crate::outcome::{self, Outcome};
use crate::pending::Pending;
use crate::provider::{self, ProviderTrouble, Redemption, Tokens};
use crate::refuse::{At, refuse};
use crate::refused::{Refused, TELL_THE_OPERATORS};
use crate::{Federation, Parts, proxy, respond, under_way};

/// How often a decision is made anew because its facts changed meanwhile.
const ATTEMPTS: usize = 3;

pub(crate) async fn endpoint<P: Pages>(
    State(federation): State<Federation<P>>,
    Path((tenant, provider)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parts = &*federation.parts;
    let Some(tenant) = parts.registry.tenant(&tenant) else {
        return refuse(parts, At::default(), Refused::missing("unknown tenant")).await;
    };
    let Some(provider) = provider.parse::<Slug>().ok().and_then(|name| tenant.provider(&name)) else {
        return refuse(parts, At { tenant: Some(&tenant), ..At::default() }, Refused::missing("unknown provider")).await;
    };
    let visit = Visit { parts, tenant: &tenant, provider, now: parts.clock.now() };
    let at = At { tenant: Some(&tenant), provider: Some(&provider.name), sign_in: None };
    let arrival = match Arrival::parse(&query.unwrap_or_default()) {
        Ok(arrival) => arrival,
        Err(refused) => return refuse(parts, at, refused).await,
    };
    match visit.come_back(&arrival, visit.browser(&headers)).await {
        Ok((receipt, outcome)) => visit.go_on(&receipt, &outcome),
        Err(refused) => refuse(parts, At { sign_in: arrival.row(), ..at }, refused).await,
    }
}

/// One request to a callback address that exists.
struct Visit<'a, P> {
    parts: &'a Parts<P>,
    tenant: &'a Tenant,
    provider: &'a IdentityProvider,
    now: Timestamp,
}

/// A sign-in that is ours alone to finish.
struct Claimed {
    sign_in: SignIn,
    metadata: Metadata,
    code: String,
}

/// Who came, with what, and as whose client.
struct Came {
    identity: Identity,
    tokens: Tokens,
    /// The client, where the provider knows it by an id of its own.
    registration: Option<ClientId>,
}

impl<P: Pages> Visit<'_, P> {
    /// SHA-256 of the browser's cookie.
    fn browser(&self, headers: &HeaderMap) -> Option<[u8; 32]> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        Cookie::Browser.find(&self.tenant.base, &self.tenant.name, cookies).map(|cookie| sha256(cookie.as_bytes()))
    }

    async fn come_back(&self, arrival: &Arrival, browser: Option<[u8; 32]>) -> Result<(Receipt, Outcome), Refused> {
        let claimed = self.claim(arrival, browser).await?;
        self.finish(&claimed).await
    }

    async fn claim(&self, arrival: &Arrival, browser: Option<[u8; 32]>) -> Result<Claimed, Refused> {
        let Self { parts, tenant, provider, now } = *self;
        for _ in 0..ATTEMPTS {
            let sign_in = match &arrival.row() {
                Some(state) => sign_ins::by_state(&parts.store, &tenant.id, state).await.map_err(Refused::unavailable)?,
                None => None,
            };
            let mut metadata = None;
            let claimed = loop {
                let facts = Facts { provider, sign_in: sign_in.as_ref(), browser, metadata: metadata.as_ref() };
                match decide(arrival, &facts, now)? {
                    Next::Metadata => metadata = Some(self.metadata().await?),
                    Next::Redeem { sign_in, metadata, code } => {
                        break Claimed { sign_in: sign_in.clone(), metadata: metadata.clone(), code: code.to_owned() };
                    }
                }
            };
            let draft = Draft::default().writing(sign_ins::claim(&tenant.id, &claimed.sign_in.state, now));
            match parts.journal.commit(&tenant.id, draft).await {
                Ok(_receipt) => return Ok(claimed),
                Err(CommitError::GuardFailed(_)) => {} // another request was faster: look again
                Err(CommitError::Unavailable(error)) => return Err(Refused::unavailable(error)),
            }
        }
        Err(Refused::unavailable("the sign-in's row changed at every attempt to claim it"))
    }

    /// Nothing is claimed yet, so what does not answer now can be asked again by the same address.
    async fn metadata(&self) -> Result<Metadata, Refused> {
        let metadata = provider::metadata(&self.parts.documents, self.provider, self.now).await;
        metadata.map_err(|trouble| match trouble {
            ProviderTrouble::Unreachable(_) => self.unusable(trouble).remedy("Wait a minute, then load this page again."),
            _ => self.unusable(trouble),
        })
    }

    async fn finish(&self, claimed: &Claimed) -> Result<(Receipt, Outcome), Refused> {
        let pending = self.pending(&claimed.sign_in).await?;
        let known = self.as_known(&pending).await?;
        let visit = Visit { provider: &known, ..*self };
        let tokens = visit.redeem(claimed, &pending).await?;
        let identity = visit.identify(claimed, &pending, tokens.id_token.expose()).await?;
        self.sign_in(&claimed.sign_in, &Came { identity, tokens, registration: pending.client }).await
    }

    /// The provider as it knows the client that this sign-in is for.
    async fn as_known(&self, pending: &Pending) -> Result<Cow<'_, IdentityProvider>, Refused> {
        if pending.client.is_none() {
            return Ok(Cow::Borrowed(self.provider));
        }
        let known =
            proxy::as_known(self.parts, &self.tenant.id, self.provider, pending.client.as_ref()).await.map_err(Refused::unavailable)?;
        match known {
            Cow::Owned(_) => Ok(known),
            Cow::Borrowed(_) => {
                let text = "The app that you came from was deregistered while you signed in.";
                Err(Refused::new("client gone", "This app is not registered any more.", text).by("SB-04"))
            }
        }
    }

    /// What was sealed when it began; the answer must be to that.
    async fn pending(&self, sign_in: &SignIn) -> Result<Pending, Refused> {
        let pending = Pending::open(&self.parts.sealer, &self.tenant.id, &sign_in.state, &sign_in.sealed).await;
        let pending = pending.map_err(Refused::unavailable)?;
        if pending.issuer == self.provider.issuer {
            return Ok(pending);
        }
        let text = format!("`{}` is another identity provider now than when you began.", self.provider.name);
        Err(Refused::new("provider changed", "The sign-in service was changed meanwhile.", text).by("SB-05"))
    }

    async fn redeem(&self, claimed: &Claimed, pending: &Pending) -> Result<Tokens, Refused> {
        let redirect_uri = redirect_uri(&self.tenant.issuer, &self.provider.name);
        let redemption = Redemption { code: &claimed.code, verifier: &pending.verifier, redirect_uri: &redirect_uri };
        provider::redeem(&self.parts.fetcher, self.provider, &claimed.metadata, &redemption).await.map_err(|trouble| self.unusable(trouble))
    }

    async fn identify(&self, claimed: &Claimed, pending: &Pending, token: &str) -> Result<Identity, Refused> {
        let expected = id_token::Expected {
            provider: self.provider,
            form: &claimed.metadata.issuer,
            nonce: Some(&pending.nonce),
            algorithms: &claimed.metadata.algorithms,
            fresh_since: pending.fresh.then_some(claimed.sign_in.created_at),
            max_age: pending.max_age.map(Duration::from_secs),
        };
        let header = jose::peek(token).map_err(|error| self.unproven(error.into()))?;
        let keys = provider::keys(&self.parts.documents, &claimed.metadata.jwks_uri, header.kid.as_deref(), self.now).await;
        let keys = keys.map_err(|trouble| self.unusable(trouble))?;
        id_token::read(token, &keys, &expected, self.now).map_err(|trouble| self.unproven(trouble))
    }

    /// Two first sign-ins of one person may meet: the one whose row is there already gives the id.
    async fn sign_in(&self, sign_in: &SignIn, came: &Came) -> Result<(Receipt, Outcome), Refused> {
        let Self { parts, tenant, provider, now } = *self;
        let Came { identity, tokens, registration } = came;
        let key = outcome::key(identity);
        let times = under_way::Times { begun: sign_in.created_at, came_back: now };
        let guards = under_way::nothing_ended((&tenant.id, &provider.name), identity, &times); // BL-02
        let at = Where { tenant: tenant.id, provider: &provider.name, registration: registration.as_ref() };
        for _ in 0..ATTEMPTS {
            let subject = subjects::by_key(&parts.store, &tenant.id, &provider.name, &key).await.map_err(Refused::unavailable)?;
            let mut entropy = Entropy::draw(&*parts.rng);
            let names = Names::new(subject.as_ref(), now, &mut entropy);
            let kept = Kept::of(parts, at, &names, tokens, now).await.map_err(Refused::unavailable)?;
            let facts = outcome::Facts {
                tenant: &tenant.name,
                provider,
                sign_in,
                identity,
                subject,
                names,
                kept,
                session: tenant.lifetimes.session,
            };
            let can_be_asked = facts.kept.can_be_asked;
            let (outcome, draft) = outcome::decide(&facts, now, &mut entropy)?;
            let draft = guards.iter().cloned().fold(Draft::default(), Draft::writing).with(draft);
            match parts.journal.commit(&tenant.id, draft).await {
                Ok(receipt) => {
                    if !can_be_asked {
                        tracing::info!(
                            tenant = %tenant.name, provider = %provider.name,
                            "the identity provider gave no refresh token, so it cannot be asked about this person again; what they allow needs \
                             a new sign-in after `lifetimes.unvouched`"
                        );
                    }
                    return Ok((receipt, outcome));
                }
                Err(CommitError::GuardFailed(at)) if at < guards.len() => return Err(under_way::ended(&provider.name)),
                Err(CommitError::GuardFailed(_)) => {}
                Err(CommitError::Unavailable(error)) => return Err(Refused::unavailable(error)),
            }
        }
        Err(Refused::unavailable("the rows of this sign-in changed at every attempt to finish it"))
    }

    fn go_on(&self, receipt: &Receipt, outcome: &Outcome) -> Response {
        let tenant = self.tenant;
        let to = format!("{}/resume?sign_in={}", tenant.issuer, outcome.resume.expose());
        let cookie = Cookie::Session.set(&tenant.base, &tenant.name, outcome.cookie.expose(), Some(tenant.lifetimes.session));
        respond::go_on(receipt, &to, &cookie)
    }

    fn unusable(&self, trouble: ProviderTrouble) -> Refused {
        let name = &self.provider.name;
        let refused = match &trouble {
            ProviderTrouble::Unreachable(_) => {
                let text = format!("`{name}` did not answer. Nothing was changed here, and nothing was lost.");
                Refused::new("provider unreachable", "Your organisation's sign-in service cannot be reached.", text)
                    .remedy("Wait a minute, then connect again from your app.")
            }
            ProviderTrouble::Wrong(_) => {
                let text =
                    format!("`{name}` answered otherwise than this server expects. Whoever runs one of the two must put that right.");
                Refused::new("provider unusable", "Your organisation's sign-in service and this server do not fit together.", text)
                    .remedy("Tell the people who run this server, and give them the reference below: their log says what to change.")
            }
            ProviderTrouble::Refused(_) => {
                let text = format!("`{name}` sent you back with a code, and then did not accept that code.");
                Refused::new("code refused by the provider", "Your organisation's sign-in service changed its mind.", text)
                    .remedy(TELL_THE_OPERATORS)
            }
        };
        refused.because(trouble).fault(Fault::Dependency)
    }

    fn unproven(&self, trouble: id_token::Trouble) -> Refused {
        let text = format!("`{}` sent an ID token that proves nothing: {trouble}.", self.provider.name);
        Refused::new("ID token refused", "Your organisation's sign-in service did not prove who you are.", text)
            .remedy(TELL_THE_OPERATORS)
            .because(trouble)
            .fault(Fault::Dependency)
            .by(trouble.row())
            .witnessed()
    }
}
