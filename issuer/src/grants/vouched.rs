//! Whether the identity provider still vouches for whose grant it is. Its word may be a little old; then it is asked again; and while it
//! does not answer, its last word counts until it is stale.

use chancery_core::oauth::Code;
use chancery_core::{Event, Field, Kind, PROVIDER_REFUSED, RecheckTrouble};
use chancery_store::repo::grants::Grant;
use chancery_store::repo::vouchers::Checked;
use chancery_tokens::end_of_grant;

use super::{Asking, Learned, Need};
use crate::moment::Moment;
use crate::refusal::Refused;

/// Nothing, if its word is good enough; or that it is to be asked. For whom it gave nothing to ask by, nothing is asked.
pub(super) fn vouched(
    grant: &Grant,
    checked: Option<&Checked>,
    learned: Learned,
    asking: Asking<'_>,
    moment: &mut Moment,
) -> Result<Option<Need>, Refused> {
    let (Some(checked), lifetimes) = (checked, &asking.tenant.lifetimes) else { return Ok(None) };
    let trouble = match learned.rechecked {
        Some(rechecked) => rechecked.err(),
        None if lifetimes.is_recheck_due(checked, moment.now) => return Ok(grant.subject.parse().ok().map(Need::Recheck)),
        None => checked.trouble.filter(|_| lifetimes.is_old(checked, moment.now)),
    };
    match (trouble, lifetimes.is_stale(checked, moment.now)) {
        (None, _) | (Some(RecheckTrouble::Lost | RecheckTrouble::Unusable | RecheckTrouble::Silent | RecheckTrouble::Store), false) => {
            Ok(None)
        }
        (Some(RecheckTrouble::Refused), _) => Err(Refused::invalid_grant(REFUSED).because(PROVIDER_REFUSED)),
        (Some(RecheckTrouble::SignInAgain), false) => Err(Refused::invalid_grant(SIGN_IN).because("the provider wants a sign-in")),
        (Some(RecheckTrouble::SignInAgain), true) => Err(over(grant, moment)),
        (Some(RecheckTrouble::Lost), true) => Err(Refused::invalid_grant(SIGN_IN).because("the provider's answer was lost")),
        (Some(RecheckTrouble::Unusable | RecheckTrouble::Silent | RecheckTrouble::Store), true) => {
            Err(Refused::new(Code::TemporarilyUnavailable, SILENT).because("the provider's word is stale"))
        }
    }
}

/// What is said of a grant that was ended, by what ended it.
pub(super) fn ended(grant: &Grant) -> Refused {
    match grant.end_reason.as_deref() {
        Some(PROVIDER_REFUSED) => Refused::invalid_grant(REFUSED).because(PROVIDER_REFUSED),
        _ => Refused::invalid_grant("what was allowed has been ended; authorize again"),
    }
}

const REFUSED: &str =
    "the identity provider no longer vouches for the person who allowed this, so all they allowed has been ended; they must sign in again";
const SIGN_IN: &str = "the identity provider wants the person who allowed this to sign in again; authorize again, with them at the browser";
const SILENT: &str =
    "the identity provider has not answered for too long to go on without it; nothing has been ended, try again in a minute";

/// The person had time to sign in again, and has not.
fn over(grant: &Grant, moment: &mut Moment) -> Refused {
    const REASON: &str = "the person did not sign in again";
    let event = Event::new(Kind::GrantEnded, grant.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, &grant.client)
        .with(Field::Grants, grant.id)
        .with(Field::Reason, REASON)
        .with(Field::Row, "SB-08");
    let end = end_of_grant(&grant.tenant, &grant.id, REASON, moment.now);
    Refused::invalid_grant(SIGN_IN).because(REASON).with(end.recording(event))
}

#[cfg(test)]
mod tests;
