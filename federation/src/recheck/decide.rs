//! What follows from what the provider said of a person. Only its plain refusal ends anything, and only where no answer of it was lost
//! before: a provider that rotates refuses the older token, however well the person stands.

use chancery_audit::Draft;
use chancery_core::{Entropy, Event, Field, Kind, PROVIDER_REFUSED, Person, RecheckTrouble, Timestamp};
use chancery_store::repo::sessions;
use chancery_store::repo::subjects::{self, Subject};
use chancery_store::repo::vouchers::{self, Checked, Voucher};
use chancery_tokens::end_of_subject;

use super::ask::Said;

pub(super) struct Facts<'a> {
    /// As it was before it was taken.
    pub voucher: &'a Voucher,
    /// Who took it.
    pub by: &'a [u8; 32],
    pub said: &'a Said,
    /// The person, as they were.
    pub known: Option<&'a Subject>,
}

pub(super) fn decide(facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> (Result<(), RecheckTrouble>, Draft) {
    match facts.said {
        Said::Vouched { person, next } => {
            let draft = facts.given_back(next.as_ref(), None, now).with(changed(facts, person.as_deref(), now));
            (Ok(()), draft.recording(facts.event("vouched", now, entropy)))
        }
        Said::Refused if facts.may_have_lost_an_answer() => {
            (Err(RecheckTrouble::Lost), facts.to_sign_in_again(RecheckTrouble::Lost, now, entropy))
        }
        Said::Refused => (Err(RecheckTrouble::Refused), ended(facts, now, entropy)),
        // Who asks looks for another.
        Said::Deregistered => (Ok(()), Draft::default().writing(vouchers::remove(facts.voucher, facts.by))),
        Said::SignInAgain => (Err(RecheckTrouble::SignInAgain), facts.to_sign_in_again(RecheckTrouble::SignInAgain, now, entropy)),
        Said::Unproven { next } => facts.in_trouble(next.as_ref(), RecheckTrouble::Unusable, now),
        Said::Unusable => facts.in_trouble(None, RecheckTrouble::Unusable, now),
        Said::Silent => facts.in_trouble(None, RecheckTrouble::Silent, now),
    }
}

/// Claims and groups as the provider tells them now.
fn changed(facts: &Facts<'_>, person: Option<&Person>, now: Timestamp) -> Draft {
    let claims = person.map(|person| serde_json::to_string(person).expect("texts always serialise"));
    match (claims, facts.known) {
        (Some(claims), Some(known)) if claims != known.claims => {
            Draft::default().writing(subjects::told(&known.tenant, &known.id, &claims, now))
        }
        _ => Draft::default(),
    }
}

/// Whoever signed in anew meanwhile has a newer voucher, or nobody has the turn any more: then the first guard fails, and nothing ends. By whatever registration the provider
/// refuses the person, all of theirs ends: it says no more of why than that it does not vouch.
fn ended(facts: &Facts<'_>, now: Timestamp, entropy: &mut Entropy) -> Draft {
    let Voucher { tenant, subject, .. } = facts.voucher;
    Draft::default()
        .writing(vouchers::remove(facts.voucher, facts.by))
        .writing(vouchers::remove_all(tenant, subject))
        .with(end_of_subject(tenant, subject, PROVIDER_REFUSED, now))
        .recording(facts.event("refused", now, entropy).with(Field::Reason, PROVIDER_REFUSED).with(Field::Row, "SB-08"))
}

impl Facts<'_> {
    /// Somebody asked before and never wrote down the answer, or no answer came.
    fn may_have_lost_an_answer(&self) -> bool {
        self.voucher.taken.is_some() || matches!(self.voucher.checked.trouble, Some(RecheckTrouble::Lost | RecheckTrouble::Silent))
    }

    fn given_back(&self, next: Option<&Vec<u8>>, trouble: Option<RecheckTrouble>, now: Timestamp) -> Draft {
        let before = self.voucher;
        let at = if trouble.is_none() { now } else { before.checked.at };
        let after = Voucher {
            sealed: next.unwrap_or(&before.sealed).clone(),
            version: before.version + u64::from(next.is_some()),
            checked: Checked { at, tried_at: now, trouble },
            ..before.clone()
        };
        Draft::default().writing(vouchers::give_back(&after, before.version, self.by))
    }

    /// The last word counts on. That an answer may be lost is not forgotten by asking in vain.
    fn in_trouble(&self, next: Option<&Vec<u8>>, trouble: RecheckTrouble, now: Timestamp) -> (Result<(), RecheckTrouble>, Draft) {
        let trouble = match self.voucher.checked.trouble {
            _ if next.is_some() => trouble,
            Some(before @ (RecheckTrouble::Lost | RecheckTrouble::SignInAgain)) => before,
            _ if self.may_have_lost_an_answer() => RecheckTrouble::Silent,
            _ => trouble,
        };
        (Err(trouble), self.given_back(next, Some(trouble), now))
    }

    /// Grants stay; sessions do not, so that the next authorization goes by the provider. It is said once, and what they began since it was
    /// asked, by another app maybe, stays.
    fn to_sign_in_again(&self, trouble: RecheckTrouble, now: Timestamp, entropy: &mut Entropy) -> Draft {
        let Voucher { tenant, subject, checked, .. } = self.voucher;
        let draft = self.given_back(None, Some(trouble), now);
        if checked.trouble == Some(trouble) {
            return draft;
        }
        let began = self.known.map_or(now, |known| known.seen_at);
        draft.writing(sessions::end_of_subject_up_to(tenant, subject, began, now)).recording(self.event(trouble.as_str(), now, entropy))
    }

    fn event(&self, outcome: &str, now: Timestamp, entropy: &mut Entropy) -> Event {
        Event::new(Kind::Rechecked, self.voucher.tenant, now, entropy)
            .with(Field::Subject, self.voucher.subject)
            .with(Field::IdentityProvider, &self.voucher.provider)
            .with(Field::Outcome, outcome)
    }
}

#[cfg(test)]
mod tests;
