//! What a person's standing hangs on: the provider's voucher, and the session in which something was allowed.

use std::time::Duration;

use chancery_core::{ClientId, RecheckTrouble, SessionId, Slug, SubjectId, SubjectKey};
use chancery_crypto::digest::sha256;
use chancery_store::CommitError;
use chancery_store::repo::{codes, families, grants, subjects, vouchers};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

const TOO_LATE: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

every_driver!(
    a_person_is_asked_about_by_one_at_a_time,
    a_client_s_own_registration_is_asked_first,
    another_client_s_trouble_is_not_that_of_who_signed_in_since,
    a_token_that_is_taken_no_more_is_not_kept_for_a_sign_in_that_brought_none,
    a_sign_in_ends_the_turn_of_whoever_is_asking,
    what_was_allowed_in_a_session_ends_with_it,
    what_was_allowed_in_a_provider_s_session_ends_with_that
);

pub fn voucher(site: &Site, subject: SubjectId) -> vouchers::Voucher {
    let checked = vouchers::Checked { at: NOW, tried_at: NOW, trouble: None };
    let provider: Slug = "corp".parse().expect("a name");
    vouchers::Voucher { tenant: site.tenant, subject, registration: None, provider, sealed: vec![1; 90], version: 1, checked, taken: None }
}

/// Our own registration's.
async fn ours(site: &Site, subject: &SubjectId) -> Option<vouchers::Voucher> {
    vouchers::by_registration(&site.store, &site.tenant, subject, None).await.expect("a read")
}

async fn a_person_is_asked_about_by_one_at_a_time(site: Site) {
    let subject = fresh(SubjectId::mint);
    let grant = grants::Grant { subject: subject.to_string(), ..site.grant() };
    let family = site.family(&grant);
    let voucher = voucher(&site, subject);
    site.write([vouchers::insert(&voucher), grants::insert(&grant), families::insert(&family)]).await;
    assert_eq!(site.commit([vouchers::insert(&voucher)]).await.map(drop), TOO_LATE);

    let (one, other, till) = (sha256(b"one"), sha256(b"other"), NOW + MINUTE);
    site.write([vouchers::take(&voucher, &one, till, NOW)]).await;
    assert_eq!(site.commit([vouchers::take(&voucher, &other, till, NOW)]).await.map(drop), TOO_LATE);
    assert_eq!(ours(&site, &subject).await, Some(vouchers::Voucher { taken: Some((one, till)), ..voucher.clone() }));
    site.write([vouchers::take(&voucher, &other, till + MINUTE, till)]).await; // the first was silent for too long

    let checked = vouchers::Checked { at: NOW, tried_at: till, trouble: Some(RecheckTrouble::Unusable) };
    let learned = vouchers::Voucher { sealed: vec![2; 90], version: 2, checked, ..voucher.clone() };
    assert_eq!(site.commit([vouchers::give_back(&learned, 1, &one)]).await.map(drop), TOO_LATE);
    site.write([vouchers::give_back(&learned, 1, &other)]).await;
    assert_eq!(ours(&site, &subject).await, Some(learned.clone()));
    let found = families::with_grant(&site.store, &site.tenant, &family.id).await;
    assert_eq!(found, Ok(Some(families::Refreshable { family, grant, checked: Some(checked), person: None })));

    site.write(vouchers::seen(&site.tenant, &subject, None, till)).await;
    let newest = vouchers::Voucher { sealed: vec![3; 90], version: 3, checked: vouchers::Checked { trouble: None, ..checked }, ..voucher };
    site.write([vouchers::replace(&newest)]).await;
    assert_eq!(site.commit([vouchers::replace(&newest)]).await.map(drop), TOO_LATE);
    assert_eq!(site.commit([vouchers::remove(&learned, &other)]).await.map(drop), TOO_LATE);
    site.write([vouchers::take(&newest, &one, till, NOW)]).await;
    assert_eq!(site.commit([vouchers::remove(&newest, &other)]).await.map(drop), TOO_LATE);
    site.write([vouchers::remove(&newest, &one), vouchers::remove_all(&site.tenant, &subject)]).await;
    assert_eq!(ours(&site, &subject).await, None);
}

