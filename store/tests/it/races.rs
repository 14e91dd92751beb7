//! Of many at once, one is first: on one node, and over two where the driver can have two.

use chancery_core::{Authentication, SessionId, Slug, SubjectId, SubjectKey};
use chancery_crypto::digest::sha256;
use chancery_store::repo::logged_out::{self, Of};
use chancery_store::repo::{codes, consumed, ended, families, grants, sessions, subjects};
use chancery_store::{CommitError, Receipt, Unit, Write};
use futures_util::future::join_all;

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

every_driver!(
    of_50_that_use_one_thing_one_is_first,
    of_50_that_redeem_one_code_one_is_first,
    of_50_that_advance_one_family_one_is_first_and_49_may_retry,
    nothing_is_minted_once_the_grant_has_ended,
    units_that_lock_in_different_orders_all_get_through,
    of_two_ends_the_later_stands_whoever_writes_last,
    a_sign_in_and_the_end_of_what_it_comes_from_do_not_miss_each_other,
);

/// The same Unit 50 times in parallel, every other one on another node.
async fn fifty(site: &Site, write: impl Fn() -> Write) -> Vec<Result<Receipt, CommitError>> {
    let nodes = [site.store.clone(), site.another_node().await];
    join_all((0..50).map(|at| {
        let (node, unit) = (nodes[at % 2].clone(), Unit::new(site.tenant, vec![write()]));
        async move { node.commit(unit).await }
    }))
    .await
}

fn only_one_is_first(outcomes: &[Result<Receipt, CommitError>]) {
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let late = outcomes.iter().filter(|outcome| **outcome == Err(CommitError::GuardFailed(0))).count();
    assert_eq!(late, outcomes.len() - 1, "{outcomes:?}");
}

async fn of_50_that_use_one_thing_one_is_first(site: Site) {
    only_one_is_first(&fifty(&site, || consumed::consume(&site.tenant, "page", "once", NOW)).await);
}

async fn of_50_that_redeem_one_code_one_is_first(site: Site) {
    let grant = site.grant();
    let code = site.code(&grant, "secret");
    site.write([grants::insert(&grant), codes::insert(&code)]).await;

    only_one_is_first(&fifty(&site, || codes::redeem(&site.tenant, &code.hash, None, NOW)).await);
}

async fn of_50_that_advance_one_family_one_is_first_and_49_may_retry(site: Site) {
    let grant = site.grant();
    let family = site.family(&grant);
    site.write([grants::insert(&grant), families::insert(&family)]).await;

    only_one_is_first(&fifty(&site, || families::advance(&site.tenant, &family.id, 1, None, NOW)).await);

    let retries = fifty(&site, || families::retry(&site.tenant, &family.id, 2, NOW)).await;
    assert!(retries.iter().all(Result::is_ok), "{retries:?}");
    let found = families::with_grant(&site.store, &site.tenant, &family.id).await.expect("a read").expect("the family");
    assert_eq!(found.family.generation, 2);
}

async fn nothing_is_minted_once_the_grant_has_ended(site: Site) {
    let grant = site.grant();
    let (code, family) = (site.code(&grant, "secret"), site.family(&grant));
    site.write([grants::insert(&grant), codes::insert(&code), families::insert(&family)]).await;
    site.write([grants::alive(&site.tenant, &grant.id, NOW)]).await;

    site.write([grants::end(&site.tenant, &grant.id, NOW, "revoked")]).await;

    for mint in [
        codes::redeem(&site.tenant, &code.hash, None, NOW),
        families::advance(&site.tenant, &family.id, 1, None, NOW),
        families::retry(&site.tenant, &family.id, 1, NOW),
        grants::alive(&site.tenant, &grant.id, NOW),
    ] {
        assert_eq!(site.commit([mint.clone()]).await, Err(CommitError::GuardFailed(0)), "{}", mint.sql);
    }
}

