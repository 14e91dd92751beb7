//! The provider says that a session of its own ended (OpenID Connect Back-Channel Logout 1.0).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chancery_testkit::cast::{AGENT_CLIENT, ALICE, BANK, BOB, IDENTITY_PROVIDER, OTHER_PROVIDER, PUBLIC_CLIENT};
use chancery_testkit::idp_sim::{Endpoint, Fault, IdpSim, Profile};
use chancery_testkit::provider::{KEYS, METADATA, TOKEN};
use chancery_testkit::{Answer, Browser, Site, Tokens, claims};
use futures_util::future::join_all;
use serde_json::{Value, json};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const MINUTE: Duration = Duration::from_secs(60);

fn told_at(site: &Site, provider: &str) -> String {
    site.endpoint(&format!("backchannel-logout/{provider}"))
}

async fn tell(site: &Site, token: &str) -> Answer {
    site.program().post(&told_at(site, IDENTITY_PROVIDER), &[("logout_token", token)]).await
}

/// The ID tokens that the provider gives from now on.
fn id_tokens(site: &Site) -> Arc<Mutex<Vec<String>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    site.identity_provider().alter_json(TOKEN, move |answer| {
        if let Some(token) = answer["id_token"].as_str() {
            keep.lock().expect("nobody panics").push(token.to_owned());
        }
    });
    seen
}

/// A person in a browser of theirs, and what an app got there.
async fn signed_in(site: &Site, person: &'static str, app: &'static str) -> (Browser, Tokens) {
    let browser = site.browser();
    let tokens = site.ask(app).approved_in(&browser, person).await.redeem().await.granted();
    (browser, tokens)
}

/// Signed by the provider, about what this ID token is about.
fn logout_token(site: &Site, about: &str, change: impl FnOnce(&mut Value)) -> String {
    let (id, now) = (claims(about), site.now().seconds());
    let mut all = json!({
        "iss": id["iss"], "aud": id["aud"], "sub": id["sub"], "sid": id["sid"],
        "iat": now, "exp": now + 120, "jti": format!("logout-{}", id["sid"]), "events": { EVENT: {} },
    });
    change(&mut all);
    signed(site, "logout+jwt", &all)
}

fn signed(site: &Site, typ: &str, claims: &Value) -> String {
    let forge = site.identity_provider().forge();
    let header = json!({ "typ": typ, "alg": "ES256", "kid": forge.kid });
    forge.signed(&header.to_string(), &claims.to_string())
}

fn said_yes(answer: &Answer) {
    answer.has_status(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
}

fn said_no(answer: &Answer, why: &str) {
    answer.has_status(400);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["error"], "invalid_request", "{body}");
    assert!(body["error_description"].as_str().is_some_and(|said| said.contains(why)), "{why:?} is not told: {body}");
}

async fn goes_on(tokens: &Tokens) -> Tokens {
    tokens.call(BANK, "account_balance").await.answered();
    tokens.refresh().await.granted()
}

async fn is_over(tokens: &Tokens) {
    tokens.call(BANK, "account_balance").await.challenged("invalid_token");
    let refusal = tokens.refresh().await.refused(400, "invalid_grant").json();
    let words = refusal["error_description"].as_str().expect("words");
    assert!(words.contains("the identity provider ended the session of the person"), "{words}");
}

async fn is_known(site: &Site, browser: &Browser) -> bool {
    site.ask(PUBLIC_CLIENT).open(browser).await.text().contains("is signed in")
}

