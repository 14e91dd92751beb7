//! Tokens that are bound to a key of their client's (RFC 9449), at the token endpoint.

use std::time::Duration;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::web::{Reply, Web};
use chancery_testkit::{Answer, App, ProofKey, Site, Tokens, claims};
use serde_json::{Value, json};

use crate::client_credentials::app as robot;

const WINDOW: Duration = Duration::from_secs(60);

/// A token for the bank by client credentials, with these proofs.
async fn asked(site: &Site, app: &App, proofs: &[&str]) -> Answer {
    let headers: Vec<(&str, &str)> = proofs.iter().map(|proof| ("dpop", *proof)).collect();
    let bank = site.url(BANK);
    site.post_token_with(app, &headers, &[("grant_type", "client_credentials"), ("resource", &bank)]).await
}

/// An app's tokens by a code that was redeemed with a proof.
async fn signed_in(site: &Site, app: &'static str, key: &ProofKey) -> Tokens {
    let code = site.ask(app).approved_by(ALICE).await;
    code.redeem_proving(&site.app(app), &[("dpop", &key.asking(site))], &[]).await.granted()
}

async fn refreshed(tokens: &Tokens, site: &Site, app: &'static str, key: Option<&ProofKey>) -> chancery_testkit::Granting {
    let proof = key.map(|key| key.asking(site));
    let headers: Vec<(&str, &str)> = proof.iter().map(|proof| ("dpop", proof.as_str())).collect();
    tokens.refresh_proving(&site.app(app), &headers, &[]).await
}

fn jkt(tokens: &Tokens) -> Option<String> {
    tokens.claims()["cnf"]["jkt"].as_str().map(str::to_owned)
}

/// What both the answer and the token say.
fn is_bound(answer: &Answer, key: &ProofKey) {
    let body = answer.has_status(200).json();
    assert_eq!(body["token_type"], "DPoP", "{body}");
    assert_eq!(claims(body["access_token"].as_str().expect("a token"))["cnf"], json!({ "jkt": key.jkt() }));
}

