//! Clients that leave (RFC 7009): what they give back is over, nothing else is, and nobody learns from it which tokens there are.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, AppName, BANK, OTHER_CLIENT, PUBLIC_CLIENT, SECRET};
use chancery_testkit::{Answer, Site, Tokens, request};
use http::{Method, header};
use tokio::time::Instant;

/// What is promised. The tests of a busy machine allow themselves more, and say how long it took.
const PROMISED: Duration = Duration::from_secs(1);

async fn revoked_by(site: &Site, app: AppName, fields: &[(&str, &str)]) -> Answer {
    let app = site.app(app);
    let mut fields = [fields, &[("client_id", app.id.as_str())]].concat();
    if let Some(secret) = app.secret {
        fields.push(("client_secret", secret));
    }
    site.program().post(&site.endpoint("revoke"), &fields).await
}

/// Yes, and nothing else.
fn is_silent(answer: &Answer) {
    answer.has_status(200);
    assert!(answer.body.is_empty(), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
}

fn refresh_of(tokens: &Tokens) -> &str {
    tokens.refresh.as_deref().expect("a refresh token")
}

async fn is_over(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    tokens.refresh().await.refused(400, "invalid_grant");
}

async fn goes_on(tokens: &Tokens) -> Tokens {
    tokens.call(BANK, "account_balance").await.answered();
    tokens.refresh().await.granted()
}

/// What an answer shows, but for the time it was given.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, Bytes) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != header::DATE);
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    (answer.status.as_u16(), headers.map(|(name, value)| (name.to_string(), text(value))).collect(), answer.body.clone())
}

