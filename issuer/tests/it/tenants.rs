//! Two tenants of one server are two issuers: nothing that one gave is good at the other (RFC 8414 §6.2; OAuth 2.1 §7.14).

use std::collections::BTreeSet;

use chancery_testkit::Site;
use chancery_testkit::cast::{ALICE, BANK, PUBLIC_CLIENT};
use serde_json::{Value, json};

use crate::consent_page::Shown;

const OTHER: &str = "other";

/// The ids of an issuer's keys.
async fn keys(site: &Site, issuer: &str) -> BTreeSet<String> {
    let set = site.program().get(&format!("{issuer}/jwks")).await.json();
    set["keys"].as_array().into_iter().flatten().map(|key: &Value| key["kid"].to_string()).collect()
}

chancery_testkit::both_stores! {
    async fn md_01_nothing_of_one_tenant_is_good_at_another(site: Site) {
        let demo_s_app = site.app(PUBLIC_CLIENT);
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let page = Shown::of(&site.ask(PUBLIC_CLIENT), &site.browser()).await;
        site.apply(|file| {
            file["tenant"] = json!(OTHER);
            file["resources"] = json!([{ "name": "api", "url": "https://api.example/mcp" }]);
        }).await;
        let (issuer, app) = (format!("{}/t/{OTHER}", site.base()), site.app(PUBLIC_CLIENT));
        let token = format!("{issuer}/token");

        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_deref().expect("a refresh token"))];
        let redeem = [("grant_type", "authorization_code"), ("code", &*code.code), ("code_verifier", &*code.verifier)];
        for fields in [&refresh[..], &redeem] {
            site.program().post(&token, &[fields, &[("client_id", &app.id)]].concat()).await.refused(400, "invalid_grant");
            site.program().post(&token, &[fields, &[("client_id", &demo_s_app.id)]].concat()).await.refused(401, "invalid_client");
        }
        let mut form = page.form.clone().press("decision", "approve");
        form.action = format!("{issuer}/consent").parse().expect("a URL");
        page.posted_with(&form).await.refused_on_page("OA-22");
        let asked = site.ask_as(demo_s_app.clone()).url().replace(&site.issuer(), &issuer);
        page.browser.get(&asked).await.refused_on_page("OA-01");
        assert!(keys(&site, &issuer).await.is_disjoint(&keys(&site, &site.issuer()).await));

        page.press("approve").await.has_status(303);
        code.redeem_as(&demo_s_app, &[]).await.granted();
        let next = tokens.refresh_as(&demo_s_app, &[]).await.granted();
        next.call(BANK, "account_balance").await.answered();
    }
}
