//! What the simulated providers show, held against what was recorded of the real ones.

use std::collections::BTreeSet;

use super::*;
use crate::{HandClock, claims, people};
use url::Url;

const CALLBACK: &str = "http://127.0.0.1:1/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The members of an ID token that each provider sent, `nonce` and all, after asking for `openid profile email`.
const ID_TOKENS: [(&str, &str); 6] = [
    ("entra", "aud iss iat nbf exp name nonce oid preferred_username rh sub tid uti ver sid email"),
    ("okta", "sub name email ver iss aud iat exp jti amr idp nonce preferred_username auth_time at_hash groups"),
    ("cognito", "at_hash sub email_verified iss cognito:username nonce origin_jti aud event_id token_use auth_time exp iat jti email"),
    ("auth0", "nickname name picture updated_at email email_verified iss aud sub iat exp sid nonce https://acme.example/groups"),
    ("google", "iss azp aud sub hd email email_verified at_hash nonce name iat exp"),
    ("keycloak", "exp iat auth_time jti iss aud sub typ azp nonce sid at_hash acr email_verified name preferred_username email groups"),
];

async fn sim(profile: Profile) -> IdpSim {
    IdpSim::start(profile, Arc::new(HandClock::new()), &[CALLBACK]).await
}

/// Through the provider's pages and its token endpoint, as a client would.
async fn signed_in(sim: &IdpSim, more: &[(&str, &str)]) -> Value {
    let metadata = sim.metadata();
    let browser = Browser::new(Arc::new(HandClock::new()));
    let mut url = Url::parse(metadata["authorization_endpoint"].as_str().expect("an address")).expect("an address");
    let usual = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let kept = usual.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
    url.query_pairs_mut().extend_pairs(kept.chain(more.iter().copied()));
    let page = browser.get(url.as_str()).await;
    let back = people::go_on(&browser, page, ALICE, true, &Url::parse(CALLBACK).expect("an address")).await;
    let code = back.sent("code").unwrap_or_else(|| panic!("no code: {back:?}"));
    redeemed(sim, &[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)])
        .await
        .has_status(200)
        .json()
}

async fn redeemed(sim: &IdpSim, fields: &[(&str, &str)]) -> Answer {
    let fields = [fields, &[("client_id", CLIENT), ("client_secret", SECRET)]].concat();
    let endpoint = sim.metadata()["token_endpoint"].as_str().expect("an address").to_owned();
    Browser::program(Arc::new(HandClock::new())).post(&endpoint, &fields).await
}

