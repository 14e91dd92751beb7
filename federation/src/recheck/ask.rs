//! The question itself: a refresh at the provider's token endpoint, and what its answer means. Providers differ in their words, and an
//! answer that cannot be read may still have changed the token.

use std::borrow::Cow;

use axum::http::header::{HeaderName, HeaderValue};
use chancery_core::{Person, Secret, Timestamp};
use chancery_crypto::jose;
use chancery_outbound::{FetchError, FetchTrouble, Fetched, Purpose};
use chancery_registry::{IdentityProvider, Tenant};
use chancery_store::repo::subjects::{self, Subject};
use chancery_store::repo::vouchers::Voucher;
use form_urlencoded::Serializer;
use serde::Deserialize;

use crate::id_token::{self, Identity};
use crate::kept;
use crate::metadata::Metadata;
use crate::outcome;
use crate::profiles::{self, Profile};
use crate::{Parts, provider, proxy};

/// What the provider said.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// It vouches. Who the person is now, where it says so; and the new token, sealed for the voucher's next version.
    Vouched { person: Option<Box<Person>>, next: Option<Vec<u8>> },
    /// It answered well, but with an ID token that proves nothing. The new token is good all the same.
    Unproven { next: Option<Vec<u8>> },
    /// It refuses the token.
    Refused,
    /// It wants to see the person.
    SignInAgain,
    /// Nobody was asked: the client that the token was given to is not registered there any more.
    Deregistered,
    /// It was not reached, or it refuses us.
    Unusable,
    /// It may have answered, and nobody knows what.
    Silent,
}

/// And about whom.
pub(super) struct Learned {
    pub said: Said,
    pub subject: Option<Subject>,
}

pub(super) async fn ask<P>(parts: &Parts<P>, tenant: &Tenant, voucher: &Voucher, now: Timestamp) -> Learned {
    let subject = subjects::by_id(&parts.store, &tenant.id, &voucher.subject).await.ok().flatten();
    let question = tenant.provider(&voucher.provider).zip(subject.as_ref());
    let said = match question {
        Some((provider, subject)) if tenant.vouches_for(&provider.name, &subject.key) => {
            let question = Question { parts, provider, voucher, subject, now };
            question.ask().await.unwrap_or_else(|trouble| {
                let Trouble { said, why } = trouble;
                tracing::error!(
                    tenant = %tenant.name, provider = %provider.name, subject = %subject.id, %why,
                    "the identity provider could not be asked whether it still vouches for a person; its last word counts until it is stale"
                );
                said
            })
        }
        _ => Said::Unusable,
    };
    Learned { said, subject }
}

struct Question<'a, P> {
    parts: &'a Parts<P>,
    /// As it knows the registration that the voucher is of.
    provider: &'a IdentityProvider,
    voucher: &'a Voucher,
    subject: &'a Subject,
    now: Timestamp,
}

/// Why there is no answer to go by; the text is for the log.
struct Trouble {
    said: Said,
    why: String,
}

fn unusable(why: impl ToString) -> Trouble {
    Trouble { said: Said::Unusable, why: why.to_string() }
}