async fn units_that_lock_in_different_orders_all_get_through(site: Site) {
    let (left, right) = (site.grant(), site.grant());
    site.write([grants::insert(&left), grants::insert(&right)]).await;
    let alive = |grant: &grants::Grant| grants::alive(&site.tenant, &grant.id, NOW);

    let outcomes = join_all((0..6).map(|at| {
        let order = if at % 2 == 0 { [alive(&left), alive(&right)] } else { [alive(&right), alive(&left)] };
        site.commit(order)
    }))
    .await;

    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
}

async fn of_two_ends_the_later_stands_whoever_writes_last(site: Site) {
    let end = |at: i64, until: i64| ended::End {
        tenant: site.tenant,
        kind: ended::EndedKind::Subject,
        key: "usr_alice".to_owned(),
        at: chancery_core::Timestamp::from_millis(at),
        until: chancery_core::Timestamp::from_millis(until),
    };

    site.write([ended::put(&end(20, 200))]).await;
    site.write([ended::put(&end(10, 300))]).await;

    let stands = ended::unexpired(&site.store, chancery_core::Timestamp::from_millis(0)).await.expect("the store answers");
    assert_eq!(stands.into_iter().filter(|of| of.tenant == site.tenant).collect::<Vec<_>>(), [end(20, 300)]);
}

/// Forty sign-ins, each with the end of its session or its person at the same moment: whichever is later learns of the other.
async fn a_sign_in_and_the_end_of_what_it_comes_from_do_not_miss_each_other(site: Site) {
    let (provider, nodes): (Slug, _) = ("corp".parse().expect("a name"), [site.store.clone(), site.another_node().await]);
    let outcomes = join_all((0..40).map(|turn| {
        let (site, provider, nodes) = (&site, &provider, &nodes);
        async move {
            let (theirs, key) = (format!("s-{turn}"), SubjectKey::stored(format!("https://corp.example p-{turn}")));
            let of = Of { tenant: &site.tenant, provider, whose: &theirs };
            let (subject, session) = coming(site, key.clone(), &theirs);
            let not_since = if turn % 4 < 2 { logged_out::session_not_since(of, NOW) } else { logged_out::person_not_since(of, NOW, NOW) };
            let begins = vec![not_since, subjects::insert(&subject), sessions::insert(&session)];
            let nothing = if turn % 4 < 2 {
                sessions::end_of_theirs(&site.tenant, (provider, &theirs), 0, NOW)
            } else {
                subjects::nobody(&site.tenant, provider, &key)
            };
            let ends = vec![logged_out::heard(of, NOW, NOW), nothing];
            let (begins, ends) = (Unit::new(site.tenant, begins), Unit::new(site.tenant, ends));
            let [one, other] = nodes;
            // Whoever is polled first is a little ahead.
            if turn % 2 == 0 {
                tokio::join!(one.commit(begins), other.commit(ends))
            } else {
                let (ends, begins) = tokio::join!(other.commit(ends), one.commit(begins));
                (begins, ends)
            }
        }
    }))
    .await;

    for (turn, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            (Ok(_), Err(CommitError::GuardFailed(1))) | (Err(CommitError::GuardFailed(0)), Ok(_)) => {}
            both => panic!("{turn}: {both:?}"),
        }
    }
}

fn coming(site: &Site, key: SubjectKey, theirs: &str) -> (subjects::Subject, sessions::Session) {
    let provider: Slug = "corp".parse().expect("a name");
    let id = fresh(SubjectId::mint);
    let subject = subjects::Subject {
        tenant: site.tenant,
        id,
        provider: provider.clone(),
        key,
        status: subjects::Standing::Active,
        claims: "{}".to_owned(),
        seen_at: NOW,
    };
    let session = sessions::Session {
        tenant: site.tenant,
        hash: sha256(theirs.as_bytes()),
        id: fresh(SessionId::mint),
        subject: id,
        provider,
        authentication: Authentication { auth_time: None, acr: None, amr: vec![] },
        their_id: Some(theirs.to_owned()),
        id_token: None,
        created_at: NOW,
        used_at: NOW,
        expires_at: NOW + MINUTE,
        ended_at: None,
    };
    (subject, session)
}