async fn refreshed(sim: &IdpSim, token: &str) -> Answer {
    redeemed(sim, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"))
}

#[tokio::test]
async fn each_id_token_has_the_members_that_were_recorded() {
    for (profile, (name, members)) in Profile::all().into_iter().zip(ID_TOKENS) {
        assert_eq!(profile.name, name);
        let sim = sim(profile).await;

        let claims = claims(text(&signed_in(&sim, &[]).await, "id_token"));

        let members: BTreeSet<&str> = members.split(' ').collect();
        let seen: BTreeSet<&str> = claims.as_object().expect("claims").keys().map(String::as_str).collect();
        assert_eq!(seen, members, "{name}");
    }
}

#[tokio::test]
async fn each_metadata_is_served_where_the_issuer_says_and_speaks_of_what_is_there() {
    for profile in Profile::all() {
        let sim = sim(profile).await;
        let at = format!("{}/.well-known/openid-configuration", sim.declared_issuer().trim_end_matches('/'));

        let metadata = Browser::program(Arc::new(HandClock::new())).get(&at).await.has_status(200).json();

        assert_eq!(metadata["issuer"], sim.issuer());
        let authorize = Url::parse(text(&metadata, "authorization_endpoint")).expect("an address");
        let issuer = Url::parse(&sim.issuer()).expect("an address");
        assert_eq!(authorize.host_str() != issuer.host_str(), sim.0.profile.elsewhere, "C1");
    }
    let entra = sim(Profile::entra()).await.metadata();
    for absent in ["code_challenge_methods_supported", "grant_types_supported", "registration_endpoint"] {
        assert!(entra.get(absent).is_none(), "E3: {absent}");
    }
}

#[tokio::test]
async fn refresh_tokens_go_by_each_provider_s_rules() {
    let entra = sim(Profile::entra()).await;
    let first = signed_in(&entra, &[("scope", "openid offline_access")]).await;
    let first = text(&first, "refresh_token");
    assert_ne!(text(&refreshed(&entra, first).await.json(), "refresh_token"), first);
    refreshed(&entra, first).await.has_status(200); // E5

    let auth0 = sim(Profile::auth0()).await;
    let first = signed_in(&auth0, &[("scope", "openid offline_access")]).await;
    let second = refreshed(&auth0, text(&first, "refresh_token")).await.json();
    refreshed(&auth0, text(&first, "refresh_token")).await.has_status(400);
    refreshed(&auth0, text(&second, "refresh_token")).await.has_status(400); // A2: the whole family

    let cognito = sim(Profile::cognito()).await;
    let first = signed_in(&cognito, &[]).await;
    let second = refreshed(&cognito, text(&first, "refresh_token")).await.has_status(200).json();
    assert!(second.get("refresh_token").is_none(), "C3");

    let google = sim(Profile::google()).await;
    assert!(signed_in(&google, &[]).await.get("refresh_token").is_none(), "G1");
    let offline = [("access_type", "offline"), ("prompt", "consent")];
    assert!(signed_in(&google, &offline).await["refresh_token"].is_string(), "G1");
}

#[tokio::test]
async fn errors_look_as_they_do_there() {
    let entra = sim(Profile::entra()).await;
    let token = signed_in(&entra, &[("scope", "openid offline_access")]).await;
    entra.expire_secret(true);
    let error = refreshed(&entra, text(&token, "refresh_token")).await.has_status(401).json();
    assert_eq!((error["error"].as_str(), &error["error_codes"][0]), (Some("invalid_client"), &json!(7_000_222)), "E7");
    entra.expire_secret(false);
    entra.person(ALICE, |alice| alice.needs = Some(Need::SecondFactor));
    let error = refreshed(&entra, text(&token, "refresh_token")).await.has_status(400).json();
    assert!(error["claims"].is_string() && error["error"] == "interaction_required", "E6: {error}");

    let cognito = sim(Profile::cognito()).await;
    let error = refreshed(&cognito, "unknown").await.has_status(400).json();
    assert_eq!(error, json!({ "error": "invalid_grant" }), "C4");
}

#[tokio::test]
async fn e4_more_than_two_hundred_groups_are_left_out_and_said_to_be_elsewhere() {
    let sim = sim(Profile::entra()).await;
    let many: Vec<String> = (0..201).map(|number| format!("group-{number}")).collect();
    sim.person(ALICE, |alice| alice.groups = many);

    let claims = claims(text(&signed_in(&sim, &[]).await, "id_token"));

    assert!(claims.get("groups").is_none() && claims["_claim_names"]["groups"] == "src1", "{claims}");
}

#[tokio::test]
async fn k4_a_registration_s_own_token_changes_with_each_use() {
    let sim = sim(Profile::keycloak()).await;
    let program = Browser::program(Arc::new(HandClock::new()));
    let endpoint = text(&sim.metadata(), "registration_endpoint").to_owned();
    let metadata = json!({ "redirect_uris": [CALLBACK] });
    program.post_json(&endpoint, &metadata).await.has_status(403);
    let token = sim.registrar(Some(1));
    let asked = |method: http::Method, url: &str, token: &str, body: &Value| {
        let request = crate::request(method, url).header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        request.body(bytes::Bytes::from(body.to_string())).expect("a request")
    };
    let made = program.send(asked(http::Method::POST, &endpoint, &token, &metadata)).await.has_status(201).json();
    program.send(asked(http::Method::POST, &endpoint, &token, &metadata)).await.has_status(403);

    let (own, at) = (text(&made, "registration_access_token"), text(&made, "registration_client_uri"));
    let read = program.send(asked(http::Method::GET, at, own, &Value::Null)).await.has_status(200).json();
    program.send(asked(http::Method::GET, at, own, &Value::Null)).await.has_status(401);
    program.send(asked(http::Method::DELETE, at, text(&read, "registration_access_token"), &Value::Null)).await.has_status(204);
    assert!(sim.registered().is_empty());
}
