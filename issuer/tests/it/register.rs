//! Dynamic client registration (RFC 7591), where it is open to everybody.

use std::collections::BTreeSet;

use bytes::Bytes;
use chancery_testkit::cast::{AGENT, ALICE, BANK};
use chancery_testkit::{App, request};
use http::Method;
use serde_json::{Value, json};

/// Metadata that nothing is wrong with, with these members besides.
fn with(members: Value) -> Value {
    let mut metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "client_name": "Sketchbook" });
    metadata.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
    metadata
}

/// The app that a registration made.
fn app(registered: &Value) -> App {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    App { id: text(&registered["client_id"]), secret: None, redirect_uri: text(&registered["redirect_uris"][0]) }
}

chancery_testkit::both_stores! {
    async fn dr_01_a_registration_is_answered_with_all_that_was_registered(site: Site) {
        let answer = site.register(&with(json!({}))).await;
        let client = answer.has_status(201).json();

        assert_eq!((answer.header("cache-control"), answer.header("content-type")), (Some("no-store"), Some("application/json")));
        assert_eq!(client["redirect_uris"], json!(["http://127.0.0.1/callback"]));
        assert_eq!(client["client_name"], "Sketchbook");
        assert_eq!(client["token_endpoint_auth_method"], "none");
        assert_eq!(client["response_types"], json!(["code"]));
        assert_eq!(client["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert!(client["client_id_issued_at"].as_i64().is_some_and(|at| (site.now().millis() / 1000 - at).abs() < 60), "{client}");
        assert!(client.get("client_secret").is_none() && client.get("client_secret_expires_at").is_none(), "{client}");
        assert!(client.as_object().expect("an object").values().all(|value| !value.is_null()), "{client}");
        site.audit().await.only("client_registered").says("client", &app(&client).id).says("client_name", "Sketchbook");
    }

    async fn dr_01_a_registered_client_gets_tokens_and_every_one_is_another(site: Site) {
        let clients = [site.register(&with(json!({}))).await, site.register(&with(json!({}))).await];
        let apps = clients.map(|answer| app(&answer.json()));

        assert_eq!(apps.iter().map(|app| &app.id).collect::<BTreeSet<_>>().len(), 2);
        for app in apps {
            let tokens = site.ask_as(app).approved_by(ALICE).await.redeem().await.granted();
            tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
        }
    }

    async fn dr_01_who_asks_for_a_secret_gets_one_and_has_to_show_it(site: Site) {
        for method in ["client_secret_basic", "client_secret_post"] {
            let client = site.register(&with(json!({ "token_endpoint_auth_method": method }))).await.has_status(201).json();
            assert_eq!((&client["token_endpoint_auth_method"], &client["client_secret_expires_at"]), (&json!(method), &json!(0)));
            let secret = client["client_secret"].as_str().expect("a secret");
            assert!(secret.len() >= 43 && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b)), "{secret}");

            let app = App { secret: Some(secret.to_owned().leak()), ..app(&client) };
            let code = site.ask_as(app.clone()).approved_by(ALICE).await;
            code.redeem_as(&App { secret: None, ..app.clone() }, &[]).await.refused(401, "invalid_client");
            code.redeem_as(&App { secret: Some("wrong"), ..app }, &[]).await.refused(401, "invalid_client");
            code.redeem().await.granted().refresh().await.granted();
        }
        for method in [json!("private_key_jwt"), json!("none"), Value::Null] {
            let client = site.register(&with(json!({ "token_endpoint_auth_method": method }))).await.has_status(201).json();
            assert_eq!(client["token_endpoint_auth_method"], "none", "{method}");
            assert!(client.get("client_secret").is_none(), "{client}");
        }
    }

    async fn dr_06_a_client_that_wants_no_refresh_token_gets_none(site: Site) {
        let client = site.register(&with(json!({ "grant_types": ["authorization_code"] }))).await.has_status(201).json();
        assert_eq!(client["grant_types"], json!(["authorization_code"]));

        let tokens = site.ask_as(app(&client)).approved_by(ALICE).await.redeem().await.granted();

        assert_eq!(tokens.refresh, None);
        tokens.call(BANK, "account_balance").await.answered();
    }

    async fn dr_06_a_quarantine_holds_whatever_a_person_allows(site: Site) {
        site.apply(|file| file["registration"]["quarantine"] = json!("bank:read")).await;
        let client = site.register(&with(json!({}))).await.has_status(201).json();
        assert_eq!(client["scope"], "bank:read");
        let ask = site.ask_as(app(&client));

        let tokens = ask.clone().scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();
        ask.scope("bank:transfer").open(&site.browser()).await.sent_back("invalid_scope");

        assert_eq!(tokens.claims()["scope"], "bank:read");
        let named = site.ask(chancery_testkit::cast::PUBLIC_CLIENT).scope("bank:transfer").approved_by(ALICE).await;
        assert_eq!(named.redeem().await.granted().claims()["scope"], "bank:transfer");
        site.apply(|file| file["registration"]["quarantine"] = json!("exchange:convert")).await;
        assert_eq!(tokens.refresh().await.granted().claims()["scope"], "", "a quarantine of today holds for a grant of yesterday");
    }

    async fn dr_02_a_dangerous_redirect_uri_refuses_the_registration(site: Site) {
        for bad in [
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://localhost@evil.example/cb",
            "http://169.254.169.254/cb",
            "https://169.254.169.254/cb",
            "https://192.168.0.1/cb",
            "https://[fe80::1]/cb",
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "data:text/html,<script>alert(1)</script>",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "https://app.example/cb#x",
            "https://app.example/cb#",
            "https://*.app.example/cb",
            "https://app.example/*",
            "https://user:pass@app.example/cb",
            "https://app.example/a b",
            "/cb",
            "",
        ] {
            site.register(&with(json!({ "redirect_uris": [bad] }))).await.refused(400, "invalid_redirect_uri");
            site.register(&with(json!({ "redirect_uris": ["https://app.example/cb", bad] }))).await.refused(400, "invalid_redirect_uri");
        }
        for none in [json!([]), Value::Null] {
            let answer = site.register(&with(json!({ "redirect_uris": none }))).await;
            assert!(answer.status.as_u16() == 400, "{answer:?}");
        }
        assert!(site.audit().await.of_kind("client_registered").is_empty());
    }

    async fn dr_03_metadata_that_contradicts_itself_is_refused(site: Site) {
        for bad in [
            json!({ "token_endpoint_auth_method": "magic" }),
            json!({ "grant_types": ["client_credentials"] }),
            json!({ "grant_types": ["implicit"], "response_types": ["token"] }),
            json!({ "grant_types": ["authorization_code"], "response_types": ["token"] }),
            json!({ "grant_types": ["client_credentials"], "response_types": ["code"] }),
            json!({ "jwks": { "keys": [] }, "jwks_uri": "https://app.example/jwks" }),
            json!({ "jwks": { "keys": [{ "kty": "oct", "k": "x" }] } }),
            json!({ "jwks": { "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y", "d": "d" }] } }),
            json!({ "jwks": { "keys": [{ "kty": "RSA", "n": "n", "e": "AQAB", "p": "p" }] } }),
            json!({ "token_endpoint_auth_signing_alg": "none" }),
            json!({ "id_token_signed_response_alg": "none" }),
            json!({ "redirect_uris": "https://app.example/cb" }),
            json!({ "client_name": 7 }),
        ] {
            site.register(&with(bad)).await.refused(400, "invalid_client_metadata");
        }
        for body in ["", "[]", "null", "{", "client_name=x"] {
            let post = request(Method::POST, &site.endpoint("register")).header("content-type", "application/json");
            let answer = site.program().send(post.body(Bytes::from_static(body.as_bytes())).expect("a request")).await;
            answer.refused(400, "invalid_client_metadata");
        }
    }

    async fn dr_03_what_we_do_not_know_is_ignored_and_not_echoed(site: Site) {
        let members = json!({
            "software_id": "x", "logo_uri": "https://app.example/logo.png", "application_type": "native", "x": { "y": [1, null] },
            "contacts": ["me@app.example"], "grant_types": ["authorization_code", "refresh_token"],
        });

        let client = site.register(&with(members)).await.has_status(201).json();

        for unknown in ["logo_uri", "x", "application_type"] {
            assert!(client.get(unknown).is_none(), "{client}");
        }
        assert_eq!((&client["software_id"], &client["contacts"]), (&json!("x"), &json!(["me@app.example"])));
    }

    async fn dr_10_addresses_in_metadata_are_neither_fetched_nor_shown(site: Site) {
        let (listener, here) = chancery_testkit::listen().await;
        let uris = json!({
            "logo_uri": format!("{here}/logo.png"), "policy_uri": format!("{here}/policy"), "tos_uri": format!("{here}/tos"),
            "jwks_uri": format!("{here}/jwks"), "client_uri": format!("{here}/"),
        });

        let client = site.register(&with(uris)).await.has_status(201).json();
        let page = site.ask_as(app(&client)).open(&site.browser()).await;

        assert!(!page.has_status(200).text().contains(&here), "{page:?}");
        let visited = std::future::poll_fn(|cx| std::task::Poll::Ready(listener.poll_accept(cx).is_ready())).await;
        assert!(!visited, "somebody fetched what a stranger named");
    }

    async fn dr_06_a_registered_client_gets_what_registration_allows_and_no_more(site: Site) {
        let greedy = json!({
            "grant_types": ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange",
                "urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "response_types": ["code", "token"], "scope": "bank:transfer admin", "client_id": "cli_mine", "client_secret": "mine",
            "agent": AGENT, "trusted": true,
        });

        let client = site.register(&with(greedy)).await.has_status(201).json();

        assert_eq!(client["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(client["response_types"], json!(["code"]));
        assert!(client["client_id"] != "cli_mine" && client.get("client_secret").is_none() && client.get("scope").is_none(), "{client}");
        let app = app(&client);
        site.post_token(&app, &[("grant_type", "client_credentials")]).await.refused(400, "unauthorized_client");
        for grant in ["urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"] {
            site.post_token(&app, &[("grant_type", grant)]).await.refused(400, "unsupported_grant_type");
        }
        site.post_token(&App { secret: Some("mine"), ..app.clone() }, &[("grant_type", "refresh_token")]).await.refused(401, "invalid_client");
        let claims = site.ask_as(app).approved_by(ALICE).await.redeem().await.granted().claims();
        assert_eq!(claims["scope"], "bank:read");
        assert!(claims.get("act").is_none() && claims.get("agent").is_none(), "{claims}");
    }

    async fn dr_06_a_tenant_that_takes_no_registrations_has_none(site: Site) {
        site.apply(|file| file["registration"]["dynamic"] = json!("closed")).await;

        site.register(&with(json!({}))).await.has_status(404);

        assert!(site.metadata().await.get("registration_endpoint").is_none());
        assert!(site.audit().await.of_kind("client_registered").is_empty());
    }
}
