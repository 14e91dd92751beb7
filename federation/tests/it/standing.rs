//! The providers that companies use are asked again about people, each with its oddities: the names of the tests begin with the oddity's, where
//! it has one.

use std::time::Duration;

use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::idp_sim::{Endpoint, Fault, Need, Profile};
use chancery_testkit::{Site, Tokens};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::simulated::{at, at_as};

const MINUTE: Duration = Duration::from_secs(60);
const RECHECK: Duration = Duration::from_secs(15 * 60);
const STALE: Duration = Duration::from_secs(4 * 3600);
/// So long at most a refresh waits for a provider, on a machine that does other things too: less than a question to one may last.
const BOUND: Duration = Duration::from_secs(14);
/// When a slow provider answers: long after the five seconds for which a refresh waits.
const SLOW: Duration = Duration::from_secs(10);
/// Longer than it takes to hear what it says then.
const PATIENCE: Duration = Duration::from_secs(40);

async fn rechecked(site: &Site) -> usize {
    site.audit().await.of_kind("rechecked").len()
}

#[tokio::test]
async fn sb_08_whoever_any_of_them_disables_loses_it_within_the_next_refresh() {
    for profile in Profile::all() {
        let name = profile.name;
        let (site, sim) = at(profile).await;
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        sim.disable(ALICE);
        let second = first.refresh().await.granted();

        site.turn(RECHECK);
        let refusal = second.refresh().await;

        assert!(refusal.refused(400, "invalid_grant").text().contains("no longer vouches"), "{name}: {:?}", refusal.answer);
        site.audit().await.about(ALICE).is("rechecked").says("reason", "provider_refused_refresh");
        site.settle().await;
        second.call(BANK, "account_balance").await.challenged("invalid_token");
        second.refresh().await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn e5_o2_a2_c3_each_is_asked_by_the_token_that_it_takes() {
    for profile in Profile::all() {
        let name = profile.name;
        let (site, _sim) = at(profile).await;
        let mut tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        for round in 1..=4 {
            site.turn(RECHECK);
            tokens = tokens.refresh().await.granted();
            assert_eq!(rechecked(&site).await, round, "{name}");
        }
    }
}

/// Only the treasury moves money.
fn governed(file: &mut Value) {
    file["access"] = json!([{ "groups": ["treasury"], "scopes": ["bank:transfer"] }]);
}

async fn allowed(site: &Site, scope: &str) -> Tokens {
    site.ask(PUBLIC_CLIENT).scope(scope).approved_by(ALICE).await.redeem().await.granted()
}

#[tokio::test]
async fn sb_08_who_leaves_a_group_has_less_at_the_next_refresh() {
    for profile in Profile::all().into_iter().filter(|profile| profile.name != "google") {
        let name = profile.name;
        let (site, sim) = at_as(profile, |declared| {
            if name == "auth0" {
                declared["groups_claim"] = json!("https://acme.example/groups");
            }
        })
        .await;
        site.apply(governed).await;
        sim.groups(ALICE, &["staff", "treasury"]);
        let (some, all) = (allowed(&site, "bank:read bank:transfer").await, allowed(&site, "bank:transfer").await);
        assert_eq!(some.claims()["scope"], "bank:read bank:transfer", "{name}");
        sim.groups(ALICE, &["staff"]);

        site.turn(RECHECK);
        let some = some.refresh().await.granted();

        assert_eq!(some.claims()["scope"], "bank:read", "{name}");
        assert_eq!(site.audit().await.of_kind("token_refreshed").last().expect("an event").fields["reason"], "groups_removed");
        all.refresh().await.refused(400, "invalid_grant");
        assert_eq!(site.audit().await.of_kind("token_refused").last().expect("an event").fields["reason"], "groups_removed");
        site.settle().await;
        all.call(BANK, "transfer").await.challenged("invalid_token");
    }
}

#[tokio::test]
async fn e4_who_has_too_many_groups_to_be_told_at_a_refresh_has_none_to_go_by() {
    let (site, sim) = at(Profile::entra()).await;
    site.apply(governed).await;
    sim.groups(ALICE, &["treasury"]);
    let tokens = allowed(&site, "bank:read bank:transfer").await;
    let many: Vec<String> = (0..200).map(|number| format!("group-{number}")).chain(["treasury".to_owned()]).collect();
    sim.groups(ALICE, &many.iter().map(String::as_str).collect::<Vec<_>>());

    site.turn(RECHECK);

    assert_eq!(tokens.refresh().await.granted().claims()["scope"], "bank:read");
}

#[tokio::test]
async fn e6_a2_who_must_do_something_at_the_provider_first_is_sent_there_and_nothing_ends() {
    for profile in Profile::all() {
        for need in [Need::SecondFactor, Need::Consent] {
            let (name, (site, sim)) = (profile.name, at(profile.clone()).await);
            if !matches!(name, "entra" | "auth0") {
                continue; // the others have other answers, or none
            }
            let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
            sim.person(ALICE, |alice| alice.needs = Some(need));
            site.turn(RECHECK);

            let refusal = tokens.refresh().await;

            assert!(refusal.refused(400, "invalid_grant").text().contains("sign in again"), "{name} {need:?}: {:?}", refusal.answer);
            site.audit().await.about(ALICE).is("token_refused").says("reason", "provider_wants_sign_in");
            sim.person(ALICE, |alice| alice.needs = None);
            site.sign_in(ALICE, PUBLIC_CLIENT).await;
            tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
        }
    }
}

#[tokio::test]
async fn e7_our_own_secret_that_has_run_out_is_nobody_s_end() {
    let (site, sim) = at(Profile::entra()).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    sim.expire_secret(true);

    site.turn(RECHECK);
    let tokens = tokens.refresh().await.granted();
    site.turn(STALE - RECHECK - MINUTE);
    let tokens = tokens.refresh().await.granted();
    site.turn(MINUTE);
    tokens.refresh().await.refused(503, "temporarily_unavailable");
    assert_eq!(rechecked(&site).await, 0);

    sim.expire_secret(false);
    site.turn(MINUTE);
    tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
}

#[tokio::test]
async fn x2_an_answer_that_nobody_can_read_ends_nothing_until_the_word_is_stale() {
    let elsewhere = Fault::Redirect("/elsewhere".to_owned());
    for fault in [Fault::Status(500), Fault::Html, Fault::Truncated, elsewhere, Fault::Large(2_000_000)] {
        let (site, sim) = at(Profile::entra()).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        sim.fault(Endpoint::Token, fault.clone());

        site.turn(RECHECK);
        let tokens = tokens.refresh().await.granted();
        site.turn(STALE - RECHECK);
        tokens.refresh().await.refused(503, "temporarily_unavailable");

        assert!(sim.asked(Endpoint::Elsewhere).is_empty(), "{fault:?}");
        sim.heal();
        site.turn(MINUTE);
        tokens.refresh().await.granted();
    }
}

#[tokio::test]
async fn x2_a_silent_provider_holds_no_refresh_for_long_and_ends_nothing_until_its_word_is_stale() {
    let (site, sim) = at(Profile::okta()).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    sim.fault(Endpoint::Token, Fault::Silent);

    site.turn(RECHECK);
    let begun = Instant::now();
    let tokens = tokens.refresh().await.granted();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    site.turn(STALE - RECHECK);
    let begun = Instant::now();
    tokens.refresh().await.refused(503, "temporarily_unavailable");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());

    sim.heal();
    site.turn(MINUTE * 2); // whoever asked has its turn for so long
    tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
}

#[tokio::test]
async fn x2_a_slow_provider_s_word_is_there_for_the_next_refresh() {
    let (site, sim) = at(Profile::okta()).await;
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    sim.disable(ALICE);
    sim.fault(Endpoint::Token, Fault::Slow(SLOW));

    site.turn(RECHECK);
    let begun = Instant::now();
    let asked = async {
        while sim.asked(Endpoint::Token).len() < 2 {
            tokio::task::yield_now().await;
        }
        site.turn(Duration::from_secs(5));
    };
    let (tokens, ()) = tokio::join!(tokens.refresh(), asked);
    let mut tokens = tokens.granted();
    assert!(begun.elapsed() < SLOW, "{:?}", begun.elapsed());
    site.turn(Duration::from_secs(2));
    tokens.call(BANK, "account_balance").await.answered();

    let refusal = loop {
        let granting = tokens.refresh().await;
        if granting.answer.status != 200 {
            break granting;
        }
        assert!(begun.elapsed() < PATIENCE, "what it said is not heard");
        tokens = granting.granted();
    };
    assert!(refusal.refused(400, "invalid_grant").text().contains("no longer vouches"));
    assert_eq!(sim.asked(Endpoint::Token).len(), 2, "the code, and one question");
    site.settle().await;
    tokens.call(BANK, "account_balance").await.challenged("invalid_token"); // minted while it was asked
}