async fn a_client_s_own_registration_is_asked_first(site: Site) {
    let subject = fresh(SubjectId::mint);
    let [enrolled, other, of_the_file] =
        [(); 3].map(|()| site.grant()).map(|grant| grants::Grant { subject: subject.to_string(), ..grant });
    let by = |registration: &ClientId, at| {
        let checked = vouchers::Checked { at, tried_at: at, trouble: None };
        vouchers::Voucher { registration: Some(registration.clone()), checked, ..voucher(&site, subject) }
    };
    let (one, two) = (by(&enrolled.client, NOW + MINUTE), by(&other.client, NOW + MINUTE * 2));
    let asked_by = async |client: &ClientId| vouchers::for_client(&site.store, &site.tenant, &subject, client).await.expect("a read");
    site.write([vouchers::insert(&one), vouchers::insert(&two), grants::insert(&enrolled), grants::insert(&of_the_file)]).await;
    assert_eq!((asked_by(&enrolled.client).await, asked_by(&other.client).await), (Some(one.clone()), Some(two.clone())));
    assert!(asked_by(&of_the_file.client).await.is_some(), "any is better than none");

    let own = voucher(&site, subject);
    site.write([vouchers::insert(&own)]).await;
    assert_eq!((asked_by(&of_the_file.client).await, asked_by(&enrolled.client).await), (Some(own.clone()), Some(one.clone())));
    for (grant, checked) in [(&enrolled, one.checked), (&of_the_file, own.checked)] {
        let (code, family) = (site.code(grant, &grant.id.to_string()), site.family(grant));
        site.write([codes::insert(&code), families::insert(&family)]).await;
        let redeemable = codes::with_grant(&site.store, &site.tenant, &code.hash).await.expect("a read").expect("the code");
        let refreshable = families::with_grant(&site.store, &site.tenant, &family.id).await.expect("a read").expect("the family");
        assert_eq!((redeemable.checked, refreshable.checked), (Some(checked), Some(checked)));
    }

    site.write([vouchers::remove_of_registration(&site.tenant, &enrolled.client)]).await;
    assert_eq!((asked_by(&enrolled.client).await, asked_by(&other.client).await), (Some(own), Some(two)));
    site.write([vouchers::remove_all(&site.tenant, &subject)]).await;
    assert_eq!(asked_by(&other.client).await, None);
}

async fn another_client_s_trouble_is_not_that_of_who_signed_in_since(site: Site) {
    for (age, trouble, ours, counts) in [
        (MINUTE, Some(RecheckTrouble::SignInAgain), false, false),
        (MINUTE, Some(RecheckTrouble::SignInAgain), true, true),
        (MINUTE, None, false, true),
        (Duration::ZERO, Some(RecheckTrouble::SignInAgain), false, true),
    ] {
        let subject = fresh(SubjectId::mint);
        let (theirs, grant) = (site.grant().client, grants::Grant { subject: subject.to_string(), ..site.grant() });
        let person = subjects::Subject {
            tenant: site.tenant,
            id: subject,
            provider: "corp".parse().expect("a name"),
            key: SubjectKey::stored(format!("https://corp.example {subject}")),
            status: subjects::Standing::Active,
            claims: "{}".to_owned(),
            seen_at: NOW,
        };
        let registration = (!ours).then_some(theirs);
        let (before, by) = (vouchers::Voucher { registration, ..voucher(&site, subject) }, sha256(b"one"));
        let after = vouchers::Voucher { checked: vouchers::Checked { at: NOW - age, tried_at: NOW, trouble }, ..before.clone() };
        site.write([subjects::insert(&person), vouchers::insert(&before), grants::insert(&grant)]).await;
        site.write([vouchers::take(&before, &by, NOW + MINUTE, NOW), vouchers::give_back(&after, 1, &by)]).await;

        let asked_by = vouchers::for_client(&site.store, &site.tenant, &subject, &grant.client).await.expect("a read");

        assert_eq!(asked_by, counts.then_some(after), "{age:?} {trouble:?} {ours}");
    }
}

