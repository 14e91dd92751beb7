use std::time::Duration;

use chancery_core::Timestamp;

use super::*;
use crate::binding::Binding;
use crate::fixtures::{DESK, NOW, alice, at, beside, by_desk, grant, tenant};

const MINUTE: Duration = Duration::from_secs(60);

/// What is decided so long after the provider last vouched.
fn decided(age: Duration, trouble: Option<RecheckTrouble>, rechecked: Option<Result<(), RecheckTrouble>>) -> Result<Option<Need>, Refused> {
    let tenant = tenant();
    let checked = Checked { at: NOW - age, tried_at: if trouble.is_some() { NOW } else { NOW - age }, trouble };
    let asking = Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None };
    let word = Word { checked: Some(&checked), person: Some(&beside()), learned: Learned { rechecked } };
    vouched(&grant(&tenant, DESK), &word, asking, &mut at(NOW))
}

fn refusal(outcome: Result<Option<Need>, Refused>) -> (Code, bool) {
    let (error, _, draft) = outcome.expect_err("a refusal").into_parts();
    (error.code(), !draft.changes.is_empty())
}

#[test]
fn sb_08_the_provider_is_asked_when_its_word_is_old_and_once_for_a_request() {
    assert_eq!(decided(15 * MINUTE - Duration::from_millis(1), None, None).expect("good"), None);
    assert_eq!(decided(15 * MINUTE, None, None).expect("good"), Some(Need::Recheck(alice().subject)));
    assert_eq!(decided(15 * MINUTE, None, Some(Ok(()))).expect("good"), None);
}

#[test]
fn sb_08_whom_nobody_can_ask_about_must_have_signed_in_lately() {
    let tenant = tenant();
    let (asking, grant) = (Asking { tenant: &tenant, by: &by_desk(), binding: &Binding::None }, grant(&tenant, DESK));
    let long = tenant.lifetimes.unvouched;
    for rechecked in [None, Some(Ok(()))] {
        let word = Word { checked: None, person: Some(&beside()), learned: Learned { rechecked } };
        assert_eq!(vouched(&grant, &word, asking, &mut at(NOW + long - Duration::from_millis(1))).expect("good"), None);
        let (error, _, draft) = vouched(&grant, &word, asking, &mut at(NOW + long)).expect_err("too long ago").into_parts();
        assert_eq!((error.code(), error.detail(), draft.changes.len()), (Code::InvalidGrant, Some(SIGN_IN_TOO_OLD), 0));
        assert_eq!(draft.writes, [sessions::end_of_subject_up_to(&tenant.id, &alice().subject, beside().seen_at, NOW + long)]);
    }
    let of_nobody = Word { checked: None, person: None, learned: Learned::default() };
    assert_eq!(vouched(&grant, &of_nobody, asking, &mut at(NOW + long)).expect("no person"), None);
}

#[test]
fn a_provider_in_trouble_is_left_alone_for_a_minute() {
    let (tenant, minute_ago) = (tenant(), NOW - MINUTE);
    let due = |tried_at: Timestamp| {
        let checked = Checked { at: NOW - 20 * MINUTE, tried_at, trouble: Some(RecheckTrouble::Silent) };
        tenant.lifetimes.is_recheck_due(&checked, NOW)
    };
    assert!(!due(NOW) && !due(minute_ago + Duration::from_millis(1)) && due(minute_ago));
    assert_eq!(decided(20 * MINUTE, Some(RecheckTrouble::Silent), None).expect("its last word counts"), None);
}

#[test]
fn a_provider_that_does_not_answer_ends_nothing_and_its_word_grows_stale() {
    for trouble in [RecheckTrouble::Unusable, RecheckTrouble::Silent, RecheckTrouble::Store] {
        assert_eq!(decided(239 * MINUTE, None, Some(Err(trouble))).expect("its last word counts"), None);
        assert_eq!(refusal(decided(240 * MINUTE, None, Some(Err(trouble)))), (Code::TemporarilyUnavailable, false));
        assert_eq!(refusal(decided(240 * MINUTE, Some(trouble), None)), (Code::TemporarilyUnavailable, false));
    }
}

#[test]
fn sb_08_who_must_sign_in_again_has_until_the_word_is_stale() {
    let (wanted, lost) = (RecheckTrouble::SignInAgain, RecheckTrouble::Lost);
    assert_eq!(refusal(decided(20 * MINUTE, None, Some(Err(wanted)))), (Code::InvalidGrant, false));
    assert_eq!(refusal(decided(20 * MINUTE, Some(wanted), None)), (Code::InvalidGrant, false));
    assert_eq!(refusal(decided(240 * MINUTE, Some(wanted), None)), (Code::InvalidGrant, true));
    assert_eq!(decided(239 * MINUTE, Some(lost), None).expect("it was our fault"), None);
    assert_eq!(refusal(decided(240 * MINUTE, Some(lost), None)), (Code::InvalidGrant, false));
}

#[test]
fn a_grant_that_the_provider_ended_says_so() {
    let tenant = tenant();
    let words = |reason: &str| {
        let grant = Grant { ended_at: Some(NOW), end_reason: Some(reason.to_owned()), ..grant(&tenant, DESK) };
        ended(&grant).error().description()
    };
    assert!(words(PROVIDER_REFUSED).contains("no longer vouches"));
    assert!(!words("left").contains("vouches"));
}
