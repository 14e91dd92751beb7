//! Housekeeping deletes what has expired and nothing else.

use std::time::Duration;

use chancery_core::{ClientId, SKEW, SessionId, SubjectId};
use chancery_crypto::digest::sha256;
use chancery_store::reap::reap;
use chancery_store::repo::logged_out::{self, Of, STAYS, THEIR_SKEW};
use chancery_store::repo::{clients, codes, consumed, ended, families, grants, sessions, tenants, vouchers};
use chancery_store::{Change, CommitError, Topic, Unit, Write};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

every_driver!(
    what_has_expired_goes_and_the_rest_stays,
    more_than_one_bite_goes_too,
    old_feed_entries_go_and_the_newest_of_them_stays,
    a_client_that_was_never_used_goes,
    a_client_that_somebody_allows_something_stays,
    what_nobody_will_ask_by_goes,
    word_of_an_end_stays_for_as_long_as_a_sign_in_may_be_under_way
);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub async fn known(site: &Site) {
    let tenant = tenants::Tenant {
        id: site.tenant,
        name: "acme".parse().expect("a name"),
        base_url: "https://gw".to_owned(),
        version: 1,
        created_at: NOW,
    };
    site.write([tenants::insert(&tenant)]).await;
}

fn session(site: &Site) -> sessions::Session {
    sessions::Session {
        tenant: site.tenant,
        hash: sha256(b"cookie"),
        id: fresh(SessionId::mint),
        subject: fresh(SubjectId::mint),
        provider: "corp".parse().expect("a name"),
        authentication: chancery_core::Authentication { auth_time: Some(NOW), acr: None, amr: vec![] },
        their_id: None,
        id_token: None,
        created_at: NOW,
        used_at: NOW,
        expires_at: NOW + MINUTE,
        ended_at: None,
    }
}

async fn what_has_expired_goes_and_the_rest_stays(site: Site) {
    known(&site).await;
    let grant = site.grant();
    let (code, family) = (site.code(&grant, "secret"), site.family(&grant));
    let session = session(&site);
    let end = ended::End { tenant: site.tenant, kind: ended::EndedKind::Grant, key: "grt_1".to_owned(), at: NOW, until: NOW + MINUTE };
    let once = || consumed::consume(&site.tenant, "page", "once", NOW + MINUTE);
    site.write([
        grants::insert(&grant),
        codes::insert(&code),
        families::insert(&family),
        sessions::insert(&session),
        ended::put(&end),
        once(),
    ])
    .await;

    assert_eq!(reap(&site.store, NOW + MINUTE).await, Ok(0));

    // SB-03: a node whose clock is behind still takes the page, and still needs the end.
    assert_eq!(reap(&site.store, NOW + MINUTE + SKEW).await, Ok(1));
    assert_eq!(sessions::by_hash(&site.store, &site.tenant, &session.hash).await, Ok(None));
    assert_eq!(site.commit([once()]).await, Err(CommitError::GuardFailed(0)));
    assert_eq!(ended::unexpired(&site.store, NOW).await, Ok(vec![end]));

    assert_eq!(reap(&site.store, NOW + MINUTE * 2 + SKEW).await, Ok(2));
    assert_eq!(ended::unexpired(&site.store, NOW).await, Ok(vec![]));
    site.write([once()]).await;
    assert!(codes::with_grant(&site.store, &site.tenant, &code.hash).await.expect("a read").is_some(), "a replay is still recognised");

    assert_eq!(reap(&site.store, NOW + DAY + MINUTE * 2).await, Ok(2));
    assert_eq!(codes::with_grant(&site.store, &site.tenant, &code.hash).await, Ok(None));
    assert!(grants::by_id(&site.store, &site.tenant, &grant.id).await.expect("a read").is_some());

    assert_eq!(reap(&site.store, NOW + DAY * 8).await, Ok(2));
    assert_eq!(grants::by_id(&site.store, &site.tenant, &grant.id).await, Ok(None));
}

