//! A Unit is written whole or not at all.

use chancery_store::repo::{codes, consumed, events, families, grants};
use chancery_store::{Change, CommitError, Guard, StoreError, Topic, Unit, Value, Write};
use futures_util::future::join_all;

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, leaf};

every_driver!(
    a_unit_is_there_once_it_has_a_receipt,
    a_failed_guard_aborts_all_of_its_unit,
    a_taken_key_is_a_failed_guard,
    a_broken_constraint_is_refused_in_words,
    an_event_is_never_written_twice,
    one_bad_unit_does_not_harm_its_neighbours,
    a_receipt_says_how_many_rows_changed,
    a_statement_that_names_a_parameter_twice_or_out_of_order_means_it,
    a_text_with_a_nul_is_never_written,
    a_closed_store_refuses,
);

async fn a_unit_is_there_once_it_has_a_receipt(site: Site) {
    let (grant, leaf) = (site.grant(), leaf());
    let unit = Unit {
        tenant: site.tenant,
        writes: vec![grants::insert(&grant)],
        leaves: vec![leaf.clone()],
        changes: vec![Change { topic: Topic::Keys, key: String::new() }],
    };

    let _ = site.store.commit(unit).await.expect("the Unit commits");

    assert_eq!(grants::by_id(&site.store, &site.tenant, &grant.id).await, Ok(Some(grant)));
    let events = events::newest(&site.store, &site.tenant, 10).await.expect("events");
    assert_eq!(events.iter().map(|event| (event.id, event.leaf.clone())).collect::<Vec<_>>(), [(leaf.id, leaf.leaf)]);
}

async fn a_failed_guard_aborts_all_of_its_unit(site: Site) {
    let (grant, other, leaf) = (site.grant(), site.grant(), leaf());
    let unit = Unit {
        tenant: site.tenant,
        writes: vec![grants::insert(&grant), grants::alive(&site.tenant, &other.id, NOW), grants::insert(&other)],
        leaves: vec![leaf],
        changes: vec![Change { topic: Topic::Registry, key: String::new() }],
    };

    let refused = site.store.commit(unit).await;

    assert_eq!(refused, Err(CommitError::GuardFailed(1)));
    assert_eq!(grants::by_id(&site.store, &site.tenant, &grant.id).await, Ok(None));
    assert_eq!(grants::by_id(&site.store, &site.tenant, &other.id).await, Ok(None));
    assert_eq!(events::newest(&site.store, &site.tenant, 10).await, Ok(vec![]));
    site.write([grants::insert(&grant)]).await;
}

async fn a_taken_key_is_a_failed_guard(site: Site) {
    let (grant, other) = (site.grant(), site.grant());
    site.write([grants::insert(&grant)]).await;

    let mut whatever = grants::insert(&grant);
    whatever.guard = Guard::Any;
    for again in [grants::insert(&grant), whatever] {
        let refused = site.commit([grants::insert(&other), again]).await;
        assert_eq!(refused, Err(CommitError::GuardFailed(1)));
    }

    assert_eq!(grants::by_id(&site.store, &site.tenant, &other.id).await, Ok(None));
}

async fn a_broken_constraint_is_refused_in_words(site: Site) {
    const NAMELESS: &str = "INSERT INTO consumed (tenant, kind, key, until) VALUES ($1, $2, $3, $4)";
    let nameless = Write::one(NAMELESS, vec![Value::from(site.tenant), Value::from("page"), Value::Null, Value::from(NOW)]);

    let refused = site.commit([nameless]).await;

    let Err(CommitError::Unavailable(StoreError::Refused(why))) = refused else { panic!("{refused:?}") };
    assert!(why.to_lowercase().contains("null") && why.contains("key"), "{why}");
}

