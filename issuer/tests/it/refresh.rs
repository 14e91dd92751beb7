//! The refresh token grant and its families (RFC 6749 §6; OAuth 2.1 §4.3; rotation).

use std::time::Duration;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, OTHER_CLIENT, PUBLIC_CLIENT};
use chancery_testkit::{Site, Tokens};
use serde_json::json;

const RETRY_WINDOW: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn with_both_scopes(site: &Site) -> Tokens {
    site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted()
}

/// The scopes of a token, in order.
fn scopes(tokens: &Tokens) -> Vec<String> {
    let text = tokens.claims()["scope"].as_str().unwrap_or_default().to_owned();
    let mut scopes: Vec<String> = text.split(' ').map(str::to_owned).collect();
    scopes.sort();
    scopes
}

chancery_testkit::both_stores! {
    async fn oa_13_a_used_refresh_token_makes_way_for_its_successor(site: Site) {
        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let first = site.sign_in(ALICE, app).await;
            let second = first.refresh().await.granted();

            assert_ne!(first.refresh, second.refresh);
            assert_ne!(first.access, second.access);
            second.call(BANK, "account_balance").await.answered();
            site.audit().await.last(ALICE).is("call_closed").names(app);
        }
    }

    async fn oa_13_a_retry_gets_the_same_successor(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let second = first.refresh().await.granted();
        site.turn(RETRY_WINDOW - Duration::from_secs(5));
        let again = first.refresh().await.granted();

        assert_eq!(second.refresh, again.refresh);
        assert_ne!(second.claims()["jti"], again.claims()["jti"]);
        again.refresh().await.granted();
    }

    async fn oa_13_a_token_whose_successor_was_used_ends_its_family(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let others = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();
        let third = second.refresh().await.granted();

        first.refresh().await.refused(400, "invalid_grant");

        site.audit().await.last(ALICE).is("refresh_token_reused").names(PUBLIC_CLIENT);
        second.refresh().await.refused(400, "invalid_grant");
        third.refresh().await.refused(400, "invalid_grant");
        for ended in [&first, &second, &third] {
            ended.call(BANK, "account_balance").await.challenged("invalid_token");
        }
        others.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }

    async fn oa_13_a_token_that_comes_back_after_the_retry_window_ends_its_family(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();
        site.turn(RETRY_WINDOW);

        first.refresh().await.refused(400, "invalid_grant");

        second.refresh().await.refused(400, "invalid_grant");
        second.call(BANK, "account_balance").await.challenged("invalid_token");
        assert_eq!(site.audit().await.of_kind("refresh_token_reused").len(), 1);
    }

    async fn oa_14_a_refresh_narrows_and_never_widens(site: Site) {
        let whole = with_both_scopes(&site).await;

        let less = whole.refresh_with(&[("scope", "bank:read")]).await.granted();
        less.refresh_with(&[("scope", "bank:read exchange:convert")]).await.refused(400, "invalid_scope");
        less.refresh_with(&[("scope", "bank:\"")]).await.refused(400, "invalid_scope");
        let again = less.refresh().await.granted();

        assert_eq!(scopes(&less), ["bank:read"]);
        assert_eq!(less.body["scope"], "bank:read");
        assert_eq!(scopes(&again), ["bank:read", "bank:transfer"]);
        less.call(BANK, "transfer").await.challenged("insufficient_scope");
        again.call(BANK, "transfer").await.answered();
    }

    async fn oa_14_what_was_not_authorized_is_not_refreshed_into(site: Site) {
        let reader = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        reader.refresh_with(&[("scope", "bank:read bank:transfer")]).await.refused(400, "invalid_scope");
        reader.refresh_with(&[("scope", "bank:transfer")]).await.refused(400, "invalid_scope");

        assert_eq!(scopes(&reader.refresh().await.granted()), ["bank:read"]);
    }

    async fn oa_14_another_client_s_token_is_refused_and_stays_good_for_its_owner(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        tokens.refresh_as(&site.app(OTHER_CLIENT), &[]).await.refused(400, "invalid_grant");
        tokens.refresh_as(&site.app(AGENT_CLIENT), &[]).await.refused(400, "invalid_grant");

        tokens.refresh().await.granted();
    }

    async fn oa_14_what_is_no_refresh_token_is_refused(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let token = tokens.refresh.clone().expect("a refresh token");
        let flipped = if token.ends_with('A') { "B" } else { "A" };

        for other in ["x", &tokens.access, &token[1..], &format!("{}{flipped}", &token[..token.len() - 1]), &format!("{token}A")] {
            let mut forged = tokens.clone();
            forged.refresh = Some(other.to_owned());
            forged.refresh().await.refused(400, "invalid_grant");
        }
        let mut none = tokens.clone();
        none.refresh = Some(String::new());
        none.refresh().await.refused(400, "invalid_request");

        tokens.refresh().await.granted();
    }

    async fn oa_14_a_refresh_token_that_nobody_used_for_30_days_is_over(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "unvouched": "100d" })).await;
        let (used, idle) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);
        site.turn(DAY * 29);
        let used = used.refresh().await.granted();
        site.turn(DAY * 2);

        idle.refresh().await.refused(400, "invalid_grant");

        used.refresh().await.granted();
    }

    async fn oa_14_no_refresh_token_outlives_90_days(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "unvouched": "100d" })).await;
        let mut tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        for _ in 0..4 {
            site.turn(DAY * 22);
            tokens = tokens.refresh().await.granted();
        }

        site.turn(DAY * 3);

        tokens.refresh().await.refused(400, "invalid_grant");
    }

    async fn oa_14_a_tenant_says_how_long(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "refresh_idle": "1h", "refresh_absolute": "90m" })).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        site.turn(Duration::from_secs(50 * 60));
        let next = tokens.refresh().await.granted();
        site.turn(Duration::from_secs(41 * 60));

        next.refresh().await.refused(400, "invalid_grant");
    }

    async fn oa_14_no_token_outlives_what_was_allowed(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "refresh_absolute": "10m", "access_token": "5m" })).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        site.turn(Duration::from_secs(8 * 60));

        let last = tokens.refresh().await.granted();

        let left = last.body["expires_in"].as_i64().expect("seconds");
        assert!((1..=120).contains(&left), "{left}");
    }
}
