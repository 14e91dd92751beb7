//! What an access token says and how it comes (RFC 6749 §5.1, RFC 9068 §2), checked as a resource server would, by the published keys.

use std::collections::BTreeSet;
use std::time::Duration;

use chancery_crypto::jose::{Algorithm, Expected, KeySet, Typ, verify};
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, OTHER_CLIENT, PUBLIC_CLIENT, TENANT};
use chancery_testkit::{Site, Tokens};
use serde_json::{Value, json};

/// The claims, after the signature was checked by the key set that the metadata names.
async fn verified(site: &Site, token: &str, typ: Typ) -> Value {
    let metadata = site.metadata().await;
    let keys = site.program().get(metadata["jwks_uri"].as_str().expect("a URL")).await;
    let keys = KeySet::from_jwks(&keys.has_status(200).body).expect("a key set");
    let expected = Expected { typ, algorithms: &[Algorithm::Es256] };
    verify(token, &keys, &expected).expect("a good signature").claims().expect("claims")
}

fn text<'a>(claims: &'a Value, name: &str) -> &'a str {
    claims[name].as_str().unwrap_or_else(|| panic!("no {name}: {claims}"))
}

chancery_testkit::both_stores! {
    async fn oa_15_a_token_answer_is_whole_and_nobody_may_keep_it(site: Site) {
        let granting = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await.redeem().await;
        let narrowed = granting.granted().refresh_with(&[("scope", "bank:read")]).await;

        for granting in [granting, narrowed] {
            let body = granting.granted().body;
            assert_eq!((&body["token_type"], &body["expires_in"], &body["scope"]), (&json!("Bearer"), &json!(300), &json!("bank:read")));
            assert!(body.as_object().expect("an object").values().all(|value| !value.is_null()), "{body}");
            assert_eq!(granting.answer.header("content-type"), Some("application/json"));
            assert!(granting.answer.header("set-cookie").is_none());
        }
    }

    async fn oa_15_the_answer_says_the_scope_that_was_granted(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).scope("bank:transfer offline_access bank:read").approved_by(ALICE).await;

        let tokens = code.redeem().await.granted();

        let said: BTreeSet<_> = text(&tokens.body, "scope").split(' ').map(str::to_owned).collect();
        let held: BTreeSet<_> = text(&tokens.claims(), "scope").split(' ').map(str::to_owned).collect();
        assert_eq!(said, ["bank:read", "bank:transfer"].map(str::to_owned).into());
        assert_eq!(said, held);
    }

    async fn at_04_a_token_is_of_one_issuer_for_one_audience_and_has_its_own_id(site: Site) {
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let tokens = [first.clone(), first.refresh().await.granted(), site.sign_in(ALICE, PUBLIC_CLIENT).await];

        let mut ids = BTreeSet::new();
        for Tokens { access, .. } in &tokens {
            let claims = verified(&site, access, Typ::AccessToken).await;
            assert_eq!(claims["iss"], site.issuer());
            assert_eq!(claims["aud"], json!(site.url(BANK)));
            assert_eq!(claims["client_id"], site.app(PUBLIC_CLIENT).id);
            assert_eq!(claims["tenant"], TENANT);
            assert_eq!(claims["exp"].as_i64(), claims["iat"].as_i64().map(|iat| iat + 300));
            assert!(claims["iat"].as_i64().is_some_and(|iat| iat <= site.now().millis() / 1000), "{claims}");
            assert_eq!(claims["grants"].as_array().map(Vec::len), Some(1), "{claims}");
            assert!(claims.get("cnf").is_none() && claims.get("act").is_none(), "{claims}");
            assert!(access.len() < 4096);
            ids.insert(text(&claims, "jti").to_owned());
        }
        assert_eq!(ids.len(), tokens.len());
    }

    async fn at_04_who_acts_is_in_the_token_and_in_the_log(site: Site) {
        let tokens = site.sign_in(ALICE, AGENT_CLIENT).await;

        let claims = verified(&site, &tokens.access, Typ::AccessToken).await;

        let agent = text(&claims, "agent");
        assert_eq!(claims["act"], json!({ "iss": site.issuer(), "sub": agent, "sub_profile": "ai_agent" }));
        let log = site.audit().await;
        let issued = log.only("token_issued").names(AGENT_CLIENT);
        assert_eq!(issued.field("agent"), Some(agent));
        assert_eq!((issued.field("token"), issued.field("subject")), (claims["jti"].as_str(), claims["sub"].as_str()));
        assert!(issued.field("actors").is_some_and(|actors| actors.contains(agent)));
    }

    async fn at_04_a_resource_for_agents_gives_nothing_to_apps_that_prove_nothing(site: Site) {
        let early = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        site.apply(|file| file["resources"][0]["require_agent"] = json!(true)).await;

        site.ask(PUBLIC_CLIENT).open(&site.browser()).await.sent_back("access_denied");
        early.refresh().await.refused(400, "access_denied");

        site.sign_in(ALICE, AGENT_CLIENT).await;
    }

    async fn at_03_the_subject_is_the_person_whoever_asks(site: Site) {
        let alice = [PUBLIC_CLIENT, OTHER_CLIENT, AGENT_CLIENT].map(|app| site.sign_in(ALICE, app));
        let [notebook, terminal, desk] = alice;
        let (notebook, terminal, desk) = (notebook.await.claims(), terminal.await.claims(), desk.await.claims());
        let bob = site.sign_in(BOB, PUBLIC_CLIENT).await.claims();

        assert_eq!(notebook["sub"], terminal["sub"]);
        assert_eq!(notebook["sub"], desk["sub"]);
        assert_ne!(notebook["sub"], bob["sub"]);
        assert!(text(&bob, "sub").starts_with("usr_") && text(&bob, "client_id").starts_with("cli_"), "{bob}");
        assert!(text(&desk["act"], "sub").starts_with("agt_"), "{desk}");
    }

    async fn at_06_when_and_how_somebody_signed_in_stays_so_through_refreshes(site: Site) {
        site.apply(|file| file["lifetimes"] = json!({ "unvouched": "30d" })).await;
        site.identity_provider().alter_claims(|claims| {
            claims["acr"] = json!("phr");
            claims["amr"] = json!(["hwk", "user"]);
        });
        let first = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        site.identity_provider().alter_claims(|claims| claims["acr"] = json!("other"));
        site.turn(Duration::from_secs(3600));

        let second = first.refresh().await.granted();
        site.turn(Duration::from_secs(24 * 3600));
        let third = second.refresh().await.granted();

        let at = first.claims()["auth_time"].as_i64().expect("a time");
        assert!(first.claims()["iat"].as_i64().is_some_and(|iat| iat - at < 60), "{}", first.claims());
        for tokens in [first, second, third] {
            let claims = tokens.claims();
            assert_eq!((&claims["auth_time"], &claims["acr"], &claims["amr"]), (&json!(at), &json!("phr"), &json!(["hwk", "user"])));
        }
    }

    async fn sb_10_an_app_cannot_choose_an_id_that_means_somebody_else(site: Site) {
        let alice = text(&site.sign_in(ALICE, PUBLIC_CLIENT).await.claims(), "sub").to_owned();

        let metadata = json!({ "client_id": alice, "client_name": alice, "redirect_uris": ["https://app.example/cb"] });
        let registered = site.register(&metadata).await.has_status(201).json();

        assert!(text(&registered, "client_id").starts_with("cli_"), "{registered}");
        site.ask(PUBLIC_CLIENT).with("client_id", &alice).open(&site.browser()).await.refused_on_page("OA-01");
    }

    async fn a_token_that_policy_forbids_is_refused_with_a_decision(site: Site) {
        let early = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let policy = r#"@id("closed") @advice("ask the treasury") forbid(principal, action == Chancery::Action::"issue_token", resource == Chancery::Resource::"bank");"#;
        site.apply(|file| file["policies"] = json!(policy)).await;
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        let refused = code.redeem().await;

        let words = refused.refused(400, "access_denied").json()["error_description"].as_str().unwrap_or_default().to_owned();
        let log = site.audit().await;
        let event = log.last(ALICE).is("token_refused").names(PUBLIC_CLIENT);
        let decision = event.field("decision").expect("a decision");
        assert!(words.contains("ask the treasury") && words.contains(decision), "{words}");
        early.refresh().await.refused(400, "access_denied");
    }
}