chancery_testkit::both_stores! {
    async fn dp_01_a_proof_binds_the_token_to_its_key_whatever_the_grant(site: Site) {
        let (key, app) = (ProofKey::generate(), robot(&site).await);

        is_bound(&asked(&site, &app, &[&key.asking(&site)]).await, &key);
        site.audit().await.only("token_issued").says("client", &app.id).says("proof_key", &key.jkt());

        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let tokens = signed_in(&site, app, &key).await;
            let again = refreshed(&tokens, &site, app, Some(&key)).await.granted();
            assert_eq!([jkt(&tokens), jkt(&again)], [Some(key.jkt()), Some(key.jkt())]);
            site.audit().await.last(ALICE).is("token_refreshed").names(app).says("proof_key", &key.jkt());
        }
    }

    async fn dp_01_without_a_proof_nothing_is_bound_and_neither_costs_a_read(site: Site) {
        let (key, app) = (ProofKey::generate(), robot(&site).await);
        let body = asked(&site, &app, &[]).await.has_status(200).json();
        assert_eq!(body["token_type"], "Bearer");
        assert!(claims(body["access_token"].as_str().expect("a token")).get("cnf").is_none());
        assert_eq!(site.audit().await.only("token_issued").field("proof_key"), None);

        let before = site.reads();
        asked(&site, &app, &[]).await.has_status(200);
        asked(&site, &app, &[&key.asking(&site)]).await.has_status(200);
        assert_eq!(site.reads(), before);
    }

    async fn dp_01_who_is_registered_for_bound_tokens_gets_no_others(site: Site) {
        let key = ProofKey::generate();
        let (by_file, by_itself) = (robot(&site).await, crate::apps::registered(&site, &["http://127.0.0.1/cb"]).await);
        asked(&site, &by_file, &[]).await.has_status(200);
        site.apply(|file| {
            let clients = file["clients"].as_array_mut().expect("a list").iter_mut();
            clients.filter(|client| client["name"] == "robot").for_each(|client| client["dpop_bound_access_tokens"] = json!(true));
        })
        .await;
        let web = Web::start().await;
        let host = web.at("").replace("https://", "");
        site.apply(|file| file["registration"]["documents"] = json!({ "private": [host] })).await;

        let answer = asked(&site, &by_file, &[]).await;
        let words = answer.refused(400, "invalid_dpop_proof").json()["error_description"].to_string();
        assert!(words.contains("dpop_bound_access_tokens"), "{words}");
        site.audit().await.only("token_refused").says("outcome", "invalid_dpop_proof").says("row", "DP-01");
        is_bound(&asked(&site, &by_file, &[&key.asking(&site)]).await, &key);

        let registered = site.register(&json!({ "redirect_uris": ["http://127.0.0.1/callback"], "dpop_bound_access_tokens": true })).await;
        let body = registered.has_status(201).json();
        assert_eq!(body["dpop_bound_access_tokens"], true);
        let bound = App { id: body["client_id"].as_str().expect("an id").to_owned(), ..site.app(PUBLIC_CLIENT) };
        let id = web.at("/client.json");
        web.put("/client.json", Reply::json(&json!({
            "client_id": id, "redirect_uris": ["http://127.0.0.1/callback"], "dpop_bound_access_tokens": true,
        })));
        for app in [bound, App { id, ..site.app(PUBLIC_CLIENT) }] {
            let code = site.ask_as(app.clone()).approved_by(ALICE).await;
            code.redeem_as(&app, &[]).await.refused(400, "invalid_dpop_proof");
            let tokens = code.redeem_proving(&app, &[("dpop", &key.asking(&site))], &[]).await.granted();
            assert_eq!(jkt(&tokens), Some(key.jkt()));
        }
        let code = site.ask_as(by_itself.clone()).approved_by(ALICE).await;
        assert_eq!(jkt(&code.redeem_as(&by_itself, &[]).await.granted()), None);
    }

    async fn pr_05_for_a_resource_that_demands_a_key_there_is_no_token_without_one(site: Site) {
        let (key, app) = (ProofKey::generate(), robot(&site).await);
        let of_before = signed_in(&site, AGENT_CLIENT, &key).await;
        site.apply(|file| file["resources"][0]["dpop"] = json!("required")).await; // the bank

        let refused = asked(&site, &app, &[]).await.has_status(400).json();
        assert_eq!(refused["error"], "invalid_dpop_proof");
        assert!(refused["error_description"].as_str().is_some_and(|words| words.contains("DPoP header")), "{refused}");
        is_bound(&asked(&site, &app, &[&key.asking(&site)]).await, &key);

        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        code.redeem().await.refused(400, "invalid_dpop_proof");
        let tokens = code.redeem_proving(&site.app(PUBLIC_CLIENT), &[("dpop", &key.asking(&site))], &[]).await.granted();
        assert_eq!(jkt(&tokens), Some(key.jkt()), "the code was not used up");

        refreshed(&of_before, &site, AGENT_CLIENT, None).await.refused(400, "invalid_dpop_proof");
        assert_eq!(jkt(&refreshed(&of_before, &site, AGENT_CLIENT, Some(&key)).await.granted()), Some(key.jkt()));
    }

    async fn dp_02_a_proof_that_does_not_hold_is_refused(site: Site) {
        let (key, other, app) = (ProofKey::generate(), ProofKey::generate(), robot(&site).await);
        let (endpoint, now) = (site.endpoint("token"), site.now());
        let with_header = |member: &str, value: Value| {
            let mut header = key.header();
            header[member] = value;
            key.signed(&header, &key.claims("POST", &endpoint, now))
        };
        let with_claim = |member: &str, value: Value| {
            let mut claims = key.claims("POST", &endpoint, now);
            claims[member] = value;
            key.signed(&key.header(), &claims)
        };
        let mut private = key.jwk();
        private["d"] = json!("AA");
        let good = key.asking(&site);
        let unsigned = format!("{}.", good.rsplit_once('.').expect("three parts").0);
        let seconds = now.seconds();
        for bad in [
            with_header("typ", json!("JWT")),
            with_header("typ", json!("at+jwt")),
            with_header("alg", json!("none")),
            with_header("alg", json!("HS256")),
            with_header("alg", json!("RS256")),
            with_header("jwk", private),
            with_header("jwk", other.jwk()),
            with_header("jwk", Value::Null),
            with_header("crit", json!(["exp"])),
            with_claim("htm", json!("GET")),
            with_claim("htu", json!("https://elsewhere.example/token")),
            with_claim("htu", json!(site.url(BANK))),
            with_claim("iat", json!(seconds - 61)),
            with_claim("iat", json!(seconds + 61)),
            with_claim("jti", Value::Null),
            unsigned,
            "x".to_owned(),
            format!("{good}, {}", key.asking(&site)),
        ] {
            asked(&site, &app, &[&bad]).await.refused(400, "invalid_dpop_proof");
        }
        asked(&site, &app, &[&key.asking(&site), &key.asking(&site)]).await.refused(400, "invalid_dpop_proof");
        let log = site.audit().await;
        assert!(log.of_kind("token_issued").is_empty());
        assert!(log.of_kind("token_refused").len() >= 19, "{}", log.of_kind("token_refused").len());

        is_bound(&asked(&site, &app, &[&good]).await, &key);
    }

    async fn dp_02_of_nobody_no_proof_is_looked_at_and_what_is_refused_uses_none(site: Site) {
        let (key, app) = (ProofKey::generate(), robot(&site).await);
        asked(&site, &App { secret: Some("wrong"), ..app.clone() }, &["x"]).await.refused(401, "invalid_client");
        let proof = key.asking(&site);
        let elsewhere = [("grant_type", "client_credentials"), ("resource", "https://elsewhere.example/mcp")];
        site.post_token_with(&app, &[("dpop", &proof)], &elsewhere).await.refused(400, "invalid_target");

        is_bound(&asked(&site, &app, &[&proof]).await, &key);
    }

    async fn dp_02_a_proof_is_used_once(site: Site) {
        let (key, other, app) = (ProofKey::generate(), ProofKey::generate(), robot(&site).await);
        let said = key.claims("POST", &site.endpoint("token"), site.now());
        let proof = key.signed(&key.header(), &said);
        is_bound(&asked(&site, &app, &[&proof]).await, &key);

        for signed_anew in [proof.clone(), key.signed(&key.header(), &said)] {
            asked(&site, &app, &[&signed_anew]).await.refused(400, "invalid_dpop_proof");
        }
        site.reap().await;
        site.turn(WINDOW - Duration::from_secs(1));
        site.reap().await;
        asked(&site, &app, &[&proof]).await.refused(400, "invalid_dpop_proof");

        let refused = site.audit().await;
        let refused = refused.of_kind("token_refused");
        assert_eq!(refused.len(), 3);
        assert!(refused.iter().all(|event| event.fields["reason"] == "proof replayed"), "{refused:?}");
        site.turn(Duration::from_secs(1));
        let mut said = said;
        said["iat"] = json!(site.now().seconds());
        is_bound(&asked(&site, &app, &[&other.signed(&other.header(), &said)]).await, &other);
    }

    async fn dp_02_a_replayed_proof_costs_the_code_nothing(site: Site) {
        let (key, app) = (ProofKey::generate(), site.app(PUBLIC_CLIENT));
        let (first, second) = (site.ask(PUBLIC_CLIENT).approved_by(ALICE).await, site.ask(PUBLIC_CLIENT).approved_by(ALICE).await);
        let proof = key.asking(&site);
        first.redeem_proving(&app, &[("dpop", &proof)], &[]).await.granted();

        second.redeem_proving(&app, &[("dpop", &proof)], &[]).await.refused(400, "invalid_dpop_proof");

        second.redeem_proving(&app, &[("dpop", &key.asking(&site))], &[]).await.granted();
    }

    async fn dp_05_a_public_client_s_refresh_token_is_good_with_its_key_alone(site: Site) {
        let (key, other) = (ProofKey::generate(), ProofKey::generate());
        let tokens = signed_in(&site, PUBLIC_CLIENT, &key).await;

        refreshed(&tokens, &site, PUBLIC_CLIENT, Some(&other)).await.refused(400, "invalid_grant");
        refreshed(&tokens, &site, PUBLIC_CLIENT, None).await.refused(400, "invalid_grant");

        site.audit().await.last(ALICE).is("token_refused").names(PUBLIC_CLIENT).says("row", "DP-05");
        let again = refreshed(&tokens, &site, PUBLIC_CLIENT, Some(&key)).await.granted();
        assert_eq!(jkt(&again), Some(key.jkt()));
    }

    async fn dp_05_a_bound_refresh_token_stays_the_same(site: Site) {
        let key = ProofKey::generate();
        let tokens = signed_in(&site, PUBLIC_CLIENT, &key).await;
        for _ in 0..3 {
            let again = refreshed(&tokens, &site, PUBLIC_CLIENT, Some(&key)).await.granted();
            assert_eq!((&again.refresh, again.access == tokens.access), (&tokens.refresh, false));
            site.turn(WINDOW * 2);
        }
        site.audit().await.last(ALICE).is("token_refreshed").says("outcome", "kept");
    }

    async fn dp_05_a_family_is_bound_from_the_first_proof_on(site: Site) {
        let key = ProofKey::generate();
        let unbound = site.sign_in(ALICE, PUBLIC_CLIENT).await;

        let bound = refreshed(&unbound, &site, PUBLIC_CLIENT, Some(&key)).await.granted();

        assert_ne!(bound.refresh, unbound.refresh);
        refreshed(&bound, &site, PUBLIC_CLIENT, None).await.refused(400, "invalid_grant");
        site.turn(WINDOW - Duration::from_secs(1));
        for tokens in [&unbound, &bound] {
            let again = refreshed(tokens, &site, PUBLIC_CLIENT, Some(&key)).await.granted();
            assert_eq!((&again.refresh, jkt(&again)), (&bound.refresh, Some(key.jkt())));
        }
    }

    async fn dp_05_a_retry_binds_no_family_so_that_no_thief_shuts_its_owner_out(site: Site) {
        let thief = ProofKey::generate();
        let stolen = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let owner = stolen.refresh().await.granted();

        let retried = refreshed(&stolen, &site, PUBLIC_CLIENT, Some(&thief)).await.granted();
        assert_eq!((&retried.refresh, jkt(&retried)), (&owner.refresh, Some(thief.jkt())));
        let bound = refreshed(&retried, &site, PUBLIC_CLIENT, Some(&thief)).await.granted();

        owner.refresh().await.refused(400, "invalid_grant");
        site.audit().await.last(ALICE).is("refresh_token_reused").names(PUBLIC_CLIENT);
        refreshed(&bound, &site, PUBLIC_CLIENT, Some(&thief)).await.refused(400, "invalid_grant");
    }

    async fn oa_13_a_thief_who_binds_a_family_to_a_key_of_theirs_loses_it_to_its_owner(site: Site) {
        let (thief, own) = (ProofKey::generate(), ProofKey::generate());
        for (come, key) in [(1, None), (2, Some(&own))] {
            let owner = site.sign_in(ALICE, PUBLIC_CLIENT).await;
            let stolen = refreshed(&owner, &site, PUBLIC_CLIENT, Some(&thief)).await.granted();
            assert_eq!(jkt(&stolen), Some(thief.jkt()));

            refreshed(&owner, &site, PUBLIC_CLIENT, key).await.refused(400, "invalid_grant");

            site.audit().await.last(ALICE).is("refresh_token_reused").names(PUBLIC_CLIENT).says("row", "OA-13");
            refreshed(&stolen, &site, PUBLIC_CLIENT, Some(&thief)).await.refused(400, "invalid_grant");
            assert_eq!(site.audit().await.of_kind("refresh_token_reused").len(), come);
        }
    }

    async fn dp_05_a_confidential_client_s_key_may_change(site: Site) {
        let (key, other) = (ProofKey::generate(), ProofKey::generate());
        let tokens = signed_in(&site, AGENT_CLIENT, &key).await;

        let second = refreshed(&tokens, &site, AGENT_CLIENT, Some(&other)).await.granted();
        let third = refreshed(&second, &site, AGENT_CLIENT, None).await.granted();

        assert_eq!([jkt(&second), jkt(&third)], [Some(other.jkt()), None]);
        assert_ne!(tokens.refresh, second.refresh);
    }

    async fn dp_06_a_code_is_good_with_the_key_that_was_named_for_it(site: Site) {
        let (key, other, app) = (ProofKey::generate(), ProofKey::generate(), site.app(PUBLIC_CLIENT));
        for bad in ["x", &key.jkt()[1..], &format!("{}=", key.jkt())] {
            let answer = site.ask(PUBLIC_CLIENT).with("dpop_jkt", bad).open(&site.browser()).await;
            assert_eq!(answer.sent("error").as_deref(), Some("invalid_request"), "{answer:?}");
        }
        let code = site.ask(PUBLIC_CLIENT).with("dpop_jkt", &key.jkt()).approved_by(ALICE).await;

        let wrong = [("code_verifier", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong")];
        for changes in [&[][..], &wrong] {
            code.redeem_as(&app, changes).await.refused(400, "invalid_grant");
            code.redeem_proving(&app, &[("dpop", &other.asking(&site))], changes).await.refused(400, "invalid_grant");
        }
        let log = site.audit().await;
        assert!(log.of_kind("token_refused").iter().all(|event| event.fields["row"] == "DP-06"));
        assert!(log.of_kind("grant_ended").is_empty());
        let tokens = code.redeem_proving(&app, &[("dpop", &key.asking(&site))], &[]).await.granted();

        code.redeem_as(&app, &[]).await.refused(400, "invalid_grant");
        assert_eq!(jkt(&tokens), Some(key.jkt()));
        refreshed(&tokens, &site, PUBLIC_CLIENT, Some(&key)).await.granted();
    }

    async fn dp_07_a_proof_names_the_address_of_the_metadata_whatever_the_request_came_by(site: Site) {
        let (key, app) = (ProofKey::generate(), robot(&site).await);
        let metadata = site.metadata().await;
        let endpoint = metadata["token_endpoint"].as_str().expect("an address").to_owned();
        let elsewhere = key.proof("POST", "https://evil.example/t/demo/token", site.now());
        let bank = site.url(BANK);
        let forwarded = |proof: String| {
            let (site, app, bank) = (site.clone(), app.clone(), bank.clone());
            async move {
                let headers = [("dpop", proof.as_str()), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")];
                site.post_token_with(&app, &headers, &[("grant_type", "client_credentials"), ("resource", &bank)]).await
            }
        };

        forwarded(elsewhere).await.refused(400, "invalid_dpop_proof");

        is_bound(&forwarded(key.proof("POST", &format!("{endpoint}?x=y#z"), site.now())).await, &key);
        let shouted = endpoint.replacen("http://", "HTTP://", 1);
        is_bound(&forwarded(key.proof("POST", &shouted, site.now())).await, &key);
    }

    async fn dp_01_the_metadata_says_what_is_taken_and_browsers_may_send_it(site: Site) {
        let metadata = site.metadata().await;
        assert_eq!(metadata["dpop_signing_alg_values_supported"], json!(["ES256", "EdDSA", "RS256", "PS256"]));
        let asked = chancery_testkit::request(http::Method::OPTIONS, &site.endpoint("token"));
        let answer = site.program().send(asked.body(bytes::Bytes::new()).expect("a request")).await;
        assert!(answer.header("access-control-allow-headers").is_some_and(|allowed| allowed.contains("dpop")), "{answer:?}");
    }
}
