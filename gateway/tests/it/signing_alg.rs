//! What a server's tokens are signed with, where its registration says so.

use std::time::Duration;

use chancery_crypto::jose::{Algorithm, Expected, KeySet, Typ, Unverified, peek, verify};
use chancery_store::{Change, Topic, Unit, Write, repo};
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use chancery_testkit::{Called, Mcp, Revocable, Site};
use serde_json::{Value, json};

use crate::tokens::{refused, taken, with};
use crate::upstream::{Upstream, resource};

async fn signs(site: &Site, algorithm: &str) {
    site.apply(|file| resource(file, BANK)["token_signing_alg"] = json!(algorithm)).await;
}

/// What a token's header says, after its signature was checked as a server of somebody else's would.
async fn header(site: &Site, token: &str) -> (String, String) {
    let keys = site.program().get(&site.endpoint("jwks")).await.has_status(200).body.clone();
    let keys = KeySet::from_jwks(&keys).expect("a key set");
    let Unverified { algorithm, kid, .. } = peek(token).expect("a token of ours");
    let named = Algorithm::from_name(&algorithm).expect("one that there is");
    let _: Value = verify(token, &keys, &Expected { typ: Typ::AccessToken, algorithms: &[named] })
        .expect("a good signature")
        .claims()
        .expect("claims");
    (algorithm, kid.expect("our tokens name their key"))
}

/// A call that does not get to the server behind.
async fn lists(mcp: &Mcp, upstream: &mut Upstream) -> Called {
    upstream.left_alone(mcp.send("tools/list", json!({}))).await
}

