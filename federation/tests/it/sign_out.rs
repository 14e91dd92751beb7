//! Sending people to sign out at the provider too, in each one's own way.

use chancery_testkit::cast::{ALICE, IDENTITY_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::idp_sim::{Endpoint, Profile};
use chancery_testkit::{Form, Site};
use serde_json::json;

#[tokio::test]
async fn c5_each_provider_is_told_in_its_own_way_who_signs_out_and_where_they_go_then() {
    let by_hint = &["id_token_hint", "post_logout_redirect_uri", "state"][..];
    let cases = [
        (Profile::entra(), Some(by_hint)),
        (Profile::okta(), Some(by_hint)),
        (Profile::auth0(), Some(by_hint)),
        (Profile::keycloak(), Some(by_hint)),
        (Profile::cognito(), Some(&["client_id", "logout_uri", "state"][..])),
        (Profile::google(), None),
    ];
    for (profile, way) in cases {
        let site = Site::on_sqlite().await;
        let sim = site.simulated(profile, IDENTITY_PROVIDER).await;
        let declared = sim.declared(IDENTITY_PROVIDER);
        site.apply(|file| file["identity_providers"] = json!([declared])).await;
        let browser = site.browser();
        site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await;

        let page = browser.get(&site.endpoint("sign-out")).await;
        let pressed = browser.submit(Form::with(&page, "page"), &page.url).await;
        let there = pressed.has_status(303).location();
        let end = browser.follow(pressed, |_| false).await;

        assert_eq!(end.url.path(), "/t/demo/signed-out", "{}", sim.issuer());
        let known = way.is_some_and(|_| end.text().contains("and of your organisation’s"));
        assert_eq!((known, sim.asked(Endpoint::Logout).len()), (way.is_some(), usize::from(way.is_some())), "{there}");
        if let Some(way) = way {
            let names: Vec<_> = there.query_pairs().map(|(name, _)| name.into_owned()).collect();
            assert_eq!(names, way, "{there}");
        }
    }
}
