//! Registration by proxy: who registers here is registered at the company's provider, and is known to it by an id of its own.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_testkit::cast::{AGENT, ALICE, BANK, IDENTITY_PROVIDER, PUBLIC_CLIENT, REDIRECT_AT, REDIRECT_URI};
use chancery_testkit::idp_sim::{Endpoint, Fault, IdpSim, Profile};
use chancery_testkit::{Administered, Answer, App, Approve, Forge, MakeToken, Registering, Site, request};
use http::{Method, Request, header};
use serde_json::json;

use crate::way::callback;

/// As a tenant has it that says nothing else.
const RECHECK: Duration = Duration::from_secs(15 * 60);
const CREDENTIAL: &str = "env:REGISTRAR";

/// A site whose clients must be known to a provider of this kind, which gives us this credential.
pub async fn behind(profile: Profile, scheme: &str, uses: Option<u32>) -> (Site, IdpSim) {
    let site = Site::on_sqlite().await;
    let sim = site.simulated(profile, IDENTITY_PROVIDER).await;
    site.secret(CREDENTIAL, &sim.registrar(uses));
    site.apply(|file| {
        file["identity_providers"] = json!([sim.declared(IDENTITY_PROVIDER)]);
        file["registration"]["proxy"] = json!({ "provider": IDENTITY_PROVIDER, "scheme": scheme, "credential": CREDENTIAL });
    })
    .await;
    (site, sim)
}

pub async fn register(site: &Site) -> Answer {
    site.register(&json!({ "client_name": "A notebook", "redirect_uris": [REDIRECT_URI] })).await
}

pub fn app(registered: &Answer) -> App {
    let id = registered.has_status(201).json()["client_id"].as_str().expect("a client has an id").to_owned();
    App { id, secret: None, redirect_uri: REDIRECT_AT.to_owned() }
}

#[tokio::test]
async fn sb_04_each_client_here_is_one_at_the_provider_and_signs_in_as_that() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;

    let apps = [app(&register(&site).await), app(&register(&site).await)];

    let theirs = sim.registered();
    assert_eq!(theirs.len(), 2);
    for (app, (their_id, client)) in apps.iter().zip(&theirs) {
        assert_ne!(&app.id, their_id);
        assert_eq!(client.redirect_uris, [callback(&site).to_string()]);
        assert!(client.metadata["client_name"].as_str().is_some_and(|name| name.contains(&app.id)), "{client:?}");
        let tokens = site.ask_as(app.clone()).approved_by(ALICE).await.redeem().await.granted();
        tokens.call(BANK, "account_balance").await.answered();
        assert_eq!(sim.asked(Endpoint::Authorize).pop().expect("it was asked").get("client_id"), Some(their_id.as_str()));
    }
    let of_the_file = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    of_the_file.call(BANK, "account_balance").await.answered();
    assert_eq!(sim.asked(Endpoint::Authorize).pop().expect("it was asked").get("client_id"), Some("chancery"));
}

