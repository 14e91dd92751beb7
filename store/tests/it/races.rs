//! Of many at once, one is first: on one node, and over two where the driver can have two.

use chancery_store::repo::{codes, consumed, ended, families, grants};
use chancery_store::{CommitError, Receipt, Unit, Write};
use futures_util::future::join_all;

use crate::every_driver;
use crate::site::{NOW, Site};

every_driver!(
    of_50_that_use_one_thing_one_is_first,
    of_50_that_redeem_one_code_one_is_first,
    of_50_that_advance_one_family_one_is_first_and_49_may_retry,
    nothing_is_minted_once_the_grant_has_ended,
    units_that_lock_in_different_orders_all_get_through,
    of_two_ends_the_later_stands_whoever_writes_last,
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
