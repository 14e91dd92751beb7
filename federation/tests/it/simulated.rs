//! The providers that companies use, simulated with their oddities: the names of the tests begin with the oddity's.

use chancery_testkit::cast::{ALICE, BANK, IDENTITY_PROVIDER, PUBLIC_CLIENT, SECRET};
use chancery_testkit::idp_sim::{Asked, ENTRA_TENANT, Endpoint, Fault, IdpSim, Profile, Signed};
use chancery_testkit::{Answer, Browser, Site};
use serde_json::{Value, json};

use crate::way::{answered, answered_to, callback, ended};

/// A site whose people sign in at a provider of this kind.
pub async fn at(profile: Profile) -> (Site, IdpSim) {
    at_as(profile, |_| ()).await
}

/// The same with the provider's entry in the file changed.
pub async fn at_as(profile: Profile, change: impl FnOnce(&mut Value)) -> (Site, IdpSim) {
    let site = Site::on_sqlite().await;
    let sim = site.simulated(profile, IDENTITY_PROVIDER).await;
    let mut declared = sim.declared(IDENTITY_PROVIDER);
    change(&mut declared);
    site.apply(|file| file["identity_providers"] = json!([declared])).await;
    (site, sim)
}

/// What the page says of a sign-in that gets as far as the way back.
async fn come_back(site: &Site) -> Answer {
    let browser = site.browser();
    let back = answered(site, &browser).await;
    browser.get(back.as_str()).await
}

/// The last request to the authorization endpoint, and the last to the token endpoint.
fn requests(sim: &IdpSim) -> (Asked, Asked) {
    let last = |endpoint| sim.asked(endpoint).pop().unwrap_or_else(|| panic!("{endpoint:?} was not asked"));
    (last(Endpoint::Authorize), last(Endpoint::Token))
}

async fn signs_in(site: &Site) {
    site.sign_in(ALICE, PUBLIC_CLIENT).await.call(BANK, "account_balance").await.answered();
}

#[tokio::test]
async fn e2_e3_e5_entra_gets_pkce_unasked_and_neither_a_resource_nor_an_origin() {
    let (site, sim) = at(Profile::entra()).await;

    signs_in(&site).await;

    let (authorize, token) = requests(&sim);
    assert_eq!((authorize.get("code_challenge_method"), authorize.get("resource")), (Some("S256"), None));
    assert_eq!((token.get("resource"), token.origin.as_deref()), (None, None));
    assert!(authorize.get("scope").is_some_and(|scope| scope.contains("offline_access")), "{authorize:?}");
}

#[tokio::test]
async fn e1_a_common_issuer_is_filled_by_the_token_s_tenant_of_those_allowed() {
    let site = Site::on_sqlite().await;
    let sim = site.simulated(Profile::entra_common(), IDENTITY_PROVIDER).await;
    let with = async |issuers: Value| {
        let mut declared = sim.declared(IDENTITY_PROVIDER);
        declared["issuers"] = issuers;
        site.apply(|file| file["identity_providers"] = json!([declared])).await;
    };
    assert!(sim.issuer().contains(ENTRA_TENANT));

    with(json!([sim.issuer().replace(ENTRA_TENANT, "99999999-0000-0000-0000-000000000000")])).await;
    ended(&come_back(&site).await, 502, "another provider");

    with(json!([sim.issuer()])).await;
    signs_in(&site).await;
}

#[tokio::test]
async fn jw_06_e1_a_key_that_names_an_issuer_signs_for_no_other() {
    let form = |sim: &IdpSim| sim.issuer().replace(ENTRA_TENANT, "{tenantid}");
    let another = |sim: &IdpSim| sim.issuer().replace(ENTRA_TENANT, "99999999-0000-0000-0000-000000000000");
    let own = IdpSim::issuer;
    for (named, comes_in) in [(&form as &dyn Fn(&IdpSim) -> String, true), (&own, true), (&another, false)] {
        let (site, sim) = at(Profile::entra()).await;
        sim.name_keys(&named(&sim));
        match comes_in {
            true => signs_in(&site).await,
            false => ended(&come_back(&site).await, 502, "a key of another issuer"),
        }
    }
    let (site, sim) = at(Profile::okta()).await; // elsewhere the member means nothing
    sim.name_keys("https://elsewhere.example");
    signs_in(&site).await;
}

#[tokio::test]
async fn e9_a_person_is_the_same_by_another_of_our_registrations() {
    let (site, sim) = at(Profile::entra()).await;
    let first = site.sign_in(ALICE, PUBLIC_CLIENT).await.claims();
    sim.client("chancery-anew", SECRET, &[callback(&site).as_str()]);
    site.apply(|file| file["identity_providers"][0]["client_id"] = json!("chancery-anew")).await;

    let second = site.sign_in(ALICE, PUBLIC_CLIENT).await.claims();

    assert_eq!(first["sub"], second["sub"]);
}

#[tokio::test]
async fn o1_o4_okta_signs_people_in() {
    let (site, sim) = at(Profile::okta()).await;
    signs_in(&site).await;
    assert!(requests(&sim).0.get("scope").is_some_and(|scope| scope.contains("offline_access")));
}

#[tokio::test]
async fn c1_c4_cognito_s_endpoints_lie_elsewhere_and_no_offline_access_is_asked_for() {
    let (site, sim) = at(Profile::cognito()).await;

    signs_in(&site).await;

    let (authorize, _) = requests(&sim);
    assert_eq!(authorize.get("code_challenge_method"), Some("S256"));
    assert!(!authorize.get("scope").is_some_and(|scope| scope.contains("offline_access")), "{authorize:?}");
}

