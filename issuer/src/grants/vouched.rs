//! Whether the identity provider still vouches for whose grant it is, when a code is redeemed and at every refresh. Its word may be a little
//! old; then it is asked again; and while it does not answer, its last word counts until it is stale. Of whom it gave nothing to ask it by, the
//! last word is their own sign-in: that counts for longer, and then they must sign in again, which ends nothing.

use chancery_audit::Draft;
use chancery_core::oauth::Code;
use chancery_core::{Event, Field, Kind, LOGGED_OUT, PROVIDER_REFUSED, RecheckTrouble, SIGNED_OUT};
use chancery_store::repo::grants::Grant;
use chancery_store::repo::sessions;
use chancery_store::repo::subjects::Beside;
use chancery_store::repo::vouchers::Checked;
use chancery_tokens::end_of_grant;

use super::{Asking, Learned, Need};
use crate::moment::Moment;
use crate::refusal::Refused;

/// The reasons that events carry, besides [`PROVIDER_REFUSED`].
const SIGN_IN_WANTED: &str = "provider_wants_sign_in";
const NOT_SIGNED_IN: &str = "not_signed_in_again";
const ANSWER_LOST: &str = "provider_answer_lost";
const STALE: &str = "provider_silent";
const SIGN_IN_TOO_OLD: &str = "sign_in_too_old";

/// What is known of the provider's word for a person.
pub(super) struct Word<'a> {
    /// What it last said, where it gave something to ask it by.
    pub checked: Option<&'a Checked>,
    pub person: Option<&'a Beside>,
    pub learned: Learned,
}

/// Nothing, if its word is good enough; or that it is to be asked.
pub(super) fn vouched(grant: &Grant, word: &Word<'_>, asking: Asking<'_>, moment: &mut Moment) -> Result<Option<Need>, Refused> {
    let lifetimes = &asking.tenant.lifetimes;
    let Some(checked) = word.checked else { return signed_in_lately(grant, word.person, asking, moment).map(|()| None) };
    let trouble = match word.learned.rechecked {
        Some(rechecked) => rechecked.err(),
        None if lifetimes.is_recheck_due(checked, moment.now) => return Ok(grant.subject.parse().ok().map(Need::Recheck)),
        None => checked.trouble.filter(|_| lifetimes.is_old(checked, moment.now)),
    };
    match (trouble, lifetimes.is_stale(checked, moment.now)) {
        (None, _) | (Some(RecheckTrouble::Lost | RecheckTrouble::Unusable | RecheckTrouble::Silent | RecheckTrouble::Store), false) => {
            Ok(None)
        }
        (Some(RecheckTrouble::Refused), _) => Err(Refused::invalid_grant(REFUSED).because(PROVIDER_REFUSED)),
        (Some(RecheckTrouble::SignInAgain), false) => Err(Refused::invalid_grant(SIGN_IN).because(SIGN_IN_WANTED)),
        (Some(RecheckTrouble::SignInAgain), true) => Err(over(grant, moment)),
        (Some(RecheckTrouble::Lost), true) => Err(Refused::invalid_grant(SIGN_IN).because(ANSWER_LOST)),
        (Some(RecheckTrouble::Unusable | RecheckTrouble::Silent | RecheckTrouble::Store), true) => {
            Err(Refused::new(Code::TemporarilyUnavailable, SILENT).because(STALE))
        }
    }
}

/// What is said of a grant that was ended, by what ended it.
pub(super) fn ended(grant: &Grant) -> Refused {
    match grant.end_reason.as_deref() {
        Some(PROVIDER_REFUSED) => Refused::invalid_grant(REFUSED).because(PROVIDER_REFUSED),
        Some(LOGGED_OUT) => Refused::invalid_grant(LOGGED_OUT_THERE).because(LOGGED_OUT), // BL-02
        Some(SIGNED_OUT) => Refused::invalid_grant(SIGNED_OUT_HERE).because(SIGNED_OUT),
        _ => Refused::invalid_grant("what was allowed has been ended; authorize again"),
    }
}

const REFUSED: &str =
    "the identity provider no longer vouches for the person who allowed this, so all they allowed has been ended; they must sign in again";
const LOGGED_OUT_THERE: &str = "the identity provider ended the session of the person who allowed this, and what they allowed in it has ended with it; they must sign in again";
const SIGNED_OUT_HERE: &str =
    "the person who allowed this has signed out, and what they allowed has ended with it; they must sign in again";
const SIGN_IN: &str = "the identity provider wants the person who allowed this to sign in again; authorize again, with them at the browser";
const SILENT: &str =
    "the identity provider has not answered for too long to go on without it; nothing has been ended, try again in a minute";

const TOO_OLD: &str = "the identity provider gave nothing to ask it by about the person who allowed this, and they signed in too long ago; \
     nothing has been ended: have them sign in again, by an authorization request, and this goes on";

/// Nobody can be asked, so the person must have been there themselves. Their sessions go, so that the next authorization leads to the provider;
/// none of them is younger than the sign-in that is too old. A younger one is of a sign-in that was not read here, and stays.
fn signed_in_lately(grant: &Grant, person: Option<&Beside>, asking: Asking<'_>, moment: &Moment) -> Result<(), Refused> {
    match (person, grant.subject.parse()) {
        (Some(person), Ok(subject)) if moment.now >= person.seen_at + asking.tenant.lifetimes.unvouched => {
            let sessions = sessions::end_of_subject_up_to(&grant.tenant, &subject, person.seen_at, moment.now);
            let sessions = Draft::default().writing(sessions);
            Err(Refused::invalid_grant(TOO_OLD).because(SIGN_IN_TOO_OLD).with(sessions))
        }
        _ => Ok(()),
    }
}

/// The person had time to sign in again, and has not.
fn over(grant: &Grant, moment: &mut Moment) -> Refused {
    let event = Event::new(Kind::GrantEnded, grant.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, &grant.client)
        .with(Field::Grants, grant.id)
        .with(Field::Reason, NOT_SIGNED_IN)
        .with(Field::Row, "SB-08");
    let end = end_of_grant(&grant.tenant, &grant.id, NOT_SIGNED_IN, moment.now);
    Refused::invalid_grant(SIGN_IN).because(NOT_SIGNED_IN).with(end.recording(event))
}

#[cfg(test)]
mod tests;
