//! What MCP demands of an authorization server that signs people in at another (MCP 2026-07-28, Authorization and its security
//! considerations; items 39 to 43 of what a proxy of a third party's server must do).

use chancery_testkit::cast::{ALICE, OTHER_CLIENT, PUBLIC_CLIENT};

chancery_testkit::both_stores! {
    async fn mc_03_mcp_1d_39_each_client_is_consented_to_by_itself_before_anybody_goes_to_the_provider(site: Site) {
        let browser = site.browser();

        // Our page first, not the provider's; and nobody is signed in by it.
        site.ask(PUBLIC_CLIENT).open(&browser).await.has_status(200);
        assert!(site.audit().await.of_kind("signed_in").is_empty());
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();

        // The provider and its session are the same; the client is another, so the person is asked again.
        site.ask(OTHER_CLIENT).open(&browser).await.has_status(200);
        assert_eq!(site.audit().await.of_kind("consent_given").len(), 1);
    }

    async fn mc_04_the_issuer_stays_what_it_was_whatever_is_applied(site: Site) {
        let before = site.metadata().await["issuer"].clone();

        site.apply(|file| file["resources"][0]["title"] = "Another bank".into()).await;

        assert_eq!(site.metadata().await["issuer"], before);
        assert_eq!(before, site.issuer().to_string());
    }

    async fn mc_06_offline_access_is_not_advertised_and_a_refresh_token_comes_all_the_same(site: Site) {
        assert!(!site.metadata().await.to_string().contains("offline_access"));

        for scope in ["bank:read", "bank:read offline_access"] {
            let tokens = site.ask(PUBLIC_CLIENT).scope(scope).approved_by(ALICE).await.redeem().await.granted();
            assert_eq!(tokens.claims()["scope"], "bank:read");
            tokens.refresh().await.granted();
        }
    }
}
