//! A sign-in under way while the provider ends what it comes from: its code is redeemed, its session is not there yet, and a logout token
//! finds nothing to end. So a logout token leaves word of what it ended (BL-02), and a sign-in is finished only where there is none for its
//! session or its person that is as young as it.
//!
//! As young is what the provider said no earlier than it issued the ID token, by its clock, or what we heard no earlier than the browser came
//! back, by ours. So no two clocks are compared, and a person who signs in again afterwards comes in.

use chancery_audit::{Rate, Write};
use chancery_core::{Slug, SubjectKey, TenantId, Timestamp};
use chancery_crypto::digest::{hex, sha256};
use chancery_store::repo::logged_out::{self, Of, STAYS};

use crate::id_token::Identity;
use crate::outcome;
use crate::refused::Refused;

/// So much word of one provider's is kept at a time. With every logout token it leaves an event for ever, and this for ten minutes.
pub(crate) const WORD: Rate = Rate { most: 60_000, per: STAYS };

/// What the provider calls its session, or the person: of one length, and nobody's name.
pub(crate) fn session(theirs: &str) -> String {
    hex(&sha256(format!("session {theirs}").as_bytes()))
}

pub(crate) fn person(key: &SubjectKey) -> String {
    hex(&sha256(format!("person {key}").as_bytes()))
}

/// The guards of a sign-in that came back then.
pub(crate) fn nothing_ended((tenant, provider): (&TenantId, &Slug), identity: &Identity, came_back: Timestamp) -> Vec<Write> {
    let whose = identity.session.as_deref().map(session).into_iter().chain([person(&outcome::key(identity))]);
    whose.map(|whose| logged_out::not_since(Of { tenant, provider, whose: &whose }, identity.issued_at, came_back)).collect()
}

pub(crate) fn ended(provider: &Slug) -> Refused {
    let text = format!(
        "While you were on your way back, `{provider}` said that it ended your session there: you signed out, or somebody who may do so \
         ended it. So nobody was signed in here."
    );
    Refused::new("logged out meanwhile", "Your organisation ended this sign-in.", text).by("BL-02").of_a_person()
}