#[tokio::test]
async fn a_provider_that_does_not_answer_or_refuses_leaves_nothing_half_made() {
    let troubles = [
        (Fault::Status(503), 503, "temporarily_unavailable"),
        (Fault::Html, 500, "server_error"),
        (Fault::Says(400, r#"{"error":"invalid_client_metadata"}"#.to_owned()), 500, "server_error"),
    ];
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    for (fault, status, error) in troubles {
        sim.fault(Endpoint::Register, fault);
        register(&site).await.refused(status, error);
        assert!(site.audit().await.of_kind("client_registered").is_empty());
    }
    sim.heal();
    assert!(sim.registered().is_empty());
    app(&register(&site).await);
}

#[tokio::test]
async fn k4_an_initial_access_token_that_is_used_up_registers_nobody() {
    let (site, sim) = behind(Profile::keycloak(), "Bearer", Some(1)).await;
    app(&register(&site).await);

    register(&site).await.refused(500, "server_error");

    assert_eq!(sim.registered().len(), 1);
    assert_eq!(site.audit().await.of_kind("client_registered").len(), 1);
}

#[tokio::test]
async fn k4_what_ends_here_ends_there_however_long_the_provider_is_away() {
    for (profile, scheme, uses) in [(Profile::okta(), "SSWS", None), (Profile::keycloak(), "Bearer", Some(9))] {
        let (site, sim) = behind(profile, scheme, uses).await;
        app(&register(&site).await);
        site.forget_left_behind().await;
        assert_eq!(sim.registered().len(), 1, "it is still ours");

        site.turn(Duration::from_hours(2)); // nobody ever used it
        site.reap().await;
        sim.fault(Endpoint::Register, Fault::Status(503));
        site.forget_left_behind().await;
        assert_eq!(sim.registered().len(), 1);
        sim.heal();
        site.forget_left_behind().await;
        assert_eq!(sim.registered().len(), 1, "it was tried a moment ago");
        site.turn(Duration::from_mins(11));
        site.forget_left_behind().await;

        assert!(sim.registered().is_empty());
        let asked = sim.asked(Endpoint::Register).into_iter().filter(|asked| asked.method == Method::DELETE.as_str()).count();
        site.turn(Duration::from_mins(11));
        site.forget_left_behind().await;
        assert_eq!(sim.asked(Endpoint::Register).into_iter().filter(|asked| asked.method == Method::DELETE.as_str()).count(), asked);
    }
}

/// Who asked the provider's token endpoint last, by a refresh token or a code.
fn asker(sim: &IdpSim) -> (String, String) {
    let asked = sim.asked(Endpoint::Token).pop().expect("it was asked");
    let pair = asked.authorization.as_deref().and_then(|value| value.strip_prefix("Basic ")).expect("Basic").to_owned();
    let pair = String::from_utf8(STANDARD.decode(pair).expect("base64")).expect("text");
    (asked.get("grant_type").expect("a grant").to_owned(), pair.split_once(':').expect("id and secret").0.to_owned())
}

/// By which of our registrations the provider can be asked about people.
async fn vouchers(site: &Site) -> Vec<String> {
    let rows = site.store().query("SELECT registration FROM vouchers ORDER BY registration", Vec::new()).await.expect("the store answers");
    rows.into_iter().map(|mut row| row.text().expect("text")).collect()
}

#[tokio::test]
async fn sb_08_whoever_came_by_such_a_client_is_asked_about_by_it() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let (app, other) = (app(&register(&site).await), app(&register(&site).await));
    let by_app = site.ask_as(app.clone()).approved_by(ALICE).await.redeem().await.granted();
    let of_the_file = site.sign_in(ALICE, PUBLIC_CLIENT).await;
    let theirs = |app: &App| {
        sim.registered().into_iter().find(|(_, client)| client.metadata["client_name"].as_str().is_some_and(|name| name.contains(&app.id)))
    };
    let their_id = theirs(&app).expect("it is registered there").0;
    assert_eq!(vouchers(&site).await, ["", &app.id]);

    site.turn(RECHECK);
    let by_app = by_app.refresh().await.granted();
    assert_eq!(asker(&sim), ("refresh_token".to_owned(), their_id));
    let of_the_file = of_the_file.refresh().await.granted();
    assert_eq!(asker(&sim), ("refresh_token".to_owned(), "chancery".to_owned()));

    // What the other app was allowed in a session of ours is asked about by our registration, until it has one of its own.
    site.ask_as(other.clone()).approved_by(ALICE).await.redeem().await.granted();
    assert_eq!(vouchers(&site).await.len(), 3);
    sim.disable(ALICE);
    site.turn(RECHECK);
    by_app.refresh().await.refused(400, "invalid_grant");

    site.audit().await.about(ALICE).is("rechecked").says("reason", "provider_refused_refresh");
    of_the_file.refresh().await.refused(400, "invalid_grant");
    assert!(vouchers(&site).await.is_empty());
}

#[tokio::test]
async fn what_was_kept_for_a_client_goes_with_it_and_others_are_not_the_worse_for_it() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let app = app(&register(&site).await);
    let browser = site.browser();
    site.ask_as(app.clone()).approved_in(&browser, ALICE).await.redeem().await.granted();
    let of_the_file = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
    assert_eq!(vouchers(&site).await, [app.id.as_str()], "nobody has signed in by ours");
    site.turn(RECHECK);
    let of_the_file = of_the_file.refresh().await.granted();
    assert_eq!(site.audit().await.of_kind("rechecked").len(), 1, "any is better than none");

    site.turn(Duration::from_hours(400 * 24));
    site.reap().await;
    site.forget_left_behind().await;

    assert!(sim.registered().is_empty() && vouchers(&site).await.is_empty());
    of_the_file.refresh().await.refused(400, "invalid_grant");
    site.sign_in(ALICE, PUBLIC_CLIENT).await.refresh().await.granted();
}

