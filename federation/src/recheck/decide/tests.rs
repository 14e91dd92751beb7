use std::time::Duration;

use chancery_core::{Person, SubjectId, SubjectKey, TenantId};
use chancery_store::repo::subjects::Standing;

use super::*;
use crate::fixtures::{NOW, entropy};

const BY: [u8; 32] = [9; 32];

fn voucher() -> Voucher {
    let then = NOW - Duration::from_secs(1200);
    Voucher {
        tenant: TenantId::mint(NOW, &mut entropy()),
        subject: SubjectId::mint(NOW, &mut entropy()),
        registration: None,
        provider: "corp".parse().expect("a slug"),
        sealed: vec![1],
        version: 3,
        checked: Checked { at: then, tried_at: then, trouble: None },
        taken: None,
    }
}

fn person(groups: &[&str]) -> Person {
    Person { groups: groups.iter().map(|&group| group.to_owned()).collect(), ..Person::default() }
}

fn subject(voucher: &Voucher) -> Subject {
    Subject {
        tenant: voucher.tenant,
        id: voucher.subject,
        provider: voucher.provider.clone(),
        key: SubjectKey::stored("https://idp.example alice"),
        status: Standing::Active,
        claims: serde_json::to_string(&person(&["sales"])).expect("plain data"),
        seen_at: voucher.checked.at,
    }
}

fn decided(voucher: &Voucher, said: &Said) -> (Result<(), RecheckTrouble>, Draft) {
    let known = subject(voucher);
    decide(&Facts { voucher, by: &BY, said, known: Some(&known) }, NOW, &mut entropy())
}

/// What is given back, with this token, version and check.
fn given(voucher: &Voucher, sealed: u8, version: u64, at: Timestamp, trouble: Option<RecheckTrouble>) -> chancery_audit::Write {
    let checked = Checked { at, tried_at: NOW, trouble };
    vouchers::give_back(&Voucher { sealed: vec![sealed], version, checked, ..voucher.clone() }, voucher.version, &BY)
}

#[test]
fn a_new_token_takes_the_place_of_the_old_and_without_one_the_old_stays() {
    let voucher = voucher();
    let (outcome, draft) = decided(&voucher, &Said::Vouched { person: None, next: Some(vec![2]) });
    assert_eq!((outcome, &draft.writes[..]), (Ok(()), &[given(&voucher, 2, 4, NOW, None)][..]));
    let (outcome, draft) = decided(&voucher, &Said::Vouched { person: None, next: None });
    assert_eq!((outcome, &draft.writes[..]), (Ok(()), &[given(&voucher, 1, 3, NOW, None)][..]));
}

#[test]
fn groups_are_those_that_the_provider_tells_now() {
    let voucher = voucher();
    let now_in = |groups: &[&str]| decided(&voucher, &Said::Vouched { person: Some(Box::new(person(groups))), next: None }).1.writes.len();
    assert_eq!((now_in(&["sales"]), now_in(&["sales", "finance"]), now_in(&[])), (1, 2, 2));
}

#[test]
fn sb_08_a_refusal_ends_the_person_unless_an_answer_may_have_been_lost() {
    let voucher = voucher();
    let (outcome, draft) = decided(&voucher, &Said::Refused);
    assert_eq!(outcome, Err(RecheckTrouble::Refused));
    assert_eq!(draft.writes[..2], [vouchers::remove(&voucher, &BY), vouchers::remove_all(&voucher.tenant, &voucher.subject)]);
    assert!(!draft.changes.is_empty());
    assert_eq!(draft.events[0].field(Field::Reason), Some(PROVIDER_REFUSED));

    let checked = |trouble| Checked { trouble: Some(trouble), ..voucher.checked };
    let interrupted = Voucher { taken: Some(([7; 32], NOW)), ..voucher.clone() };
    let silent = Voucher { checked: checked(RecheckTrouble::Silent), ..voucher.clone() };
    let lost = Voucher { checked: checked(RecheckTrouble::Lost), ..voucher.clone() };
    for voucher in [interrupted, silent, lost] {
        let (outcome, draft) = decided(&voucher, &Said::Refused);
        assert_eq!(outcome, Err(RecheckTrouble::Lost));
        assert!(draft.changes.is_empty(), "nothing ends");
        assert_eq!(draft.writes[0], given(&voucher, 1, 3, voucher.checked.at, Some(RecheckTrouble::Lost)));
    }
    let unusable = Voucher { checked: checked(RecheckTrouble::Unusable), ..voucher.clone() };
    assert_eq!(decided(&unusable, &Said::Refused).0, Err(RecheckTrouble::Refused), "it was never asked in vain");
}

#[test]
fn a_token_of_a_client_that_is_registered_no_more_goes_and_says_nothing_of_the_person() {
    let voucher = voucher();
    let (outcome, draft) = decided(&voucher, &Said::Deregistered);
    assert_eq!((outcome, draft.writes), (Ok(()), vec![vouchers::remove(&voucher, &BY)]));
    assert_eq!((draft.changes.len(), draft.events.len()), (0, 0));
}

#[test]
fn who_must_sign_in_again_keeps_their_grants_and_is_told_once() {
    let voucher = voucher();
    let (outcome, draft) = decided(&voucher, &Said::SignInAgain);
    assert_eq!(outcome, Err(RecheckTrouble::SignInAgain));
    let up_to_the_question = sessions::end_of_subject_up_to(&voucher.tenant, &voucher.subject, subject(&voucher).seen_at, NOW);
    assert_eq!(draft.writes[1], up_to_the_question, "whoever signed in while it was asked, by another registration, stays signed in");
    assert_eq!((draft.writes.len(), draft.changes.len(), draft.events.len()), (2, 0, 1));
    let again = Voucher { checked: Checked { trouble: Some(RecheckTrouble::SignInAgain), ..voucher.checked }, ..voucher };
    let draft = decided(&again, &Said::SignInAgain).1;
    assert_eq!(draft.writes, [given(&again, 1, 3, again.checked.at, Some(RecheckTrouble::SignInAgain))], "what they began since stays");
    assert_eq!(draft.events, []);
}

#[test]
fn a_provider_in_trouble_ends_nothing_and_a_token_it_gave_is_kept() {
    let voucher = voucher();
    for (said, sealed, version, trouble) in [
        (Said::Unusable, 1, 3, RecheckTrouble::Unusable),
        (Said::Silent, 1, 3, RecheckTrouble::Silent),
        (Said::Unproven { next: Some(vec![2]) }, 2, 4, RecheckTrouble::Unusable),
    ] {
        let (outcome, draft) = decided(&voucher, &said);
        assert_eq!((outcome, draft.events.len(), draft.changes.len()), (Err(trouble), 0, 0));
        assert_eq!(draft.writes, [given(&voucher, sealed, version, voucher.checked.at, Some(trouble))]);
    }
    let silent = Voucher { checked: Checked { trouble: Some(RecheckTrouble::Silent), ..voucher.checked }, ..voucher };
    assert_eq!(decided(&silent, &Said::Unusable).0, Err(RecheckTrouble::Silent), "an answer may still be lost");
}
