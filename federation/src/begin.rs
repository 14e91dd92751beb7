//! Sending a person to the provider (OpenID Connect Core §3.1.2.1): nothing is written before the provider has shown that it is there.
//!
//! 1. The provider's metadata.
//! 2. There is room for one more.
//! 3. State, nonce and PKCE verifier, drawn for this one sign-in.
//! 4. Its row.
//! 5. The address to go to.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chancery_audit::Draft;
use chancery_core::{Entropy, Issuer, Pages, Scope, ScopeSet, Secret, SignInRequest, SignInTrouble, Slug, Timestamp};
use chancery_crypto::digest::{pkce_s256, secret_text, sha256};
use chancery_registry::IdentityProvider;
use chancery_store::repo::sign_ins;
use url::Url;

use crate::metadata::Metadata;
use crate::pending::Pending;
use crate::profiles::{self, Offline, Profile};
use crate::{Parts, provider, proxy};

/// From the approval to the way back, the provider's own pages included.
const LIFETIME: Duration = Duration::from_secs(600);

pub(crate) async fn begin<P: Pages>(parts: &Arc<Parts<P>>, request: SignInRequest) -> Result<String, SignInTrouble> {
    let now = parts.clock.now();
    let tenant = parts.registry.tenant_by_id(&request.tenant).ok_or(SignInTrouble::NoProvider)?;
    let provider = tenant.provider(&request.provider).ok_or(SignInTrouble::NoProvider)?;
    let metadata = provider::metadata(&parts.documents, provider, now).await.map_err(|trouble| {
        tracing::warn!(tenant = %tenant.name, provider = %provider.name, %trouble, "a sign-in could not begin");
        SignInTrouble::Provider(trouble.to_string())
    })?;

    let known = proxy::as_enrolled(parts, &tenant, provider, request.client.as_ref()).await?; // SB-04
    let enrolled = matches!(known, Cow::Owned(_));

    let most = tenant.sign_ins.under_way;
    let under_way = sign_ins::under_way(&parts.store, &tenant.id, most).await.map_err(|error| SignInTrouble::Store(error.to_string()))?;
    if under_way >= u64::from(most) {
        return Err(SignInTrouble::Crowded);
    }

    let mut entropy = Entropy::draw(&*parts.rng);
    let state = secret_text(entropy.take());
    let pending = Pending::new(&provider.issuer, &request, enrolled, &mut entropy);
    let row = row(parts, provider, &request, Begun { state: &state, pending: &pending, now }).await?;
    let draft = Draft::default().writing(sign_ins::insert(&row));
    // No event: until the person is back, nobody in particular has done nothing in particular.
    let _receipt = parts.journal.commit(&tenant.id, draft).await.map_err(|error| SignInTrouble::Store(error.to_string()))?;

    let redirect_uri = redirect_uri(&tenant.issuer, &provider.name);
    authorization_url(&known, &metadata, &Asking { request: &request, redirect_uri: &redirect_uri, state: &state, pending: &pending })
}

struct Begun<'a> {
    state: &'a Secret<String>,
    pending: &'a Pending,
    now: Timestamp,
}

async fn row<P>(
    parts: &Parts<P>,
    provider: &IdentityProvider,
    request: &SignInRequest,
    begun: Begun<'_>,
) -> Result<sign_ins::SignIn, SignInTrouble> {
    let state = sha256(begun.state.expose().as_bytes());
    let sealed = begun.pending.seal(&parts.sealer, &request.tenant, &state).await;
    Ok(sign_ins::SignIn {
        tenant: request.tenant,
        state,
        provider: provider.name.clone(),
        browser: request.browser,
        sealed: sealed.map_err(|error| SignInTrouble::Store(error.to_string()))?,
        request: request.request.clone(),
        created_at: begun.now,
        expires_at: begun.now + LIFETIME,
        claimed_at: None,
        result: None,
        resume: None,
        resumed_at: None,
    })
}

struct Asking<'a> {
    request: &'a SignInRequest,
    redirect_uri: &'a str,
    state: &'a Secret<String>,
    pending: &'a Pending,
}

/// What the endpoint's address carries already is kept (RFC 6749 §3.1). Never a `resource`.
fn authorization_url(provider: &IdentityProvider, metadata: &Metadata, asking: &Asking<'_>) -> Result<String, SignInTrouble> {
    let mut url = Url::parse(&metadata.authorization_endpoint).map_err(|error| SignInTrouble::Provider(error.to_string()))?;
    let profile = profiles::of(provider);
    let scope = scope(provider, profile, metadata).to_string();
    let challenge = pkce_s256(&asking.pending.verifier);
    let asked = [
        ("response_type", "code"),
        ("client_id", &provider.client_id),
        ("redirect_uri", asking.redirect_uri),
        ("scope", &scope),
        ("state", asking.state.expose()),
        ("nonce", &asking.pending.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let SignInRequest { login_hint, acr_values, max_age, .. } = asking.request;
    let hint = login_hint.as_deref().map(|hint| ("login_hint", hint));
    let means = acr_values.as_deref().map(|values| ("acr_values", values));
    // Else nobody would have to say that it was (OpenID Connect Core §2, `auth_time`), and `prompt` can be taken out on the way.
    let age = if asking.request.fresh { Some(Duration::ZERO) } else { *max_age };
    let age = age.map(|age| age.as_secs().to_string());
    let age = age.as_deref().map(|age| ("max_age", age));
    url.query_pairs_mut().extend_pairs(asked.into_iter().chain(hint).chain(means).chain(age)).extend_pairs(of_its_own(
        provider,
        profile,
        asking.request.fresh || asking.request.select,
    ));
    Ok(url.into())
}

/// What the operator wrote, or else what the profile says, with the scope that brings a refresh token where one does.
pub(crate) fn scope(provider: &IdentityProvider, profile: &Profile, metadata: &Metadata) -> ScopeSet {
    let offline = || "offline_access".parse::<Scope>().expect("a scope");
    match (&provider.scopes, &profile.offline) {
        (Some(scopes), _) => scopes.clone(),
        (None, Offline::Scope) => profile.scopes.iter().cloned().chain([offline()]).collect(),
        (None, Offline::ScopeIfListed) if metadata.offers_offline => profile.scopes.iter().cloned().chain([offline()]).collect(),
        (None, _) => profile.scopes.clone(),
    }
}

/// The parameters that are this kind of provider's own, and `prompt`, which they share with us.
pub(crate) fn of_its_own(provider: &IdentityProvider, profile: &Profile, again: bool) -> BTreeMap<String, String> {
    let mut own = match &profile.offline {
        Offline::Parameters(parameters) => parameters.clone(),
        Offline::Scope | Offline::ScopeIfListed | Offline::OfItself => BTreeMap::new(),
    };
    if let (Some(domain), [only]) = (&profile.domain, &*provider.domains) {
        own.insert(domain.parameter.clone(), only.clone());
    }
    let prompts: Vec<_> = again.then_some(&*profile.prompt).into_iter().chain(own.get("prompt").map(String::as_str)).collect();
    let prompts = prompts.join(" ");
    if !prompts.is_empty() {
        own.insert("prompt".to_owned(), prompts);
    }
    own
}

/// Where this provider sends people back: an address of its own (SB-05).
pub(crate) fn redirect_uri(issuer: &Issuer, provider: &Slug) -> String {
    format!("{issuer}/callback/{provider}")
}

#[cfg(test)]
mod tests;