#[tokio::test]
async fn a_registration_that_could_not_be_written_is_undone_at_the_provider() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    site.lose_log().await; // the enrolment has no event, the client has
    register(&site).await.has_status(503);
    assert_eq!(sim.registered().len(), 1);
    site.restore_log().await;

    site.turn(Duration::from_mins(11));
    site.forget_left_behind().await;

    assert!(sim.registered().is_empty());
}

/// An initial access token for these many.
pub async fn token(site: &Site, uses: u32) -> String {
    site.apply(|file| file["registration"]["dynamic"] = json!("token")).await;
    let made = site.registration(Registering::MakeToken(MakeToken { label: "partners".to_owned(), uses, lasts: 3600 })).await;
    let Ok(Administered::RegistrationToken(made)) = made else { panic!("a token is answered with a token") };
    made.token.0.expose().clone()
}

pub async fn register_by(site: &Site, bearer: &str) -> Answer {
    site.program().send(registration(site, bearer)).await
}

pub fn registration(site: &Site, bearer: &str) -> Request<Bytes> {
    let post = request(Method::POST, &site.endpoint("register")).header(header::AUTHORIZATION, format!("Bearer {bearer}"));
    let metadata =
        json!({ "client_name": "A notebook", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "client_secret_post" });
    post.body(metadata.to_string().into()).expect("a request")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dr_05_who_is_refused_here_is_nobody_at_the_provider() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let once = token(&site, 1).await;

    let tries = (0..10).map(|_| {
        let (site, once) = (site.clone(), once.clone());
        tokio::spawn(async move { register_by(&site, &once).await.status.as_u16() })
    });
    let mut made = 0;
    for tried in tries.collect::<Vec<_>>() {
        made += usize::from(tried.await.expect("an answer") == 201);
    }

    assert_eq!((made, sim.registered().len()), (1, 1));
    let asked = sim.asked(Endpoint::Register).into_iter().filter(|asked| asked.method == Method::POST.as_str()).count();
    assert_eq!(asked, 1, "the provider was asked for nobody else");
}