async fn a_token_that_is_taken_no_more_is_not_kept_for_a_sign_in_that_brought_none(site: Site) {
    for (trouble, stays) in [
        (RecheckTrouble::Lost, None),
        (RecheckTrouble::Silent, Some(Some(RecheckTrouble::Silent))),
        (RecheckTrouble::SignInAgain, Some(None)),
    ] {
        let subject = fresh(SubjectId::mint);
        let (voucher, by) = (voucher(&site, subject), sha256(b"one"));
        let checked = vouchers::Checked { at: NOW, tried_at: NOW, trouble: Some(trouble) };
        site.write([vouchers::insert(&voucher), vouchers::take(&voucher, &by, NOW + MINUTE, NOW)]).await;
        site.write([vouchers::give_back(&vouchers::Voucher { checked, ..voucher.clone() }, 1, &by)]).await;

        site.write(vouchers::seen(&site.tenant, &subject, None, NOW + MINUTE)).await;

        assert_eq!(ours(&site, &subject).await.map(|voucher| voucher.checked.trouble), stays, "{trouble}");
    }
}

async fn a_sign_in_ends_the_turn_of_whoever_is_asking(site: Site) {
    let subject = fresh(SubjectId::mint);
    let (voucher, by) = (voucher(&site, subject), sha256(b"one"));
    site.write([vouchers::insert(&voucher), vouchers::take(&voucher, &by, NOW + MINUTE, NOW)]).await;

    site.write(vouchers::seen(&site.tenant, &subject, None, NOW + MINUTE / 2)).await;

    assert_eq!(site.commit([vouchers::remove(&voucher, &by)]).await.map(drop), TOO_LATE);
    assert_eq!(site.commit([vouchers::give_back(&voucher, 1, &by)]).await.map(drop), TOO_LATE);
    // What it is told now, a new token maybe, nobody keeps.
    let kept = ours(&site, &subject).await.expect("it stays");
    assert_eq!((kept.taken, kept.checked.trouble), (None, Some(RecheckTrouble::Silent)));
}

async fn what_was_allowed_in_a_session_ends_with_it(site: Site) {
    let session = fresh(SessionId::mint);
    let allowed: Vec<_> = (0..2).map(|_| grants::Grant { session: Some(session), ..site.grant() }).collect();
    let other = site.grant();
    site.write([grants::insert(&allowed[0]), grants::insert(&other)]).await;

    assert_eq!(grants::of_session(&site.store, &site.tenant, &session).await, Ok(vec![allowed[0].id]));
    site.write([grants::insert(&allowed[1])]).await;
    assert_eq!(site.commit([grants::end_of_session(&site.tenant, &session, NOW, "left", 1)]).await.map(drop), TOO_LATE);
    site.write([grants::end_of_session(&site.tenant, &session, NOW, "left", 2)]).await;

    assert_eq!(grants::of_session(&site.store, &site.tenant, &session).await, Ok(vec![]));
    let found = grants::by_id(&site.store, &site.tenant, &other.id).await;
    assert_eq!(found, Ok(Some(other)));
}

async fn what_was_allowed_in_a_provider_s_session_ends_with_that(site: Site) {
    let provider: Slug = "corp".parse().expect("a name");
    let subject = |provider: &str| subjects::Subject {
        tenant: site.tenant,
        id: fresh(SubjectId::mint),
        provider: provider.parse().expect("a name"),
        key: SubjectKey::stored(format!("https://{provider}.example alice")),
        status: subjects::Standing::Active,
        claims: "{}".to_owned(),
        seen_at: NOW,
    };
    let (alice, stranger) = (subject("corp"), subject("partner"));
    let of = |subject: &subjects::Subject| grants::Grant {
        subject: subject.id.to_string(),
        session: Some(fresh(SessionId::mint)),
        their_session: Some("s-1".to_owned()),
        ..site.grant()
    };
    let (hers, another_s) = (of(&alice), of(&stranger)); // two providers may happen on one name
    site.write([subjects::insert(&alice), subjects::insert(&stranger), grants::insert(&hers), grants::insert(&another_s)]).await;

    assert_eq!(grants::of_their_session(&site.store, &site.tenant, &provider, "s-1").await, Ok(vec![hers.id]));
    let end = |many| grants::end_of_their_session(&site.tenant, (&provider, "s-1"), NOW, "left", many);
    assert_eq!(site.commit([end(2)]).await.map(drop), TOO_LATE);
    site.write([end(1)]).await;

    assert_eq!(grants::of_their_session(&site.store, &site.tenant, &provider, "s-1").await, Ok(vec![]));
    assert_eq!(grants::by_id(&site.store, &site.tenant, &another_s.id).await, Ok(Some(another_s)));
}
