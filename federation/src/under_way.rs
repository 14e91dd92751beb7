//! A sign-in under way while the provider ends what it comes from: its code is redeemed, its session is not there yet, and a logout token
//! finds nothing to end. So a logout token leaves word of what it ended (BL-02), and a sign-in is finished only where there is none for its
//! session, or its person, that speaks of it.
//!
//! - A session whose end was named is over for every sign-in that began before we heard so, wherever its browser was then: a provider that
//!   still redeems the code opens nothing. Both times are ours, perhaps of two nodes, so what began within a minute after ([`SKEW`])
//!   counts as before. Later the name is good again, for a provider that gives it twice.
//! - A person comes back as the same person, so there the provider's clocks count: an ID token issued clearly later than its logout token
//!   ([`logged_out::THEIR_SKEW`]) is of a new sign-in, on whichever node we hear of the end before this one is finished. An older one never
//!   signs in. Of two that are not so far apart, what we heard before the browser came back was said before the code was redeemed: so does a
//!   provider that ends what was there as it signs somebody in. (What comes once a sign-in is finished ends it, whenever it was said.)
//!
//! What that leaves: a provider that ends all of a person's and then redeems a code of before vouches for them anew, which nobody here can tell
//! from a new sign-in. And of an end and an ID token of the same seconds, heard and brought to two nodes, it is those nodes' clocks that say which
//! was first.

use chancery_audit::Write;
use chancery_core::{SKEW, Slug, SubjectKey, TenantId, Timestamp};
use chancery_crypto::digest::{hex, sha256};
use chancery_store::repo::logged_out::{self, Of};

use crate::id_token::Identity;
use crate::outcome;
use crate::refused::Refused;

/// What the provider calls its session, or the person: of one length, and nobody's name.
pub(crate) fn session(theirs: &str) -> String {
    hex(&sha256(format!("session {theirs}").as_bytes()))
}

pub(crate) fn person(key: &SubjectKey) -> String {
    hex(&sha256(format!("person {key}").as_bytes()))
}

/// When a sign-in began, and when its browser came back.
pub(crate) struct Times {
    pub begun: Timestamp,
    pub came_back: Timestamp,
}

/// The guards of a sign-in that is about to be finished.
pub(crate) fn nothing_ended((tenant, provider): (&TenantId, &Slug), identity: &Identity, times: &Times) -> Vec<Write> {
    let session = identity.session.as_deref().map(session);
    let session = session.map(|whose| logged_out::session_not_since(Of { tenant, provider, whose: &whose }, times.begun - SKEW));
    let person = Of { tenant, provider, whose: &person(&outcome::key(identity)) };
    session.into_iter().chain([logged_out::person_not_since(person, identity.issued_at, times.came_back)]).collect()
}

pub(crate) fn ended(provider: &Slug) -> Refused {
    let text = format!(
        "While you signed in, or just before, `{provider}` said that it ended your session there: you signed out, or somebody who may do so \
         ended it. So nobody was signed in here."
    );
    Refused::new("logged out meanwhile", "Your organisation ended this sign-in.", text).by("BL-02").of_a_person()
}