chancery_testkit::both_stores! {
    async fn bl_02_who_is_signed_out_at_the_provider_is_signed_out_here_and_their_agents_stop(site: Site) {
        let (browser, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let (_, agent) = signed_in(&site, ALICE, AGENT_CLIENT).await;
        let (bob_s, others) = signed_in(&site, BOB, PUBLIC_CLIENT).await;

        site.identity_provider().sign_out(ALICE).await;

        is_over(&tokens).await;
        is_over(&agent).await;
        assert!(!is_known(&site, &browser).await);
        let log = site.audit().await;
        log.about(ALICE).is("logged_out").says("reason", "provider_logged_out").says("outcome", "ended").says("identity_provider", IDENTITY_PROVIDER);
        assert_eq!(log.of_kind("logged_out").len(), 2, "each session is told of");
        goes_on(&others).await;
        assert!(is_known(&site, &bob_s).await);
        signed_in(&site, ALICE, PUBLIC_CLIENT).await.1.call(BANK, "account_balance").await.answered();
    }

    async fn bl_02_only_what_began_by_that_session_ends(site: Site) {
        let given = id_tokens(&site);
        let (first, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let (second, others) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let about = given.lock().expect("nobody panics")[0].clone();

        said_yes(&tell(&site, &logout_token(&site, &about, |_| ())).await);

        is_over(&tokens).await;
        assert!(!is_known(&site, &first).await);
        goes_on(&others).await;
        assert!(is_known(&site, &second).await);
    }

    async fn bl_02_a_token_that_names_the_person_alone_ends_all_of_theirs(site: Site) {
        let given = id_tokens(&site);
        let (first, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let (second, others) = signed_in(&site, ALICE, AGENT_CLIENT).await;
        let (_, bob_s) = signed_in(&site, BOB, PUBLIC_CLIENT).await;
        let about = given.lock().expect("nobody panics")[0].clone();
        let of_person = |claims: &mut Value| drop(claims.as_object_mut().expect("an object").remove("sid"));

        said_yes(&tell(&site, &logout_token(&site, &about, of_person)).await);

        is_over(&tokens).await;
        is_over(&others).await;
        assert!(!is_known(&site, &first).await && !is_known(&site, &second).await);
        goes_on(&bob_s).await;
        let stranger = |claims: &mut Value| (claims["sub"], claims["sid"], claims["jti"]) = (json!("nobody"), Value::Null, json!("2"));
        said_yes(&tell(&site, &logout_token(&site, &about, stranger)).await);
        assert_eq!(site.audit().await.of_kind("logged_out").len(), 2, "nobody was known, and the provider said so all the same");
    }

    async fn bl_02_a_grant_ends_though_the_session_it_was_allowed_in_is_long_over(site: Site) {
        let given = id_tokens(&site);
        let (_, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        site.turn(MINUTE * 60 * 9);
        site.reap().await;
        let tokens = goes_on_after_a_while(&tokens).await;
        let about = given.lock().expect("nobody panics")[0].clone();

        said_yes(&tell(&site, &logout_token(&site, &about, |_| ())).await);

        is_over(&tokens).await;
    }

    async fn bl_02_a_tenant_may_let_agents_go_on(site: Site) {
        site.apply(|file| file["sign_out"] = json!({ "ends_grants": false })).await;
        let (browser, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;

        site.identity_provider().sign_out(ALICE).await;

        assert!(!is_known(&site, &browser).await);
        goes_on(&tokens).await;
    }

    async fn bl_01_a_logout_token_is_used_once_however_often_it_comes(site: Site) {
        let given = id_tokens(&site);
        let (_, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let about = given.lock().expect("nobody panics")[0].clone();
        let token = logout_token(&site, &about, |_| ());

        let told = join_all((0..20).map(|_| tell(&site, &token))).await;

        assert_eq!(told.iter().filter(|answer| answer.status.as_u16() == 200).count(), 1, "{told:?}");
        told.iter().filter(|answer| answer.status.as_u16() != 200).for_each(|answer| said_no(answer, "used before"));
        is_over(&tokens).await;
        assert_eq!(site.audit().await.of_kind("logged_out").len(), 1);
    }

    async fn bl_01_what_is_no_good_logout_token_ends_nothing_and_is_counted(site: Site) {
        let given = id_tokens(&site);
        let (browser, mut tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
        let about = given.lock().expect("nobody panics")[0].clone();
        let good = claims(&about);
        let but = |change: fn(&mut Value)| logout_token(&site, &about, change);
        let now = site.now().seconds();
        let stale = logout_token(&site, &about, |claims| (claims["iat"], claims["exp"]) = (json!(now - 300), json!(now - 61)));
        let mut unsigned = but(|_| ()).rsplit_once('.').expect("three parts").0.to_owned();
        unsigned.push_str(".AAAA");
        let table = [
            // It is what everybody who signed in has; without a type of its own its claims must tell.
            ("the ID token itself", about.clone(), "a claim is missing"),
            ("an ID token's claims", signed(&site, "JWT", &good), "a claim is missing"),
            ("an access token's type", signed(&site, "at+jwt", &claims(&but(|_| ()))), "another type"),
            ("a nonce", but(|claims| claims["nonce"] = json!("n")), "nonce"),
            ("another event", but(|claims| claims["events"] = json!({ "urn:other": {} })), "events"),
            ("another audience", but(|claims| claims["aud"] = json!("another-client")), "another client"),
            ("another issuer", but(|claims| claims["iss"] = json!("https://evil.example")), "another provider"),
            ("nobody", but(|claims| (claims["sub"], claims["sid"]) = (Value::Null, Value::Null)), "neither a session nor a person"),
            ("no jti", but(|claims| claims["jti"] = Value::Null), "a claim is missing"),
            ("its time is over", stale, "expired"),
            ("no signature", unsigned, "signature"),
            ("garbage", "garbage".to_owned(), "three parts"),
        ];
        for (what, token, why) in table {
            let told = tell(&site, &token).await;
            assert_eq!(told.status.as_u16(), 400, "{what}: {told:?}");
            said_no(&told, why);
        }
        let at = told_at(&site, IDENTITY_PROVIDER);
        said_no(&site.program().post(&at, &[]).await, "is missing");
        said_no(&site.program().post(&at, &[("logout_token", &but(|_| ())), ("logout_token", "x")]).await, "twice");
        said_no(&site.program().post_json(&at, &json!({ "logout_token": but(|_| ()) })).await, "x-www-form-urlencoded");
        said_no(&site.program().post(&at, &[("logout_token", &"x".repeat(40_000))]).await, "32 KB");
        site.program().get(&at).await.has_status(405);

        tokens = goes_on(&tokens).await;
        assert!(is_known(&site, &browser).await);
        assert!(site.audit().await.of_kind("logged_out").is_empty());
        site.summarise().await;
        assert!(!site.audit().await.of_kind("refusals_counted").is_empty());
        said_yes(&tell(&site, &but(|_| ())).await);
        is_over(&tokens).await;
    }

    async fn bl_01_one_provider_says_nothing_of_another_s_sessions(site: Site) {
        let other = site.other_provider();
        site.apply(|file| file["identity_providers"].as_array_mut().expect("a list").push(other)).await;
        let given = id_tokens(&site);
        let browser = site.browser();
        site.apply(|file| drop(file["identity_providers"].as_array_mut().expect("a list").pop())).await;
        let tokens = site.ask(PUBLIC_CLIENT).approved_in(&browser, ALICE).await.redeem().await.granted();
        let other = site.other_provider();
        site.apply(|file| file["identity_providers"].as_array_mut().expect("a list").push(other)).await;
        let about = given.lock().expect("nobody panics")[0].clone();

        let token = logout_token(&site, &about, |_| ());
        said_no(&site.program().post(&told_at(&site, OTHER_PROVIDER), &[("logout_token", &token)]).await, "another provider");
        // The other signs with a key of its own, about a session that is not its own.
        let forge = site.other_identity_provider().forge();
        let mut foreign = claims(&token);
        foreign["iss"] = json!(claims(&about)["iss"].as_str().expect("text").replace("/idp", "/partner"));
        let header = json!({ "typ": "logout+jwt", "alg": "ES256", "kid": forge.kid });
        let foreign = forge.signed(&header.to_string(), &foreign.to_string());
        said_yes(&site.program().post(&told_at(&site, OTHER_PROVIDER), &[("logout_token", &foreign)]).await);

        goes_on(&tokens).await;
        assert!(is_known(&site, &browser).await);
        site.program().post(&told_at(&site, "nobody"), &[("logout_token", &token)]).await.has_status(404);
    }
}

/// A token that is over is no use at the bank; its refresh is.
async fn goes_on_after_a_while(tokens: &Tokens) -> Tokens {
    goes_on(&tokens.refresh().await.granted()).await
}

#[tokio::test]
async fn bl_01_strangers_make_us_ask_the_provider_for_nothing() {
    let site = Site::on_sqlite().await;
    let of_somebody_else = "eyJhbGciOiJFUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJodHRwczovL2V2aWwuZXhhbXBsZSJ9.AAAA";
    for _ in 0..50 {
        said_no(&tell(&site, of_somebody_else).await, "another provider");
    }
    assert_eq!((site.identity_provider().asked(METADATA), site.identity_provider().asked(KEYS)), (0, 0));
    // Who names the provider, and a key that nobody has, has us look once.
    let given = id_tokens(&site);
    signed_in(&site, ALICE, PUBLIC_CLIENT).await;
    let about = given.lock().expect("nobody panics")[0].clone();
    let (forge, claims) = (site.identity_provider().forge(), claims(&logout_token(&site, &about, |_| ())));
    let before = site.identity_provider().asked(KEYS);
    site.turn(Duration::from_secs(31));
    for kid in 0..50 {
        let header = json!({ "typ": "logout+jwt", "alg": "ES256", "kid": format!("{}-{kid}", forge.kid) });
        said_no(&tell(&site, &forge.signed(&header.to_string(), &claims.to_string())).await, "does not list");
    }
    assert_eq!(site.identity_provider().asked(KEYS), before + 1);
}

/// A site whose people sign in at a provider of this kind, and alice, who did.
async fn at(profile: Profile) -> (Site, IdpSim, Browser, Tokens) {
    let site = Site::on_sqlite().await;
    let sim = site.simulated(profile, IDENTITY_PROVIDER).await;
    let declared = sim.declared(IDENTITY_PROVIDER);
    site.apply(|file| file["identity_providers"] = json!([declared])).await;
    let (browser, tokens) = signed_in(&site, ALICE, PUBLIC_CLIENT).await;
    (site, sim, browser, tokens)
}

#[tokio::test]
async fn a4_auth0_and_keycloak_say_which_session_ended_or_whose_all_did() {
    for profile in [Profile::auth0, Profile::keycloak] {
        for with_session in [true, false] {
            let (site, sim, browser, tokens) = at(profile()).await;

            said_yes(&sim.tell_of_logout(&told_at(&site, IDENTITY_PROVIDER), &sim.logout_token(ALICE, with_session, |_| ())).await);

            is_over(&tokens).await;
            assert!(!is_known(&site, &browser).await);
        }
    }
}

#[tokio::test]
async fn bl_01_a_logout_that_could_not_be_checked_is_to_be_said_again() {
    let (site, sim, browser, tokens) = at(Profile::auth0()).await;
    let at = told_at(&site, IDENTITY_PROVIDER);
    sim.rotate_keys();
    sim.fault(Endpoint::Keys, Fault::Status(503));
    site.turn(MINUTE * 2);
    let token = sim.logout_token(ALICE, true, |_| ());

    let told = sim.tell_of_logout(&at, &token).await;
    told.has_status(503);
    assert_eq!((told.header("cache-control"), told.header("retry-after")), (Some("no-store"), Some("1")), "{told:?}");
    assert!(is_known(&site, &browser).await);

    sim.heal();
    site.turn(MINUTE);
    said_yes(&sim.tell_of_logout(&at, &token).await);
    is_over(&tokens).await;
}