async fn an_event_is_never_written_twice(site: Site) {
    let (leaf, grant) = (leaf(), site.grant());
    let unit = |writes| Unit { leaves: vec![leaf.clone()], ..Unit::new(site.tenant, writes) };
    let _ = site.store.commit(unit(vec![])).await.expect("the first commits");

    let refused = site.store.commit(unit(vec![grants::insert(&grant)])).await;

    assert!(refused.as_ref().is_err_and(CommitError::is_there_already), "{refused:?}");
    assert_eq!(grants::by_id(&site.store, &site.tenant, &grant.id).await, Ok(None));
}

async fn one_bad_unit_does_not_harm_its_neighbours(site: Site) {
    let use_once = |key: String| consumed::consume(&site.tenant, "page", &key, NOW);
    site.write([use_once("taken".to_owned())]).await;

    let outcomes = join_all((0..200).map(|at| {
        let second = if at % 7 == 3 { "taken".to_owned() } else { format!("second {at}") };
        site.commit([use_once(format!("first {at}")), use_once(second)])
    }))
    .await;

    for (at, outcome) in outcomes.into_iter().enumerate() {
        let first_again = site.commit([use_once(format!("first {at}"))]).await;
        if at % 7 == 3 {
            assert_eq!(outcome, Err(CommitError::GuardFailed(1)), "{at}");
            assert!(first_again.is_ok(), "{at}: the bad Unit left a row behind");
        } else {
            assert!(outcome.is_ok(), "{at}: {outcome:?}");
            assert_eq!(first_again, Err(CommitError::GuardFailed(0)), "{at}: the good Unit's row is missing");
        }
    }
}

async fn a_receipt_says_how_many_rows_changed(site: Site) {
    let grant = site.grant();
    let unit = Unit {
        leaves: vec![leaf()],
        ..Unit::new(
            site.tenant,
            vec![
                grants::insert(&grant),
                grants::end(&site.tenant, &grant.id, NOW, "told"),
                grants::end(&site.tenant, &grant.id, NOW, "again"),
            ],
        )
    };

    let receipt = site.store.commit(unit).await.expect("the Unit commits");

    assert_eq!(receipt.changed(), [1, 1, 0]);
    let ended = grants::by_id(&site.store, &site.tenant, &grant.id).await.expect("a read").expect("the grant");
    assert_eq!((ended.ended_at, ended.end_reason.as_deref()), (Some(NOW), Some("told")));
}

async fn a_statement_that_names_a_parameter_twice_or_out_of_order_means_it(site: Site) {
    let (grant, family) = (site.grant(), "fam_00000000000000000000000000000001".parse().expect("an id"));
    let code = site.code(&grant, "secret");
    site.write([grants::insert(&grant), codes::insert(&code)]).await;

    site.write([codes::redeem(&site.tenant, &code.hash, Some(&family), NOW + MINUTE / 2)]).await; // sets $3 and $4, then compares with $1, $2, $3

    let codes::Redeemable { code: redeemed, .. } =
        codes::with_grant(&site.store, &site.tenant, &code.hash).await.expect("a read").expect("the code");
    assert_eq!((redeemed.redeemed_at, redeemed.family), (Some(NOW + MINUTE / 2), Some(family)));
    assert_eq!(families::with_grant(&site.store, &site.tenant, &family).await, Ok(None));
}

async fn a_text_with_a_nul_is_never_written(site: Site) {
    let refused = site.commit([consumed::consume(&site.tenant, "page", "a\0b", NOW)]).await;
    assert_eq!(refused, Err(StoreError::Nul.into()));

    let stranger = chancery_core::ClientId::claimed("cli_\0");
    assert_eq!(chancery_store::repo::clients::by_id(&site.store, &site.tenant, &stranger).await, Ok(None));
}

async fn a_closed_store_refuses(site: Site) {
    site.store.close().await;

    assert_eq!(site.commit([consumed::consume(&site.tenant, "page", "key", NOW)]).await, Err(StoreError::Closed.into()));
    assert_eq!(grants::by_id(&site.store, &site.tenant, &site.grant().id).await, Err(StoreError::Closed));
    site.store.close().await;
}
