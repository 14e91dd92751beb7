//! The provider is asked again about people whose agents go on without them (OpenID Connect Core §12).

use std::time::Duration;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::provider::TOKEN;
use chancery_testkit::{Site, Tokens};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;

const MINUTE: Duration = Duration::from_secs(60);
/// As a tenant has it that says nothing else.
const RECHECK: Duration = Duration::from_secs(15 * 60);
const STALE: Duration = Duration::from_secs(4 * 3600);
const AT_ONCE: usize = 50;

/// The provider gives refresh tokens to who asks for them.
async fn asked_for(site: &Site) {
    site.apply(|file| file["identity_providers"][0]["scopes"] = json!("openid profile email offline_access")).await;
}

async fn signed_in(site: &Site) -> Tokens {
    asked_for(site).await;
    site.sign_in(ALICE, PUBLIC_CLIENT).await
}

/// How often the provider's token endpoint was asked.
fn asked(site: &Site) -> usize {
    site.identity_provider().asked(TOKEN)
}

chancery_testkit::both_stores! {
    async fn sb_08_a_disabled_person_s_agents_stop(site: Site) {
        let first = signed_in(&site).await;
        let agent = site.sign_in(ALICE, AGENT_CLIENT).await;
        site.sign_in(BOB, AGENT_CLIENT).await.refresh().await.granted();
        site.identity_provider().disable(ALICE);

        let second = first.refresh().await.granted();
        second.call(BANK, "account_balance").await.answered();
        site.turn(RECHECK);
        let live = agent.refresh().await;

        let refusal = live.refused(400, "invalid_grant").json();
        assert!(refusal["error_description"].as_str().expect("words").contains("no longer vouches"), "{refusal}");
        site.audit().await.about(ALICE).is("rechecked").says("reason", "provider_refused_refresh").says("identity_provider", IDENTITY_PROVIDER);
        second.refresh().await.refused(400, "invalid_grant");
        second.call(BANK, "account_balance").await.challenged("invalid_token");
        agent.refresh().await.refused(400, "invalid_grant");
        site.identity_provider().enable(ALICE);
        agent.refresh().await.refused(400, "invalid_grant");
        site.turn(MINUTE);
        site.sign_in(ALICE, AGENT_CLIENT).await.call(BANK, "account_balance").await.answered();
    }

    async fn within_its_time_the_provider_s_word_is_good(site: Site) {
        let mut tokens = signed_in(&site).await;
        let before = asked(&site);
        for _ in 0..3 {
            site.turn(RECHECK / 4);
            tokens = tokens.refresh().await.granted();
        }
        assert_eq!(asked(&site), before);

        site.turn(RECHECK / 4);
        tokens = tokens.refresh().await.granted();
        tokens.refresh().await.granted();

        assert_eq!(asked(&site), before + 1);
        assert_eq!(site.audit().await.of_kind("rechecked").len(), 1);
    }

    async fn a_rotating_provider_is_asked_by_its_newest_token_and_a_lenient_one_by_its_only(site: Site) {
        let mut tokens = signed_in(&site).await;
        for lenient in [false, false, true, true, false] {
            site.identity_provider().be_lenient(lenient);
            site.turn(RECHECK);
            tokens = tokens.refresh().await.granted();
        }
        assert_eq!(site.audit().await.of_kind("rechecked").len(), 5);
    }

    async fn groups_change_with_the_provider_s_word(site: Site) {
        site.identity_provider().put_in_groups(ALICE, &["sales", "finance"]);
        let tokens = signed_in(&site).await;
        assert!(claims(&site).await.contains("finance"));
        site.identity_provider().put_in_groups(ALICE, &["sales"]);

        site.turn(RECHECK);
        tokens.refresh().await.granted();

        let claims = claims(&site).await;
        assert!(claims.contains("sales") && !claims.contains("finance"), "{claims}");
    }

    async fn a_provider_that_is_down_ends_nothing_until_its_word_is_stale(site: Site) {
        let mut tokens = signed_in(&site).await;
        let before = asked(&site);
        site.identity_provider().be_lenient(true); // it refuses before it rotates
        site.identity_provider().alter(TOKEN, |reply| reply.with_status(StatusCode::UNAUTHORIZED).saying(r#"{"error":"invalid_client"}"#));

        site.turn(RECHECK);
        tokens = tokens.refresh().await.granted();
        tokens = tokens.refresh().await.granted();
        assert_eq!(asked(&site), before + 1, "it is left alone for a minute");
        site.turn(STALE - RECHECK - MINUTE);
        tokens = tokens.refresh().await.granted();
        site.turn(MINUTE);
        tokens.refresh().await.refused(503, "temporarily_unavailable");

        site.identity_provider().leave_alone(TOKEN);
        site.turn(MINUTE);
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }

    async fn an_answer_that_was_lost_is_not_the_person_s_end(site: Site) {
        let tokens = signed_in(&site).await;
        // The provider gave a new token, and nobody heard of it.
        site.identity_provider().alter(TOKEN, |reply| reply.with_status(StatusCode::BAD_GATEWAY).saying("<html>"));
        site.turn(RECHECK);
        let tokens = tokens.refresh().await.granted();
        site.identity_provider().leave_alone(TOKEN);

        site.turn(MINUTE);
        let tokens = tokens.refresh().await.granted();
        site.audit().await.about(ALICE).is("rechecked").says("outcome", "lost");
        site.turn(STALE);
        tokens.refresh().await.refused(400, "invalid_grant");

        site.sign_in(ALICE, AGENT_CLIENT).await;
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }

    async fn sb_08_a_person_who_must_sign_in_again_is_sent_there_and_their_grants_wait(site: Site) {
        asked_for(&site).await;
        let browser = site.browser();
        let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        site.identity_provider().alter(TOKEN, |reply| reply.with_status(StatusCode::BAD_REQUEST).saying(r#"{"error":"interaction_required"}"#));
        site.turn(RECHECK);

        let refusal = tokens.refresh().await;

        assert!(refusal.refused(400, "invalid_grant").text().contains("sign in again"));
        site.audit().await.about(ALICE).is("rechecked").says("outcome", "sign_in_again");
        site.identity_provider().leave_alone(TOKEN);
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        assert_eq!(site.audit().await.of_kind("signed_in").len(), 2, "the session had ended, so the provider was asked");
        tokens.refresh().await.granted();
    }

    async fn sb_08_a_grant_whose_person_never_came_back_ends(site: Site) {
        let tokens = signed_in(&site).await;
        site.identity_provider().alter(TOKEN, |reply| reply.with_status(StatusCode::BAD_REQUEST).saying(r#"{"error":"consent_required"}"#));
        site.turn(STALE);

        tokens.refresh().await.refused(400, "invalid_grant");

        site.audit().await.only("grant_ended").says("row", "SB-08");
        site.identity_provider().leave_alone(TOKEN);
        site.turn(MINUTE);
        tokens.refresh().await.refused(400, "invalid_grant");
    }

    async fn an_answer_about_somebody_else_is_no_answer(site: Site) {
        let tokens = signed_in(&site).await;
        site.identity_provider().be_lenient(true);
        site.identity_provider().alter_claims(|claims| claims["sub"] = json!("bob"));
        site.turn(RECHECK);

        let tokens = tokens.refresh().await.granted();

        assert_eq!(site.audit().await.of_kind("rechecked").len(), 0);
        site.turn(STALE);
        tokens.refresh().await.refused(503, "temporarily_unavailable");
    }

    async fn what_is_kept_of_the_provider_s_answer_is_sealed(site: Site) {
        let given = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = given.clone();
        site.identity_provider().alter_json(TOKEN, move |answer| {
            for member in ["refresh_token", "id_token"] {
                seen.lock().expect("no panic").push(answer[member].as_str().expect("a token").to_owned());
            }
        });
        signed_in(&site).await;

        let rows = format!("{:?}{:?}", rows(&site, VOUCHERS).await, rows(&site, ID_TOKENS).await);

        for token in given.lock().expect("no panic").iter() {
            assert!(!rows.contains(&format!("{:?}", token.as_bytes()).trim_matches(['[', ']'])[..40]), "it lies there in the clear");
        }
    }
}

const VOUCHERS: &str = "SELECT sealed FROM vouchers";
const ID_TOKENS: &str = "SELECT id_token FROM sessions";

async fn rows(site: &Site, sql: &'static str) -> Vec<Vec<u8>> {
    let rows = site.store().query(sql, Vec::new()).await.expect("the store answers");
    let rows: Vec<_> = rows.into_iter().map(|mut row| row.blob().expect("bytes")).collect();
    assert!(!rows.is_empty());
    rows
}

/// What the site knows of its only person.
async fn claims(site: &Site) -> String {
    let rows = site.store().query("SELECT claims FROM subjects", Vec::new()).await.expect("the store answers");
    rows.into_iter().next().expect("somebody").text().expect("text")
}

async fn of_50_refreshes_at_once_one_asks_the_provider(site: Site) {
    asked_for(&site).await;
    let mut families = Vec::new();
    for _ in 0..5 {
        families.push(site.sign_in(ALICE, PUBLIC_CLIENT).await);
    }
    let before = asked(&site);
    site.turn(RECHECK);

    let refreshes = (0..AT_ONCE).map(|at| {
        let tokens = families[at % families.len()].clone();
        tokio::spawn(async move { tokens.refresh().await })
    });
    for refresh in join_all(refreshes.collect::<Vec<_>>()).await {
        refresh.expect("an answer").granted();
    }

    assert_eq!(asked(&site), before + 1);
    assert_eq!(site.audit().await.of_kind("rechecked").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_refreshes_at_once_one_asks_on_sqlite() {
    of_50_refreshes_at_once_one_asks_the_provider(Site::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_refreshes_at_once_one_asks_on_postgres_over_two_nodes() {
    if let Some(site) = Site::cluster(2).await {
        of_50_refreshes_at_once_one_asks_the_provider(site).await;
    }
}