async fn a_client_that_was_never_used_goes(site: Site) {
    known(&site).await;
    let client = || clients::Client {
        tenant: site.tenant,
        id: fresh(ClientId::mint),
        body: "{}".to_owned(),
        standing: clients::Standing::Active,
        created_at: NOW,
        used_at: None,
        keep_until: NOW + MINUTE * 60,
    };
    let (used, unused) = (client(), client());
    site.write([clients::insert(&used), clients::insert(&unused), clients::insert(&client())]).await;
    let never_used = |most| clients::never_used(&site.store, &site.tenant, most);
    assert_eq!((never_used(2).await, never_used(9).await), (Ok(2), Ok(3)));
    site.write([clients::used(&site.tenant, &used.id, NOW, NOW + DAY)]).await;
    assert_eq!(never_used(9).await, Ok(2));

    assert_eq!(reap(&site.store, NOW + MINUTE * 60).await, Ok(0));
    assert_eq!(reap(&site.store, NOW + MINUTE * 61).await, Ok(2));
    assert_eq!(never_used(9).await, Ok(0));
    assert_eq!(clients::by_id(&site.store, &site.tenant, &unused.id).await, Ok(None));
    assert!(clients::by_id(&site.store, &site.tenant, &used.id).await.expect("a read").is_some());

    assert_eq!(reap(&site.store, NOW + DAY + MINUTE).await, Ok(1));
    assert_eq!(clients::by_id(&site.store, &site.tenant, &used.id).await, Ok(None));
}

async fn a_client_that_somebody_allows_something_stays(site: Site) {
    known(&site).await;
    let grant = site.grant();
    let client = clients::Client {
        tenant: site.tenant,
        id: grant.client.clone(),
        body: "{}".to_owned(),
        standing: clients::Standing::Active,
        created_at: NOW,
        used_at: Some(NOW),
        keep_until: NOW,
    };
    site.write([clients::insert(&client), grants::insert(&grants::Grant { expires_at: NOW + DAY, ..grant.clone() })]).await;
    let mut follower = chancery_store::feed::Follower::start(&site.store).await.expect("a follower");

    assert_eq!(reap(&site.store, NOW + MINUTE).await, Ok(0));
    site.write([grants::end(&site.tenant, &grant.id, NOW + MINUTE, "done")]).await;

    assert_eq!(reap(&site.store, NOW + MINUTE * 2).await, Ok(1));
    assert_eq!(clients::by_id(&site.store, &site.tenant, &client.id).await, Ok(None));
    let told = crate::feed::entries(&mut follower).await;
    assert!(told.iter().any(|entry| entry.topic == chancery_store::Topic::Client && entry.tenant == site.tenant), "{told:?}");
}

async fn what_nobody_will_ask_by_goes(site: Site) {
    known(&site).await;
    let checked = vouchers::Checked { at: NOW, tried_at: NOW, trouble: None };
    let [idle, signed_in, allowing] = [(); 3].map(|()| fresh(SubjectId::mint));
    for subject in [idle, signed_in, allowing] {
        let (tenant, provider) = (site.tenant, "corp".parse().expect("a name"));
        let voucher =
            vouchers::Voucher { tenant, subject, registration: None, provider, sealed: vec![1], version: 1, checked, taken: None };
        site.write([vouchers::insert(&voucher)]).await;
    }
    let grant = grants::Grant { subject: allowing.to_string(), expires_at: NOW + DAY * 3, ..site.grant() };
    let session = sessions::Session { subject: signed_in, expires_at: NOW + DAY * 2, ..session(&site) };
    site.write([grants::insert(&grant), sessions::insert(&session)]).await;
    let left = async || {
        let mut left = Vec::new();
        for subject in [idle, signed_in, allowing] {
            left.push(vouchers::by_registration(&site.store, &site.tenant, &subject, None).await.expect("a read").is_some());
        }
        left
    };

    assert_eq!(reap(&site.store, NOW + DAY).await, Ok(0));
    assert_eq!(reap(&site.store, NOW + DAY + MINUTE).await, Ok(1));
    assert_eq!(left().await, [false, true, true]);
    assert_eq!(reap(&site.store, NOW + DAY * 2 + MINUTE).await, Ok(2), "a session and what was kept for it");
    assert_eq!(left().await, [false, false, true]);
    site.write([grants::end(&site.tenant, &grant.id, NOW + DAY * 2, "left")]).await;
    assert_eq!(reap(&site.store, NOW + DAY * 2 + MINUTE).await, Ok(1));
}

