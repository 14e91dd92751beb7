//! What a good sign-in leaves behind, in one Unit: the subject's row, a session, what the provider can be asked by again, the result for
//! the issuer, and the event.

use std::time::Duration;

use chancery_audit::Draft;
use chancery_core::{Entropy, Event, Field, Kind, Secret, SignedIn, Slug, SubjectId, SubjectKey, Timestamp};
use chancery_crypto::digest::{secret_text, sha256};
use chancery_registry::IdentityProvider;
use chancery_store::repo::sessions::{self, Session};
use chancery_store::repo::sign_ins::{self, SignIn};
use chancery_store::repo::subjects::{self, Standing, Subject};

use crate::id_token::Identity;
use crate::kept::{Kept, Names};
use crate::refused::Refused;

/// What the event of a sign-in says after which the provider cannot be asked about the person again.
pub(crate) const NO_REFRESH_TOKEN: &str = "no_refresh_token";

/// What is known when the ID token was good.
pub(crate) struct Facts<'a> {
    pub tenant: &'a Slug,
    pub provider: &'a IdentityProvider,
    pub sign_in: &'a SignIn,
    pub identity: &'a Identity,
    /// The row of this person, if they were here before.
    pub subject: Option<Subject>,
    pub names: Names,
    pub kept: Kept,
    /// How long a session lives.
    pub session: Duration,
}

/// A sign-in that is done, once its draft is committed.
pub(crate) struct Outcome {
    /// The session cookie's value.
    pub cookie: Secret<String>,
    /// What the browser brings to the issuer's resume address.
    pub resume: Secret<String>,
}

/// The provider's name for the person, together with whose name it is: under another issuer the same `sub` is somebody else (JW-06).
pub(crate) fn key(identity: &Identity) -> SubjectKey {
    SubjectKey::of(&identity.issuer, &identity.key)
}

pub(crate) fn decide(facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Result<(Outcome, Draft), Refused> {
    let Facts { provider, sign_in, identity, names, .. } = facts;
    let tenant = sign_in.tenant;
    let claims = serde_json::to_string(&identity.person).expect("texts always serialise");
    let (subject, seen) = match &facts.subject {
        Some(known) => (welcome(known)?, subjects::seen(&tenant, &known.id, &claims, now)),
        None => first(facts, claims, now),
    };

    // The tenant stands in the cookie's name and, bound by the hash, in its content.
    let cookie = Secret::new(format!("{}.{}", facts.tenant, secret_text(entropy.take()).expose()));
    let resume = secret_text(entropy.take());
    let session = Session {
        tenant,
        hash: sha256(cookie.expose().as_bytes()),
        id: names.session,
        subject,
        provider: provider.name.clone(),
        authentication: identity.authentication.clone(),
        their_id: identity.session.clone(),
        id_token: Some(facts.kept.id_token.clone()),
        created_at: now,
        used_at: now,
        expires_at: now + facts.session,
        ended_at: None,
    };
    let result = SignedIn {
        subject,
        session: session.id,
        their_session: session.their_id.clone(),
        provider: provider.name.clone(),
        authentication: identity.authentication.clone(),
    };
    let result = serde_json::to_string(&result).expect("ids, texts and a time always serialise");
    let event = Event::new(Kind::SignedIn, tenant, now, entropy)
        .with(Field::Subject, subject)
        .with(Field::Session, session.id)
        .with(Field::IdentityProvider, &provider.name)
        .with_some(Field::Reason, (!facts.kept.can_be_asked).then_some(NO_REFRESH_TOKEN));

    let draft = Draft::default()
        .writing(seen)
        .writing(sessions::insert(&session))
        .writing(sign_ins::finish(&tenant, &sign_in.state, &result, &sha256(resume.expose().as_bytes()), now))
        .recording(event);
    let draft = facts.kept.voucher.iter().cloned().fold(draft, Draft::writing);
    Ok((Outcome { cookie, resume }, draft))
}

fn welcome(known: &Subject) -> Result<SubjectId, Refused> {
    match known.status {
        Standing::Active => Ok(known.id),
        Standing::Suspended => {
            let text = "Your organisation's sign-in knows you, but access through this server has been taken from you.";
            let refused = Refused::new("subject suspended", "You may not sign in here.", text).because(known.id).of_a_person();
            Err(refused.remedy("Ask the people who run this server, and give them the reference below."))
        }
    }
}

fn first(facts: &Facts<'_>, claims: String, now: Timestamp) -> (SubjectId, chancery_audit::Write) {
    let id = facts.names.subject;
    let subject = Subject {
        tenant: facts.sign_in.tenant,
        id,
        provider: facts.provider.name.clone(),
        key: key(facts.identity),
        status: Standing::Active,
        claims,
        seen_at: now,
    };
    (id, subjects::insert(&subject))
}

#[cfg(test)]
mod tests;
