//! Registration under attack: one source that registers and registers, and an honest app meanwhile (DR-05).

use std::process::Command;

use bytes::Bytes;
use chancery_store::Value as Column;
use chancery_testkit::cast::{ALICE, BANK};
use chancery_testkit::{Administered, Answer, App, MakeToken, Registering, Site, request};
use http::{Method, header};
use serde_json::json;

/// A registration that says it comes from there; the site trusts the proxy that says so.
async fn registered_from(site: &Site, source: &str) -> Answer {
    let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
    let post = request(Method::POST, &site.endpoint("register")).header("x-forwarded-for", source);
    let post = post.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(metadata.to_string()));
    site.program().send(post.expect("a request")).await
}

async fn rows(site: &Site) -> i64 {
    let rows = site.store().query("SELECT count(*) FROM clients", Vec::<Column>::new()).await.expect("the store answers");
    rows.into_iter().next().map_or(Ok(0), |mut row| row.int()).expect("a number")
}

/// An app that registered for a secret, with this initial access token if there is one.
async fn with_a_secret(site: &Site, bearer: Option<&str>) -> App {
    let redirect_uri = "http://127.0.0.1/callback".to_owned();
    let metadata = json!({ "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "client_secret_post" });
    let mut post = request(Method::POST, &site.endpoint("register")).header(header::CONTENT_TYPE, "application/json");
    if let Some(bearer) = bearer {
        post = post.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
    }
    let told = site.program().send(post.body(Bytes::from(metadata.to_string())).expect("a request")).await.has_status(201).json();
    let text = |member: &str| told[member].as_str().expect("text").to_owned();
    App { id: text("client_id"), secret: Some(text("client_secret").leak()), redirect_uri }
}

/// Asks for what nobody gets: by a code that there is not, by one of no form, by a refresh token that there is not; and revokes nothing.
async fn refused_everywhere(site: &Site, app: &App) {
    let verifier = ("code_verifier", "v-234567890123456789012345678901234567890123");
    let code = [("grant_type", "authorization_code"), ("code", "nobody-s"), ("redirect_uri", &app.redirect_uri), verifier];
    site.post_token(app, &code).await.refused(400, "invalid_grant");
    site.post_token(app, &[("grant_type", "authorization_code")]).await.refused(400, "invalid_request");
    site.post_token(app, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.refused(400, "invalid_grant");
    let who = [("client_id", app.id.as_str()), ("client_secret", app.secret.expect("a secret"))];
    site.program().post(&site.endpoint("revoke"), &who).await.refused(400, "invalid_request");
}

fn told_to_wait(answer: &Answer) {
    answer.refused(429, "temporarily_unavailable");
    let wait = answer.header(header::RETRY_AFTER).and_then(|wait| wait.parse::<u64>().ok());
    assert!(wait.is_some_and(|wait| (1..=3600).contains(&wait)), "{answer:?}");
}

chancery_testkit::both_stores! {
    async fn dr_05_a_source_that_registers_without_end_is_held_and_others_are_served(site: Site) {
        site.apply(|file| file["registration"]["per_source"] = json!({ "most": 5, "per": "1h" })).await;
        for attempt in 0..40 {
            // The proxy adds the last address; what stands before it is the attacker's own invention, and so is the end of an IPv6 one.
            let answer = registered_from(&site, &format!("192.0.2.{attempt}, 2001:db8:bad::{attempt:x}")).await;
            if attempt < 5 {
                answer.has_status(201);
            } else {
                told_to_wait(&answer);
            }
        }
        assert_eq!(rows(&site).await, 5);

        let honest = registered_from(&site, "198.51.100.7").await.has_status(201).json();

        let id = honest["client_id"].as_str().expect("an id").to_owned();
        let app = App { id, secret: None, redirect_uri: "http://127.0.0.1/callback".to_owned() };
        site.ask_as(app).approved_by(ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered();
        assert_eq!(site.audit().await.of_kind("client_registered").len(), 6);
        site.turn(std::time::Duration::from_secs(3600));
        registered_from(&site, "2001:db8:bad::1").await.has_status(201);
    }

    async fn dr_05_a_secret_that_anybody_may_fetch_fills_no_log(site: Site) {
        let stranger = with_a_secret(&site, None).await;
        for _ in 0..5 {
            refused_everywhere(&site, &stranger).await;
        }
        site.summarise().await;

        let log = site.audit().await;
        assert_eq!((log.of_kind("token_refused").len(), log.of_kind("revocation_refused").len()), (0, 0), "{log:?}");
        assert!(!log.of_kind("refusals_counted").is_empty(), "{log:?}");

        // What it does with something of somebody's is an event as before.
        let id = stranger.id.clone();
        let code = site.ask_as(stranger).approved_by(ALICE).await;
        code.redeem_with(&[("redirect_uri", "https://evil.example/")]).await.refused(400, "invalid_grant");
        site.audit().await.only("token_refused").says("client", &id);
    }

    async fn dr_05_who_was_let_in_is_refused_by_name(site: Site) {
        let made = site.registration(Registering::MakeToken(MakeToken { label: "partners".to_owned(), uses: 1, lasts: 3600 })).await;
        let Ok(Administered::RegistrationToken(made)) = made else { panic!("a token is answered with a token") };
        let partner = with_a_secret(&site, Some(made.token.0.expose())).await;

        refused_everywhere(&site, &partner).await;

        let log = site.audit().await;
        assert_eq!((log.of_kind("token_refused").len(), log.of_kind("revocation_refused").len()), (3, 1), "{log:?}");
        assert!(log.of_kind("token_refused").iter().all(|event| event.fields["client"] == partner.id), "{log:?}");
    }

    async fn dr_05_there_is_a_limit_to_all_sources_together(site: Site) {
        site.apply(|file| file["registration"]["never_used"] = json!(3)).await;
        for source in 1..=3 {
            registered_from(&site, &format!("203.0.113.{source}")).await.has_status(201);
        }
        registered_from(&site, "203.0.113.4").await.refused(503, "temporarily_unavailable");
        assert_eq!(rows(&site).await, 3);
    }

    async fn dr_05_a_body_has_a_size(site: Site) {
        let metadata = json!({ "redirect_uris": ["http://127.0.0.1/cb"], "client_name": "x".repeat(1024 * 1024) });
        site.register(&metadata).await.refused(400, "invalid_client_metadata");
        assert_eq!(rows(&site).await, 0);
    }
}

/// The whole flood, in a process of its own: what it costs in memory is not to be told from what other tests need.
#[test]
fn dr_05_ten_thousand_registrations_of_one_source_leave_a_hundred_rows() {
    let this_test = std::env::current_exe().expect("a test has a file");
    let mut alone = Command::new(this_test);
    alone.args(["--exact", "registered_flood::ten_thousand_registrations", "--ignored", "--nocapture"]);
    let ended = alone.output().expect("this program starts again");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ended.stderr));
}

/// Ten thousand, on one node, at a bounded cost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the other half of the test that runs it alone"]
async fn ten_thousand_registrations() {
    const AT_ONCE: usize = 50;
    let site = Site::on_sqlite().await;
    let before = memory();
    for _ in 0..10_000 / AT_ONCE {
        let asks = (0..AT_ONCE).map(|_| {
            let site = site.clone();
            tokio::spawn(async move { registered_from(&site, "192.0.2.66").await.status.as_u16() })
        });
        for ask in asks.collect::<Vec<_>>() {
            let status = ask.await.expect("an answer");
            assert!(matches!(status, 201 | 429), "{status}");
        }
    }

    assert_eq!(rows(&site).await, 100);
    registered_from(&site, "198.51.100.7").await.has_status(201);
    site.summarise().await;
    assert_eq!(site.audit().await.of_kind("client_registered").len(), 101);
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 * 1024, "the process grew by {grown} KiB");
}

/// Resident, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