async fn more_than_one_bite_goes_too(site: Site) {
    known(&site).await;
    let rows: Vec<Write> = (0..1201).map(|at| consumed::consume(&site.tenant, "page", &at.to_string(), NOW)).collect();
    site.write(rows).await;

    assert_eq!(reap(&site.store, NOW + SKEW + MINUTE).await, Ok(1201));
}

async fn old_feed_entries_go_and_the_newest_of_them_stays(site: Site) {
    known(&site).await;
    for _ in 0..3 {
        let changes = vec![Change { topic: Topic::Keys, key: String::new() }];
        let _ = site.store.commit(Unit { changes, ..Unit::new(site.tenant, vec![]) }).await.expect("the Unit commits");
    }
    // The database stamps feed entries itself.
    let stamps = site.store.query("SELECT MIN(at), MAX(at) FROM feed", vec![]).await;
    let mut stamps = stamps.expect("a read").remove(0);
    let (first, last) = (stamps.at().expect("a time"), stamps.at().expect("a time"));

    assert_eq!(reap(&site.store, first + DAY).await, Ok(0));
    assert_eq!(reap(&site.store, last + DAY + MINUTE).await, Ok(2));
    assert_eq!(reap(&site.store, last + DAY * 9).await, Ok(0));
}

async fn word_of_an_end_stays_for_as_long_as_a_sign_in_may_be_under_way(site: Site) {
    known(&site).await;
    let (corp, other) = ("corp".parse().expect("a name"), "other".parse().expect("a name"));
    let of = Of { tenant: &site.tenant, provider: &corp, whose: "s-1" };
    let session = async |heard| site.commit([logged_out::session_not_since(of, heard)]).await.map(drop);
    let person = async |said, heard| site.commit([logged_out::person_not_since(of, said, heard)]).await.map(drop);
    let (before, after) = (NOW - Duration::from_millis(1), NOW + Duration::from_millis(1));
    const ENDED: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

    assert_eq!((session(before).await, person(before, before).await), (Ok(()), Ok(())));
    site.write([logged_out::heard(of, NOW, NOW), logged_out::heard(of, before, before)]).await; // the later stands

    assert_eq!((session(before).await, session(NOW).await, session(after).await), (ENDED, ENDED, Ok(())));
    let clearly_after = after + THEIR_SKEW;
    assert_eq!(
        (person(before, after).await, person(clearly_after, before).await),
        (ENDED, Ok(())),
        "the provider's clock says which is older"
    );
    for said in [NOW, after] {
        assert_eq!((person(said, NOW).await, person(said, after).await), (ENDED, Ok(())), "and ours, where its does not");
    }
    for another in [Of { whose: "s-2", ..of }, Of { provider: &other, ..of }] {
        site.write([logged_out::session_not_since(another, before)]).await;
    }
    assert_eq!(reap(&site.store, NOW + STAYS + SKEW + SKEW).await, Ok(2), "what says nothing goes first");
    assert_eq!(session(NOW).await, ENDED);
    assert_eq!(reap(&site.store, NOW + STAYS + SKEW + SKEW + Duration::from_millis(1)).await, Ok(1));
    assert_eq!(session(before).await, Ok(()));
}
