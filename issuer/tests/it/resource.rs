//! Which resource a token is for, and which scopes go with it (RFC 8707).

use chancery_testkit::cast::{ALICE, BANK, EXCHANGE, PUBLIC_CLIENT};
use chancery_testkit::{Ask, Site};
use serde_json::json;

/// A request for the bank and the exchange, with a scope of each.
fn for_both(site: &Site) -> Ask {
    site.ask(PUBLIC_CLIENT).again("resource", &site.url(EXCHANGE)).scope("bank:read exchange:convert")
}

chancery_testkit::both_stores! {
    async fn ri_01_the_resource_becomes_the_audience(site: Site) {
        for server in [BANK, EXCHANGE] {
            let asked = site.ask(PUBLIC_CLIENT).resource(server);
            let tokens = asked.approved_by(ALICE).await.redeem_with(&[("resource", &site.url(server))]).await.granted();
            assert_eq!(tokens.claims()["aud"], site.url(server));
        }
    }

    async fn ri_01_what_is_no_registered_resource_is_an_invalid_target(site: Site) {
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let bank = site.url(BANK);

        for unknown in ["/mcp/bank", "bank", "mcp/bank", "urn:example:bank", "https://elsewhere.example/mcp", &format!("{bank}#x"), &format!("{bank}#")] {
            site.ask(PUBLIC_CLIENT).with("resource", unknown).open(&site.browser()).await.sent_back("invalid_target");
            site.ask(PUBLIC_CLIENT).again("resource", unknown).open(&site.browser()).await.sent_back("invalid_target");
            tokens.refresh_with(&[("resource", unknown)]).await.refused(400, "invalid_target");
            let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
            code.redeem_with(&[("resource", unknown)]).await.refused(400, "invalid_target");
        }
    }

    async fn ri_02_a_token_is_for_what_was_authorized_and_nothing_else(site: Site) {
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let exchange = site.url(EXCHANGE);

        code.redeem_with(&[("resource", &exchange)]).await.refused(400, "invalid_target");
        tokens.refresh_with(&[("resource", &exchange)]).await.refused(400, "invalid_target");
    }

    async fn ri_02_of_several_resources_each_token_is_for_one(site: Site) {
        let (bank, exchange) = (site.url(BANK), site.url(EXCHANGE));
        let code = for_both(&site).approved_by(ALICE).await;

        let for_bank = code.redeem_with(&[("resource", &bank)]).await.granted();
        let for_exchange = for_bank.refresh_with(&[("resource", &exchange)]).await.granted();
        let for_bank_again = for_exchange.refresh_with(&[("resource", &bank)]).await.granted();

        assert_eq!((&for_bank.claims()["aud"], &for_bank.claims()["scope"]), (&json!(bank), &json!("bank:read")));
        assert_eq!((&for_exchange.claims()["aud"], &for_exchange.claims()["scope"]), (&json!(exchange), &json!("exchange:convert")));
        assert_eq!(for_bank_again.claims()["aud"], bank);
        assert_eq!(for_bank.claims()["grants"], for_bank_again.claims()["grants"]);
        for_exchange.call(EXCHANGE, "convert").await.answered();
        for_exchange.call(BANK, "account_balance").await.challenged("invalid_token");
        for_bank_again.call(BANK, "account_balance").await.answered();
    }

    async fn ri_03_silence_means_the_only_resource_or_nothing(site: Site) {
        site.ask(PUBLIC_CLIENT).without("resource").open(&site.browser()).await.sent_back("invalid_target");
        site.ask(PUBLIC_CLIENT).with("resource", "").open(&site.browser()).await.sent_back("invalid_target");
        let code = for_both(&site).approved_by(ALICE).await;
        code.redeem().await.refused(400, "invalid_target");
        let tokens = code.redeem_with(&[("resource", &site.url(BANK))]).await.granted();
        tokens.refresh().await.refused(400, "invalid_target");

        site.apply(|file| file["resources"].as_array_mut().expect("a list").truncate(1)).await;

        let tokens = site.ask(PUBLIC_CLIENT).without("resource").approved_by(ALICE).await.redeem().await.granted();
        assert_eq!(tokens.claims()["aud"], site.url(BANK));
    }

    async fn ri_04_a_resource_is_matched_as_it_is_written(site: Site) {
        let bank = site.url(BANK);
        let host = bank.trim_start_matches("http://").split('/').next().expect("a host").to_owned();

        for other in [
            format!("{bank}/"),
            format!("{bank}?"),
            format!("{bank}?x=1"),
            bank.replace("bank", "Bank"),
            bank.replace("bank", "%62ank"),
            bank.replace("/mcp/", "//mcp/"),
            bank.replace("/mcp/", "/mcp/../mcp/"),
            bank.replace("http://", "HTTP://"),
            bank.replace("http://", "https://"),
            bank.replace("http://", "http://me@"),
            bank.replace(&host, &host.replace("127.0.0.1", "localhost")),
            format!(" {bank}"),
        ] {
            site.ask(PUBLIC_CLIENT).with("resource", &other).open(&site.browser()).await.sent_back("invalid_target");
        }
    }

    async fn ri_04_only_the_empty_path_may_be_written_in_two_ways(site: Site) {
        let api = json!({ "name": "api", "url": "https://api.example", "scopes": { "api:use": "Use it" } });
        site.apply(|file| file["resources"].as_array_mut().expect("a list").push(api)).await;

        for written in ["https://api.example", "https://api.example/"] {
            let asked = site.ask(PUBLIC_CLIENT).with("resource", written).scope("api:use");
            let tokens = asked.approved_by(ALICE).await.redeem_with(&[("resource", written)]).await.granted();
            assert_eq!(tokens.claims()["aud"], "https://api.example");
        }
        site.ask(PUBLIC_CLIENT).with("resource", "https://api.example//").open(&site.browser()).await.sent_back("invalid_target");
    }

    async fn ri_05_each_resource_gets_the_scopes_of_its_own(site: Site) {
        let browser = site.browser();
        for unknown in ["bank:everything", "exchange:convert", "bank:read exchange:convert", "bank:read bank:everything", "BANK:READ"] {
            site.ask(PUBLIC_CLIENT).scope(unknown).open(&browser).await.sent_back("invalid_scope");
        }

        let tokens = site.ask(PUBLIC_CLIENT).scope("bank:transfer").approved_by(ALICE).await.redeem().await.granted();

        assert_eq!(tokens.claims()["scope"], "bank:transfer");
    }

    async fn ri_05_a_scope_that_the_registry_took_away_is_in_no_token(site: Site) {
        let tokens = site.ask(PUBLIC_CLIENT).scope("bank:read bank:transfer").approved_by(ALICE).await.redeem().await.granted();

        site.apply(|file| {
            file["resources"][0]["scopes"].as_object_mut().expect("scopes").remove("bank:transfer");
            file["resources"][0]["tools"].as_object_mut().expect("tools").remove("transfer");
        }).await;
        let next = tokens.refresh().await.granted();

        assert_eq!((&next.claims()["scope"], &next.body["scope"]), (&json!("bank:read"), &json!("bank:read")));
    }

    async fn ri_06_a_token_for_more_than_one_resource_is_refused(site: Site) {
        let (bank, exchange) = (site.url(BANK), site.url(EXCHANGE));
        let code = for_both(&site).approved_by(ALICE).await;

        code.redeem_with(&[("resource", &bank), ("resource", &exchange)]).await.refused(400, "invalid_target");
        let tokens = code.redeem_with(&[("resource", &bank)]).await.granted();
        tokens.refresh_with(&[("resource", &bank), ("resource", &exchange)]).await.refused(400, "invalid_target");
    }
}
