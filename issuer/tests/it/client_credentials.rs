//! The client credentials grant (RFC 6749 §4.4): what an operator wrote, and nobody's consent.

use chancery_testkit::cast::{AGENT, AGENT_CLIENT, AGENT_OWNER, BANK, EXCHANGE, PUBLIC_CLIENT, SECRET_REF};
use chancery_testkit::{Answer, App, Mcp, Site, claims};
use serde_json::json;

/// An app of the file that gets tokens of its own, for the bank, as the registered agent.
pub async fn app(site: &Site) -> App {
    named(site, "robot", Some(AGENT)).await
}

async fn named(site: &Site, name: &'static str, agent: Option<&str>) -> App {
    let mut robot = json!({ "name": name, "secret": SECRET_REF, "grants": ["client_credentials"], "scopes": "bank:read" });
    if let Some(agent) = agent {
        robot["agent"] = json!(agent);
    }
    site.apply(|file| {
        let clients = file["clients"].as_array_mut().expect("a list");
        clients.retain(|client| client["name"] != name);
        clients.push(robot);
    })
    .await;
    site.app(name)
}

async fn asked(site: &Site, app: &App, more: &[(&str, &str)]) -> Answer {
    site.post_token(app, &[&[("grant_type", "client_credentials")], more].concat()).await
}

fn token(answer: &Answer) -> String {
    answer.has_status(200).json()["access_token"].as_str().expect("an access token").to_owned()
}

chancery_testkit::both_stores! {
    async fn oa_16_an_agent_gets_a_token_of_its_own_and_no_refresh_token(site: Site) {
        let (app, bank) = (app(&site).await, site.url(BANK));

        let answer = asked(&site, &app, &[("resource", &bank)]).await;

        let body = answer.has_status(200).json();
        assert!(body.get("refresh_token").is_none() && body.get("id_token").is_none(), "{body}");
        assert_eq!((&body["scope"], answer.header("cache-control")), (&json!("bank:read"), Some("no-store")));
        let said = claims(&token(&answer));
        assert_eq!((&said["sub"], &said["client_id"], &said["aud"]), (&said["agent"], &json!(app.id), &json!(bank)));
        assert!(said["sub"].as_str().is_some_and(|sub| sub.starts_with("agt_")), "{said}");
        assert_eq!(said["owner"], AGENT_OWNER);
        assert!(said.get("act").is_none() && said.get("grants").is_none() && said.get("auth_time").is_none(), "{said}");
        let called = Mcp::new(site.program(), bank, Some(token(&answer))).call("account_balance", json!({})).await;
        called.answered();
        site.audit().await.only("token_issued").says("subject", said["sub"].as_str().expect("text")).says("client", &app.id);
    }

    async fn oa_16_a_public_client_gets_none(site: Site) {
        let app = site.app(PUBLIC_CLIENT);
        asked(&site, &app, &[("resource", &site.url(BANK))]).await.refused(400, "unauthorized_client");
        let registered = crate::apps::registered(&site, &["http://127.0.0.1/cb"]).await;
        asked(&site, &registered, &[("resource", &site.url(BANK))]).await.refused(400, "unauthorized_client");
    }

    async fn oa_17_a_client_gets_the_grants_it_is_registered_for(site: Site) {
        let robot = app(&site).await;
        asked(&site, &site.app(AGENT_CLIENT), &[("resource", &site.url(BANK))]).await.refused(400, "unauthorized_client");
        site.post_token(&robot, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.refused(400, "unauthorized_client");
        site.post_token(&robot, &[("grant_type", "password")]).await.refused(400, "unsupported_grant_type");
        assert_eq!(site.audit().await.of_kind("token_refused").len(), 3);
    }

    async fn oa_15_what_the_file_does_not_say_is_not_had(site: Site) {
        let (app, bank) = (app(&site).await, site.url(BANK));
        for scope in ["bank:transfer", "bank:read bank:transfer", "exchange:convert", "openid"] {
            asked(&site, &app, &[("resource", &bank), ("scope", scope)]).await.refused(400, "invalid_scope");
        }
        asked(&site, &app, &[("resource", &site.url(EXCHANGE))]).await.refused(400, "invalid_scope");
        asked(&site, &app, &[("resource", "https://elsewhere.example/mcp")]).await.refused(400, "invalid_target");
        asked(&site, &app, &[]).await.refused(400, "invalid_target");
        asked(&site, &App { secret: Some("wrong"), ..app }, &[("resource", &bank)]).await.refused(401, "invalid_client");
        assert!(site.audit().await.of_kind("token_issued").is_empty());
    }

    async fn at_03_a_client_that_is_no_agents_is_its_own_subject(site: Site) {
        let app = named(&site, "lonely", None).await;

        let said = claims(&token(&asked(&site, &app, &[("resource", &site.url(BANK))]).await));

        assert_eq!((&said["sub"], said.get("agent")), (&json!(app.id), None));
    }

    async fn policy_has_the_last_word(site: Site) {
        let (app, bank) = (app(&site).await, site.url(BANK));
        let forbid = r#"@id("no-robots") @advice("ask finance") forbid(principal is Chancery::Agent, action, resource);"#;
        site.apply(|file| file["policies"] = json!(forbid)).await;

        let answer = asked(&site, &app, &[("resource", &bank)]).await;

        assert!(answer.refused(400, "access_denied").json()["error_description"].as_str().is_some_and(|words| words.contains("ask finance")));
        site.audit().await.only("token_refused").says("client", &app.id);
    }

    async fn a_warm_request_reads_nothing(site: Site) {
        let (app, bank) = (app(&site).await, site.url(BANK));
        token(&asked(&site, &app, &[("resource", &bank)]).await);
        let before = site.reads();

        for _ in 0..3 {
            token(&asked(&site, &app, &[("resource", &bank)]).await);
        }

        assert_eq!(site.reads(), before);
    }
}