#[tokio::test]
async fn dr_05_what_the_provider_refuses_uses_up_no_credential() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    let key = Forge::stranger("ci-1");
    let by_platform = |site: &Site, id: &str| {
        let now = site.now().seconds();
        let claims =
            json!({ "iss": "https://ci.example.com", "aud": site.issuer(), "repository": "acme/app", "exp": now + 300, "jti": id });
        key.signed(&json!({ "alg": "ES256", "kid": key.kid, "typ": "JWT" }).to_string(), &claims.to_string())
    };
    let once = token(&site, 1).await;
    site.apply(|file| {
        file["registration"]["platforms"] = json!([{
            "name": "ci", "issuer": "https://ci.example.com", "jwks": json!({ "keys": [key.jwk()] }).to_string(), "agent": AGENT,
            "claims": { "repository": "acme/*" }, "scopes": "bank:read", "grants": ["authorization_code"],
        }]);
    })
    .await;
    let platform = by_platform(&site, "job-1");
    for credential in [&once, &platform] {
        sim.fault(Endpoint::Register, Fault::Status(503));
        register_by(&site, credential).await.refused(503, "temporarily_unavailable");
        sim.heal();

        register_by(&site, credential).await.has_status(201);
        register_by(&site, credential).await.refused(401, "invalid_token");
    }

    assert_eq!(sim.registered().len(), 2);
    let log = site.audit().await;
    assert_eq!((log.of_kind("enrolment_begun").len(), log.of_kind("client_registered").len()), (4, 2));
    let refused = log.of_kind("registration_refused");
    assert!(refused.len() == 2 && refused.iter().all(|event| event.fields["outcome"] == "temporarily_unavailable"), "{refused:?}");
}

#[tokio::test]
async fn dr_06_a_client_that_waits_is_nobody_at_the_provider_until_it_is_let_in() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    site.apply(|file| file["registration"]["dynamic"] = json!("approval")).await;
    let client = app(&register(&site).await);
    assert!(sim.registered().is_empty());
    let Ok(Administered::Waiting(waiting)) = site.registration(Registering::List).await else { panic!("a list") };
    let seen = waiting.clients[0].digest.clone();

    site.registration(Registering::Approve(Approve { id: client.id.clone(), seen })).await.expect("approved");
    site.ask_as(client.clone()).approved_by(ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered();

    let theirs = sim.registered();
    assert_eq!(theirs.len(), 1);
    let (their_id, _) = theirs.first().expect("one");
    assert_eq!(sim.asked(Endpoint::Authorize).pop().expect("it was asked").get("client_id"), Some(their_id.as_str()));
}

#[tokio::test]
async fn a_name_that_comes_to_mean_another_issuer_brings_it_no_secret_of_the_first() {
    let (site, sim) = behind(Profile::okta(), "SSWS", None).await;
    app(&register(&site).await); // a simulated provider counts its clients, and the other's first is not to be called like this one
    let client = app(&register(&site).await);
    site.ask_as(client.clone()).approved_by(ALICE).await.redeem().await.granted();
    let (old_id, old) = sim.registered().into_iter().next_back().expect("it is registered there");

    let other = site.simulated(Profile::okta(), IDENTITY_PROVIDER).await;
    site.secret(CREDENTIAL, &other.registrar(None));
    site.apply(|file| file["identity_providers"] = json!([other.declared(IDENTITY_PROVIDER)])).await;
    site.ask_as(client).approved_by(ALICE).await.redeem().await.granted().call(BANK, "account_balance").await.answered();

    assert_eq!(other.registered().len(), 1, "it is known there by itself");
    for endpoint in [Endpoint::Authorize, Endpoint::Token, Endpoint::Register] {
        for asked in other.asked(endpoint) {
            let said = format!("{asked:?}");
            assert!(!said.contains(&old.secret) && !said.contains(&old_id), "{said}");
        }
    }
}

#[tokio::test]
async fn what_the_provider_made_and_cannot_be_used_is_removed_there() {
    let (site, sim) = behind(Profile::keycloak(), "Bearer", Some(9)).await;
    app(&register(&site).await);
    let asked = sim.asked(Endpoint::Register).pop().expect("it was asked");
    let made = json!({ "client_id": "public-one", "registration_access_token": "its-own", "registration_client_uri": format!("{}{}/public-one", sim.base(), asked.path) });
    sim.fault(Endpoint::Register, Fault::Says(201, made.to_string()));

    register(&site).await.refused(500, "server_error");

    let last = sim.asked(Endpoint::Register).pop().expect("it was asked");
    assert_eq!((last.method.as_str(), last.authorization.as_deref()), ("DELETE", Some("Bearer its-own")));
    assert!(last.path.ends_with("/public-one"), "{last:?}");
}
