//! What a logout token ends here: the sessions that began by the provider's, and what was allowed in them where the tenant wants that; all in
//! one Unit, and every node hears of it.
//!
//! A grant outlives the session in which it was allowed. So grants are found by the provider's own name for its session, whether ours is still
//! there or not.

use chancery_audit::Draft;
use chancery_core::{Entropy, Event, Field, GrantId, Kind, LOGGED_OUT, SessionId, Slug, SubjectId, SubjectKey, Timestamp};
use chancery_crypto::digest::{hex, sha256};
use chancery_registry::{IdentityProvider, Tenant};
use chancery_store::repo::logged_out::{self, Of};
use chancery_store::repo::{consumed, grants, sessions, subjects};
use chancery_store::{Store, StoreError};
use chancery_tokens::{end_of_sessions, end_of_their_session};

use super::logout_token::{Logout, Whose};
use crate::under_way;

/// Where in the draft the write stands that uses up the token.
pub(super) const CONSUMED: usize = 0;

/// What there is to end.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Facts {
    Session {
        theirs: String,
        sessions: Vec<SessionId>,
        grants: Vec<GrantId>,
        subject: Option<SubjectId>,
    },
    Person(SubjectId),
    /// They never came here.
    Nobody(SubjectKey),
}

impl Facts {
    pub async fn load(store: &Store, tenant: &Tenant, provider: &IdentityProvider, whose: &Whose) -> Result<Self, StoreError> {
        match whose {
            Whose::Session(theirs) => {
                let sessions = sessions::by_theirs(store, &tenant.id, &provider.name, theirs).await?;
                let grants = grants::of_their_session(store, &tenant.id, &provider.name, theirs).await?;
                let subject = sessions.first().map(|session| session.subject);
                let sessions = sessions.into_iter().map(|session| session.id).collect();
                Ok(Self::Session { theirs: theirs.clone(), sessions, grants, subject })
            }
            Whose::Person(key) => {
                let subject = subjects::by_key(store, &tenant.id, &provider.name, key).await?;
                Ok(subject.map_or_else(|| Self::Nobody(key.clone()), |subject| Self::Person(subject.id)))
            }
        }
    }
}

/// What is told, and by whom.
pub(super) struct Told<'a> {
    pub tenant: &'a Tenant,
    pub provider: &'a Slug,
    pub logout: &'a Logout,
}

pub(super) fn decide(told: &Told<'_>, facts: &Facts, now: Timestamp, entropy: &mut Entropy) -> Draft {
    let Told { tenant, provider, logout } = *told;
    let and_grants = tenant.sign_out.ends_grants;
    let event = Event::new(Kind::LoggedOut, tenant.id, now, entropy)
        .with(Field::IdentityProvider, provider)
        .with(Field::Token, &logout.id)
        .with(Field::Reason, LOGGED_OUT);
    let (ended, event, is_any) = match facts {
        Facts::Session { theirs, sessions, grants, subject } => {
            let grants = and_grants.then_some(grants.as_slice());
            let ended = end_of_their_session(&tenant.id, (provider, theirs), (sessions.len(), grants), LOGGED_OUT, now); // BL-02
            let event = event.with_some(Field::Subject, *subject).with_some(Field::Session, listed(sessions));
            let is_any = !sessions.is_empty() || grants.is_some_and(|grants| !grants.is_empty());
            (ended, event.with_some(Field::Grants, grants.and_then(listed)), is_any)
        }
        Facts::Person(subject) => {
            (end_of_sessions(&tenant.id, subject, and_grants, LOGGED_OUT, now), event.with(Field::Subject, subject), true) // BL-02
        }
        Facts::Nobody(key) => (Draft::default().writing(subjects::nobody(&tenant.id, provider, key)), event, false),
    };
    let event = event.with(Field::Outcome, if is_any { "ended" } else { "nothing_to_end" });
    Draft::default().writing(used_up(tenant, provider, logout)).writing(left(told, now)).with(ended).recording(event)
}

/// Word for the sign-ins that are under way: before the ends, so that a sign-in at the same moment either finds it or is found.
fn left(told: &Told<'_>, now: Timestamp) -> chancery_audit::Write {
    let whose = match &told.logout.whose {
        Whose::Session(theirs) => under_way::session(theirs),
        Whose::Person(key) => under_way::person(key),
    };
    logged_out::heard(Of { tenant: &told.tenant.id, provider: told.provider, whose: &whose }, told.logout.said_at, now) // BL-02
}

/// Two providers may happen on one id, so whose it is stands in the key.
fn used_up(tenant: &Tenant, provider: &Slug, logout: &Logout) -> chancery_audit::Write {
    let key = hex(&sha256(format!("{provider} {}", logout.id).as_bytes()));
    consumed::consume(&tenant.id, "logout_token", &key, logout.until) // BL-01
}

fn listed(ids: &[impl ToString]) -> Option<String> {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}