#[tokio::test]
async fn c2_an_access_token_of_cognito_is_not_taken_for_an_id_token() {
    let as_access = |about: &chancery_testkit::idp_sim::About<'_>| {
        let mut claims = (Profile::cognito().id_token)(about);
        claims["token_use"] = json!("access");
        claims
    };
    let (site, _) = at(Profile { id_token: as_access, ..Profile::cognito() }).await;

    come_back(&site).await.has_status(502);

    assert!(site.audit().await.of_kind("signed_in").is_empty());
}

#[tokio::test]
async fn a1_the_slash_at_the_end_of_auth0_s_issuer_is_kept() {
    let (site, sim) = at(Profile::auth0()).await;
    assert!(sim.declared_issuer().ends_with('/'));

    signs_in(&site).await;

    let paths: Vec<String> = sim.asked(Endpoint::Metadata).into_iter().map(|asked| asked.path).collect();
    assert!(paths.iter().all(|path| path == "/.well-known/openid-configuration"), "{paths:?}");
}

#[tokio::test]
async fn g1_google_names_itself_without_a_scheme_and_is_asked_for_offline_access_in_its_own_way() {
    let (site, sim) = at(Profile::google()).await;

    signs_in(&site).await;

    let (authorize, _) = requests(&sim);
    assert_eq!(authorize.get("access_type"), Some("offline"));
    assert!(!authorize.get("scope").is_some_and(|scope| scope.contains("offline_access")), "{authorize:?}");
}

#[tokio::test]
async fn su_03_a_new_sign_in_that_google_does_not_date_is_refused_and_another_account_is_not() {
    let (site, sim) = at(Profile::google()).await;
    let asked = async |prompt: &str| {
        let browser = site.browser();
        let back = answered_to(&site, &site.ask(PUBLIC_CLIENT).with("prompt", prompt), &browser).await;
        browser.get(back.as_str()).await
    };

    ended(&asked("login").await, 502, "does not say when you signed in");
    let (authorize, _) = requests(&sim);
    assert_eq!((authorize.get("prompt"), authorize.get("max_age")), (Some("select_account consent"), Some("0")));
    site.audit().await.only("sign_in_refused").says("row", "SU-03");

    asked("select_account").await.has_status(303);
}

#[tokio::test]
async fn g1_nobody_of_another_organisation_comes_in_by_google() {
    let (site, sim) = at_as(Profile::google(), |declared| declared["domains"] = json!(["acme.example"])).await;
    signs_in(&site).await;
    sim.person(ALICE, |alice| alice.domain = "elsewhere.example".to_owned());

    come_back(&site).await.has_status(502);
}

#[tokio::test]
async fn k1_keycloak_s_answer_without_its_name_is_refused() {
    let (site, _) = at(Profile::keycloak()).await;
    signs_in(&site).await;

    let (site, _) = at(Profile { names_itself: false, ..Profile::keycloak() }).await;
    come_back(&site).await.has_status(400);
}

#[tokio::test]
async fn x1_a_key_that_is_new_is_looked_for_and_what_is_no_key_is_passed_over() {
    for profile in Profile::all() {
        let (site, sim) = at(profile).await;
        sim.litter_keys();
        signs_in(&site).await;
        sim.rotate_keys();
        site.turn(std::time::Duration::from_secs(61)); // nobody is asked for keys more often

        signs_in(&site).await;

        assert_eq!(sim.asked(Endpoint::Keys).len(), 2);
    }
}

#[tokio::test]
async fn x1_a_signature_that_proves_nothing_signs_nobody_in() {
    for how in [Signed::ByUnknownKey, Signed::ByNobody, Signed::ByPublicKey] {
        let (site, sim) = at(Profile::auth0()).await; // which says that it signs by HS256 too
        sim.sign(how);
        come_back(&site).await.has_status(502);
        assert!(site.audit().await.of_kind("signed_in").is_empty(), "{how:?}");
    }
    let (site, sim) = at(Profile::okta()).await;
    sim.mislabel_key();
    come_back(&site).await.has_status(502);
}

#[tokio::test]
async fn x2_a_token_endpoint_that_answers_anyhow_is_told_on_a_page_and_followed_nowhere() {
    let elsewhere = Fault::Redirect("/elsewhere".to_owned());
    for fault in [Fault::Status(500), Fault::Html, Fault::Truncated, elsewhere, Fault::Large(2_000_000)] {
        let (site, sim) = at(Profile::okta()).await;
        sim.fault(Endpoint::Token, fault.clone());

        ended(&come_back(&site).await, 502, "sign-in service");

        assert!(sim.asked(Endpoint::Elsewhere).is_empty(), "{fault:?}");
        sim.heal();
        signs_in(&site).await;
    }
}

#[tokio::test]
async fn x3_while_the_provider_is_down_who_is_known_goes_on_and_nobody_new_comes_in() {
    let (site, sim) = at(Profile::okta()).await;
    let browser = site.browser();
    let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    for endpoint in [Endpoint::Metadata, Endpoint::Keys, Endpoint::Authorize, Endpoint::Token] {
        sim.fault(endpoint, Fault::Status(503));
    }

    tokens.call(BANK, "account_balance").await.answered();
    tokens.refresh().await.granted();
    site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    let stranger: Browser = site.browser();
    let page = site.ask(PUBLIC_CLIENT).answered(&stranger, ALICE, true).await;
    page.has_status(503);
}