impl<P> Question<'_, P> {
    async fn ask(&self) -> Result<Said, Trouble> {
        let of = self.voucher.registration.as_ref();
        let known = proxy::as_known(self.parts, &self.voucher.tenant, self.provider, of).await.map_err(unusable)?;
        match &known {
            Cow::Borrowed(_) if of.is_some() => Ok(Said::Deregistered),
            known => Question { provider: known, ..*self }.put().await,
        }
    }

    async fn put(&self) -> Result<Said, Trouble> {
        let Self { parts, provider, voucher, now, .. } = *self;
        let metadata = provider::metadata(&parts.documents, provider, now).await.map_err(unusable)?;
        let token = kept::open(&parts.sealer, voucher).await.map_err(unusable)?;
        let (headers, form) = request(provider, &metadata, &token);
        let answer = parts.fetcher.post_form(Purpose::ProviderToken, &metadata.token_endpoint, &headers, form).await.map_err(unheard)?;
        match read(&answer, profiles::of(provider))? {
            Answer::Tokens { id_token, refresh_token } => self.vouched(&metadata, id_token, refresh_token).await,
            Answer::No(said) => Ok(said),
        }
    }

    async fn vouched(&self, metadata: &Metadata, id_token: Option<String>, token: Option<Secret<String>>) -> Result<Said, Trouble> {
        let Self { parts, voucher, .. } = *self;
        let identity = match &id_token {
            Some(id_token) => Some(self.identify(metadata, id_token).await),
            None => None,
        };
        if matches!(&identity, Some(Ok(identity)) if outcome::key(identity) != self.subject.key) {
            return Err(Trouble { said: Said::Silent, why: "it answered for another person than it was asked about".to_owned() });
        }
        let next = match token {
            Some(token) => {
                let sealed = kept::seal(&parts.sealer, &voucher.into(), voucher.version + 1, &token).await;
                Some(sealed.map_err(|error| Trouble { said: Said::Silent, why: error.to_string() })?)
            }
            None => None,
        };
        match identity.transpose() {
            Ok(identity) => Ok(Said::Vouched { person: identity.map(|identity| Box::new(identity.person)), next }),
            Err(why) => Err(Trouble { said: Said::Unproven { next }, why }),
        }
    }

    /// As at the sign-in, but for the nonce (§12.2).
    async fn identify(&self, metadata: &Metadata, id_token: &str) -> Result<Identity, String> {
        let Self { parts, provider, now, .. } = *self;
        let expected = id_token::Expected {
            provider,
            form: &metadata.issuer,
            nonce: None,
            algorithms: &metadata.algorithms,
            fresh_since: None,
            max_age: None,
        };
        let header = jose::peek(id_token).map_err(|error| error.to_string())?;
        let keys = provider::keys(&parts.documents, &metadata.jwks_uri, header.kid.as_deref(), now).await;
        let keys = keys.map_err(|trouble| trouble.to_string())?;
        id_token::read(id_token, &keys, &expected, now).map_err(|trouble| trouble.to_string())
    }
}

fn request(provider: &IdentityProvider, metadata: &Metadata, token: &Secret<String>) -> (Vec<(HeaderName, HeaderValue)>, String) {
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose());
    provider::authenticated(provider, metadata.client_authentication, form)
}

/// What was never sent changed nothing.
fn unheard(error: FetchError) -> Trouble {
    let said = match &error.trouble {
        FetchTrouble::Dial(_) | FetchTrouble::Redirected(_) => Said::Unusable,
        _ => Said::Silent,
    };
    Trouble { said, why: error.to_string() }
}

enum Answer {
    Tokens { id_token: Option<String>, refresh_token: Option<Secret<String>> },
    No(Said),
}

#[derive(Deserialize)]
struct Body {
    error: Option<String>,
    error_description: Option<String>,
    suberror: Option<String>,
    access_token: Option<String>,
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// The codes that ask for the person (OpenID Connect Core §3.1.2.6). What a provider made of them, its profile says.
const SIGN_IN_AGAIN: [&str; 4] = ["interaction_required", "login_required", "consent_required", "account_selection_required"];

fn read(answer: &Fetched, profile: &Profile) -> Result<Answer, Trouble> {
    let status = answer.status.as_u16();
    let silent = |why: &str| Trouble { said: Said::Silent, why: format!("its token endpoint answered with status {status}{why}") };
    if answer.status.is_server_error() {
        return Err(silent(""));
    }
    let Ok(body) = serde_json::from_slice::<Body>(&answer.body) else { return Err(silent(" and no JSON object")) };
    let asks = |word: &Option<String>| {
        word.as_deref().is_some_and(|word| SIGN_IN_AGAIN.contains(&word) || profile.sign_in_again.iter().any(|its| its == word))
    };
    match body {
        Body { error, suberror, .. } if asks(&error) || asks(&suberror) => Ok(Answer::No(Said::SignInAgain)),
        Body { error: Some(error), .. } if error == "invalid_grant" => Ok(Answer::No(Said::Refused)),
        Body { error: Some(error), error_description, .. } => {
            Err(unusable(format!("its token endpoint answered {error:?} ({:?})", error_description.unwrap_or_default())))
        }
        Body { access_token, id_token, refresh_token, .. }
            if answer.status.is_success() && (access_token.is_some() || id_token.is_some()) =>
        {
            Ok(Answer::Tokens { id_token, refresh_token: refresh_token.filter(|token| !token.is_empty()).map(Secret::new) })
        }
        _ => Err(silent(" and neither tokens nor an error")),
    }
}

#[cfg(test)]
mod tests;