chancery_testkit::both_stores! {
    async fn rv_01_a_refresh_token_is_revoked_whatever_the_hint_says(site: Site) {
        for hint in ["", "refresh_token", "access_token", "urn:nobody:knows"] {
            let (leaving, other) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);

            is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&leaving)), ("token_type_hint", hint)]).await);

            is_over(&leaving).await;
            goes_on(&other).await;
        }
        let log = site.audit().await;
        assert_eq!(log.of_kind("token_revoked").len(), 4);
        log.about(ALICE).is("token_revoked").says("outcome", "grant_ended").names(PUBLIC_CLIENT);
    }

    async fn rv_01_an_access_token_is_revoked_whatever_the_hint_says(site: Site) {
        for hint in ["", "refresh_token", "access_token"] {
            let tokens = site.sign_in(ALICE, AGENT_CLIENT).await;

            is_silent(&revoked_by(&site, AGENT_CLIENT, &[("token", &tokens.access), ("token_type_hint", hint)]).await);

            tokens.call(BANK, "account_balance").await.challenged("invalid_token");
        }
        site.audit().await.last(ALICE);
    }

    async fn rv_01_revoking_twice_or_what_is_nothing_is_a_success(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let (refresh, access) = (refresh_of(&tokens).to_owned(), tokens.access.clone());
        let mut answers = Vec::new();
        for token in [&*access, &*refresh, &*refresh, "x", "a.b.c", "chancery_rt1.a.b.c.d", &access[1..], &format!("{refresh}A")] {
            answers.push(revoked_by(&site, PUBLIC_CLIENT, &[("token", token)]).await);
        }
        site.settle().await;
        answers.push(revoked_by(&site, PUBLIC_CLIENT, &[("token", &access)]).await);
        site.turn(Duration::from_secs(3600));
        answers.push(revoked_by(&site, PUBLIC_CLIENT, &[("token", &access)]).await);

        answers.iter().for_each(is_silent);
        let log = site.audit().await;
        assert_eq!(log.of_kind("token_revoked").len(), 2, "a stranger's garbage is counted, not written");
        site.summarise().await;
        assert_eq!(site.audit().await.counted("nothing_to_revoke"), 7);
    }

    async fn rv_01_a_request_without_a_token_is_refused(site: Site) {
        for fields in [&[][..], &[("token", "")], &[("token_type_hint", "refresh_token")]] {
            revoked_by(&site, PUBLIC_CLIENT, fields).await.refused(400, "invalid_request");
        }
        revoked_by(&site, AGENT_CLIENT, &[]).await.refused(400, "invalid_request");
        site.audit().await.only("revocation_refused").names(AGENT_CLIENT).says("row", "RV-01");
    }

    async fn rv_01_what_does_not_end_early_is_not_said_to_have_ended(site: Site) {
        let tokens = site.ask(PUBLIC_CLIENT).scope("openid bank:read").approved_by(ALICE).await.redeem().await.granted();
        let id = tokens.id.clone().expect("an ID token");

        revoked_by(&site, PUBLIC_CLIENT, &[("token", &id)]).await.refused(400, "unsupported_token_type");
        revoked_by(&site, PUBLIC_CLIENT, &[("token", &id), ("token_type_hint", "access_token")]).await.refused(400, "unsupported_token_type");

        goes_on(&tokens).await;
    }

    async fn rv_02_another_client_s_token_stays_and_the_answer_tells_nothing(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let mine = site.sign_in(ALICE, OTHER_CLIENT).await;

        for app in [OTHER_CLIENT, AGENT_CLIENT] {
            let garbage = revoked_by(&site, app, &[("token", "x")]).await;
            for token in [refresh_of(&tokens), &tokens.access] {
                let answer = revoked_by(&site, app, &[("token", token)]).await;
                is_silent(&answer);
                assert_eq!(seen(&answer), seen(&garbage));
            }
        }
        let garbage = revoked_by(&site, OTHER_CLIENT, &[("token", "x")]).await;
        assert_eq!(seen(&revoked_by(&site, OTHER_CLIENT, &[("token", refresh_of(&mine))]).await), seen(&garbage));

        goes_on(&tokens).await;
        let log = site.audit().await;
        assert_eq!(log.of_kind("revocation_refused").len(), 4);
        assert!(log.of_kind("revocation_refused").iter().all(|event| event.fields["row"] == "RV-02"));
    }

    async fn rv_03_with_the_refresh_token_all_that_came_of_its_grant_dies(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = goes_on(&first).await;
        let third = goes_on(&second).await;

        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&third))]).await);

        for tokens in [&first, &second, &third] {
            is_over(tokens).await;
        }
    }

    async fn rv_03_whoever_leaves_with_an_older_refresh_token_leaves_too(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = goes_on(&first).await;
        let third = goes_on(&second).await;

        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&first))]).await);

        is_over(&third).await;
        let reason = "refresh token revoked by its client: generation 0 presented, 2 is the newest";
        site.audit().await.only("token_revoked").says("reason", reason);
    }

    async fn rv_03_an_access_token_ends_alone_and_its_grant_goes_on(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let second = first.refresh().await.granted();

        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", &first.access)]).await);

        first.call(BANK, "account_balance").await.challenged("invalid_token");
        goes_on(&second).await;
        let jti = first.claims()["jti"].as_str().expect("an id").to_owned();
        site.audit().await.only("token_revoked").says("outcome", "token_ended").says("token", &jti).names(BANK);
    }

    async fn rv_04_clients_authenticate_as_they_do_for_tokens(site: Site) {
        let (public, agent) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, AGENT_CLIENT).await);
        let (app, url, program) = (site.app(AGENT_CLIENT), site.endpoint("revoke"), site.program());

        // Nobody, somebody unknown, the agent's client without its secret or with a wrong one, and a public client with one.
        let token = refresh_of(&agent);
        program.post(&url, &[("token", token)]).await.refused(401, "invalid_client");
        program.post(&url, &[("token", token), ("client_id", "cli_nobody")]).await.refused(401, "invalid_client");
        program.post(&url, &[("token", token), ("client_id", &app.id)]).await.refused(401, "invalid_client");
        program.post(&url, &[("token", token), ("client_id", &app.id), ("client_secret", "wrong")]).await.refused(401, "invalid_client");
        let public_id = site.app(PUBLIC_CLIENT).id;
        program.post(&url, &[("token", refresh_of(&public)), ("client_id", &public_id), ("client_secret", "x")]).await.refused(401, "invalid_client");
        let (public, agent) = (goes_on(&public).await, goes_on(&agent).await);

        let basic = |secret: &str| format!("Basic {}", STANDARD.encode(format!("{}:{secret}", app.id)));
        let form = |token: &str| Bytes::from(format!("token={token}"));
        let post = |credentials: String| {
            let post = request(Method::POST, &url).header(header::AUTHORIZATION, credentials);
            post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        };
        let wrong = program.send(post(basic("wrong")).body(form(refresh_of(&agent))).expect("a request")).await;
        assert!(wrong.refused(401, "invalid_client").header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")));
        is_silent(&program.send(post(basic(SECRET)).body(form(refresh_of(&agent))).expect("a request")).await);
        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&public))]).await);

        is_over(&agent).await;
        is_over(&public).await;
    }

    async fn rv_04_a_store_that_does_not_take_it_is_never_a_yes(site: Site) {
        let (one, other) = (site.sign_in(ALICE, PUBLIC_CLIENT).await, site.sign_in(ALICE, PUBLIC_CLIENT).await);

        site.lose_log().await;
        for token in [refresh_of(&one), &one.access] {
            let answer = revoked_by(&site, PUBLIC_CLIENT, &[("token", token)]).await;
            answer.refused(503, "temporarily_unavailable");
            assert!(answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok()).is_some(), "{answer:?}");
        }
        site.restore_log().await;

        // What was not said to have ended has not, and ends when it is said again.
        let next = goes_on(&one).await;
        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&next))]).await);
        is_over(&next).await;

        site.store().close().await;
        revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&other))]).await.refused(503, "temporarily_unavailable");
        revoked_by(&site, PUBLIC_CLIENT, &[("token", &other.access)]).await.refused(503, "temporarily_unavailable");
    }

    async fn oa_06_no_parameter_of_a_revocation_comes_twice(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let token = refresh_of(&tokens);

        for twice in [[("token", token), ("token", token)], [("token_type_hint", "a"), ("token_type_hint", "b")]] {
            revoked_by(&site, PUBLIC_CLIENT, &[&[("token", token)], &twice[..]].concat()).await.refused(400, "invalid_request");
        }
        let tokens = goes_on(&tokens).await;
        is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&tokens)), ("token", ""), ("nobody_s", "1")]).await);
        is_over(&tokens).await;
    }

    async fn oa_07_a_revocation_is_a_form_that_is_posted(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let url = format!("{}?token={}&client_id={}", site.endpoint("revoke"), refresh_of(&tokens), site.app(PUBLIC_CLIENT).id);

        site.program().get(&url).await.has_status(405);
        site.program().post(&url, &[]).await.refused(401, "invalid_client");
        let json = serde_json::json!({ "token": refresh_of(&tokens), "client_id": site.app(PUBLIC_CLIENT).id });
        site.program().post_json(&site.endpoint("revoke"), &json).await.refused(400, "invalid_request");

        goes_on(&tokens).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rv_05_what_one_node_revoked_no_other_takes() {
    let Some(site) = Site::cluster(2).await else { return };
    let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    for _ in 0..4 {
        tokens.mcp(BANK).call("account_balance", serde_json::json!({})).await.answered(); // each node remembers it
    }

    let begun = Instant::now();
    is_silent(&revoked_by(&site, PUBLIC_CLIENT, &[("token", refresh_of(&tokens))]).await);
    let said = begun.elapsed();
    site.settle().await;
    let everywhere = begun.elapsed();

    for _ in 0..8 {
        tokens.mcp(BANK).call("account_balance", serde_json::json!({})).await.challenged("invalid_token");
    }
    println!("revoked in {said:?}, known to both nodes in {everywhere:?} (promised: {PROMISED:?})");
}