chancery_testkit::both_stores! {
    async fn at_05_a_server_s_tokens_are_signed_with_what_it_takes(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        for algorithm in ["RS256", "EdDSA", "PS256", "ES256"] {
            signs(&site, algorithm).await;
            let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
            let again = tokens.refresh().await.granted();

            let (first, second) = (header(&site, &tokens.access).await, header(&site, &again.access).await);
            assert_eq!((first.0.as_str(), &first), (algorithm, &second), "one key of each algorithm");
            taken(&mut upstream, &tokens.mcp(BANK)).await;
        }
        let jwks = site.program().get(&site.endpoint("jwks")).await.has_status(200).json();
        assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(4), "what was published stays: {jwks}");
        let metadata = site.metadata().await;
        assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256"]), "clients read ID tokens, servers do not");
    }

    async fn at_05_no_other_key_of_ours_signs_for_that_server(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let early = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        taken(&mut upstream, &early.mcp(BANK)).await;
        signs(&site, "EdDSA").await;
        let tokens = early.refresh().await.granted();
        taken(&mut upstream, &tokens.mcp(BANK)).await;

        // The same claims by our own ES256 key, and the token of before, which was good here.
        let forged = site.forge().await.token(&tokens.claims());
        for token in [forged, early.access.clone()] {
            let words = refused(&mut upstream, &with(&tokens, token)).await;
            assert!(words.contains("another algorithm") && words.contains("get a new one"), "{words}");
        }
        let log = site.audit().await;
        let events = log.of_kind("call_refused");
        assert_eq!(events.len(), 2, "{log:#?}");
        for event in events {
            let said = |name: &str| event.fields.get(name).map(String::as_str);
            assert_eq!((said("reason"), said("row")), (Some("other_algorithm"), Some("AT-05")));
        }

        // And back again: the other way round it is the same.
        signs(&site, "ES256").await;
        refused(&mut upstream, &tokens.mcp(BANK)).await;
        taken(&mut upstream, &early.mcp(BANK)).await;
    }

    async fn at_05_the_server_behind_is_sent_what_it_takes_by_a_key_that_lives(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        site.apply(|file| resource(file, BANK)["upstream"]["token_signing_alg"] = json!("RS256")).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        assert_eq!(header(&site, &tokens.access).await.0, "ES256");

        let mcp = tokens.mcp(BANK);
        let mut sent = Vec::new();
        for _ in 0..3 {
            let call = mcp.send("tools/list", json!({}));
            let token = upstream.answers(call, |heard| {
                sent.push(heard.token().to_owned());
                heard.done();
            });
            token.await.answered();
            let (algorithm, kid) = header(&site, sent.last().expect("a token")).await;
            assert_eq!(algorithm, "RS256");
            if sent.len() == 2 {
                // Somebody else may have it: what was signed with it goes nowhere any more.
                site.revoke(Revocable::Key, &kid).await.expect("it is known");
            }
        }
        assert_eq!(sent[0], sent[1], "made once");
        assert_ne!(sent[1], sent[2]);
    }

    async fn at_05_a_revoked_key_has_a_successor_of_its_algorithm(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        signs(&site, "RS256").await;
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let (_, kid) = header(&site, &before.access).await;

        site.revoke(Revocable::Key, &kid).await.expect("it is known");

        refused(&mut upstream, &before.mcp(BANK)).await;
        let after = before.refresh().await.granted();
        let (algorithm, successor) = header(&site, &after.access).await;
        assert_eq!(algorithm, "RS256");
        assert_ne!(successor, kid);
        taken(&mut upstream, &after.mcp(BANK)).await;
        // The other server's tokens have another key, so nothing of theirs ended.
        let jwks = site.program().get(&site.endpoint("jwks")).await.has_status(200).json();
        assert_eq!(jwks["keys"].as_array().map(Vec::len), Some(2), "{jwks}");
    }

    async fn at_05_the_successor_of_a_revoked_key_signs_at_once_also_where_the_clock_is_behind(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let before = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let (_, kid) = header(&site, &before.access).await;

        site.ahead(Duration::from_secs(30), site.revoke(Revocable::Key, &kid)).await.expect("it is known");

        let after = before.refresh().await.granted();
        assert_ne!(header(&site, &after.access).await.1, kid);
        taken(&mut upstream, &after.mcp(BANK)).await;
    }

    async fn at_05_a_token_that_is_too_large_for_the_server_behind_is_made_as_soon_as_it_fits(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        let many: Vec<String> = (0..37).map(|number| format!("bank:read:{number:054}")).collect();
        site.apply(|file| {
            for scope in &many {
                resource(file, BANK)["scopes"][scope.as_str()] = json!("One of many");
            }
            resource(file, BANK)["upstream"]["token_signing_alg"] = json!("RS256");
        })
        .await;
        let tokens = site.ask(PUBLIC_CLIENT).scope(&many.join(" ")).approved_by(ALICE).await.redeem().await.granted();
        let fewer = site.ask(PUBLIC_CLIENT).scope(&many[..9].join(" ")).approved_by(ALICE).await.redeem().await.granted();

        for _ in 0..2 {
            let error = lists(&tokens.mcp(BANK), &mut upstream).await.denied(502);
            assert_eq!(error["data"]["reason"], "credential_too_large");
            assert!(error["message"].as_str().is_some_and(|words| words.contains("fewer scopes") && !words.contains("later")), "{error}");
        }
        assert!(site.audit().await.of_kind("upstream_token_issued").is_empty(), "what is not made is not recorded as made");
        // Of whoever may less it fits, and of everybody once the registry says so.
        taken(&mut upstream, &fewer.mcp(BANK)).await;
        site.apply(|file| resource(file, BANK)["upstream"]["token_signing_alg"] = json!("ES256")).await;
        taken(&mut upstream, &tokens.mcp(BANK)).await;
    }

    async fn at_05_what_no_key_could_sign_is_not_recorded_as_made(site: Site) {
        let mut upstream = Upstream::behind(&site, BANK).await;
        site.apply(|file| resource(file, BANK)["upstream"]["token_signing_alg"] = json!("EdDSA")).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        // As on a node that has heard of the registry and not of the key.
        let tenant = repo::tenants::all(site.store()).await.expect("the store answers")[0].id;
        let away = Write::any("DELETE FROM keys WHERE algorithm = 'EdDSA'", Vec::new());
        let changes = vec![Change { topic: Topic::Keys, key: String::new() }];
        let _receipt = site.store().commit(Unit { changes, ..Unit::new(tenant, vec![away]) }).await.expect("the store obeys");
        site.settle().await;

        for _ in 0..2 {
            let error = lists(&tokens.mcp(BANK), &mut upstream).await.denied(502);
            assert_eq!(error["data"]["reason"], "credential_unavailable");
        }
        assert!(site.audit().await.of_kind("upstream_token_issued").is_empty());
    }

    async fn at_05_a_token_that_is_too_large_for_some_server_is_not_made(site: Site) {
        let many: Vec<String> = (0..45).map(|number| format!("bank:read:{number:054}")).collect();
        site.apply(|file| {
            for scope in &many {
                resource(file, BANK)["scopes"][scope.as_str()] = json!("One of many");
            }
        })
        .await;
        for (scopes, signed) in [(many.len(), "ES256"), (37, "RS256")] {
            signs(&site, signed).await;
            let code = site.ask(PUBLIC_CLIENT).scope(&many[..scopes].join(" ")).approved_by(ALICE).await;
            let answer = code.redeem().await;
            let words = answer.refused(400, "invalid_scope").json()["error_description"].to_string();
            assert!(words.contains("4095 is the most") && words.contains("fewer scopes"), "{words}");
        }
        assert!(site.audit().await.of_kind("token_issued").is_empty(), "what is not made is not recorded as made");

        let fewer = many[..25].join(" ");
        let tokens = site.ask(PUBLIC_CLIENT).scope(&fewer).approved_by(ALICE).await.redeem().await.granted();
        assert!((2048..4096).contains(&tokens.access.len()), "{}", tokens.access.len());
    }
}
