//! What a person's standing hangs on: the provider's voucher, and the session in which something was allowed.

use chancery_core::{RecheckTrouble, SessionId, Slug, SubjectId};
use chancery_crypto::digest::sha256;
use chancery_store::CommitError;
use chancery_store::repo::{families, grants, vouchers};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

const TOO_LATE: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

every_driver!(a_person_is_asked_about_by_one_at_a_time, what_was_allowed_in_a_session_ends_with_it);

async fn a_person_is_asked_about_by_one_at_a_time(site: Site) {
    let subject = fresh(SubjectId::mint);
    let grant = grants::Grant { subject: subject.to_string(), ..site.grant() };
    let family = site.family(&grant);
    let checked = vouchers::Checked { at: NOW, tried_at: NOW, trouble: None };
    let provider: Slug = "corp".parse().expect("a name");
    let voucher = vouchers::Voucher { tenant: site.tenant, subject, provider, sealed: vec![1; 90], version: 1, checked, taken: None };
    site.write([vouchers::insert(&voucher), grants::insert(&grant), families::insert(&family)]).await;
    assert_eq!(site.commit([vouchers::insert(&voucher)]).await.map(drop), TOO_LATE);

    let (one, other, till) = (sha256(b"one"), sha256(b"other"), NOW + MINUTE);
    site.write([vouchers::take(&voucher, &one, till, NOW)]).await;
    assert_eq!(site.commit([vouchers::take(&voucher, &other, till, NOW)]).await.map(drop), TOO_LATE);
    let taken = vouchers::by_subject(&site.store, &site.tenant, &subject).await.expect("a read").expect("the voucher");
    assert_eq!(taken, vouchers::Voucher { taken: Some((one, till)), ..voucher.clone() });
    site.write([vouchers::take(&voucher, &other, till + MINUTE, till)]).await; // the first was silent for too long

    let checked = vouchers::Checked { at: NOW, tried_at: till, trouble: Some(RecheckTrouble::Unusable) };
    let learned = vouchers::Voucher { sealed: vec![2; 90], version: 2, checked, ..voucher.clone() };
    assert_eq!(site.commit([vouchers::give_back(&learned, 1, &one)]).await.map(drop), TOO_LATE);
    site.write([vouchers::give_back(&learned, 1, &other)]).await;
    assert_eq!(vouchers::by_subject(&site.store, &site.tenant, &subject).await, Ok(Some(learned.clone())));
    let found = families::with_grant(&site.store, &site.tenant, &family.id).await;
    assert_eq!(found, Ok(Some(families::Refreshable { family, grant, checked: Some(checked), person: None })));

    site.write([vouchers::seen(&site.tenant, &subject, till)]).await;
    let newest = vouchers::Voucher { sealed: vec![3; 90], version: 3, checked: vouchers::Checked { trouble: None, ..checked }, ..voucher };
    site.write([vouchers::replace(&newest)]).await;
    assert_eq!(site.commit([vouchers::replace(&newest)]).await.map(drop), TOO_LATE);
    assert_eq!(site.commit([vouchers::remove(&site.tenant, &subject, 2)]).await.map(drop), TOO_LATE);
    site.write([vouchers::remove(&site.tenant, &subject, 3), vouchers::remove_any(&site.tenant, &subject)]).await;
    assert_eq!(vouchers::by_subject(&site.store, &site.tenant, &subject).await, Ok(None));
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
