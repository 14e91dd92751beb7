//! Clients hear that a session ended (OpenID Connect Back-Channel Logout), at a web server on loopback that the tenant lists as private.

use std::time::Duration;

use chancery_crypto::jose::{Algorithm, Expected, KeySet, Typ, verify};
use chancery_testkit::cast::{ALICE, BANK, BOB, PUBLIC_CLIENT};
use chancery_testkit::web::{Reply, Web};
use chancery_testkit::{App, Browser, Site, Tokens};
use serde_json::{Value, json};

use crate::sign_out::sign_out;

const PATH: &str = "/logout";
const MINUTE: Duration = Duration::from_secs(60);

/// A client's server that hears with this answer.
async fn hearing(site: &Site, reply: Reply) -> Web {
    let web = Web::start().await;
    web.put(PATH, reply);
    site.apply(|file| file["registration"]["documents"] = json!({ "private": [web.at("").replace("https://", "")] })).await;
    web
}

fn well() -> Reply {
    Reply::new(200, &[], "")
}

async fn registered(site: &Site, web: &Web) -> App {
    let metadata = json!({
        "client_name": "Sketchbook", "redirect_uris": ["http://127.0.0.1/callback"],
        "backchannel_logout_uri": web.at(PATH), "backchannel_logout_session_required": true,
    });
    let told = site.register(&metadata).await.has_status(201).json();
    for member in ["backchannel_logout_uri", "backchannel_logout_session_required"] {
        assert_eq!(told[member], metadata[member], "{told}");
    }
    let id = told["client_id"].as_str().expect("an id").to_owned();
    App { id, secret: None, redirect_uri: "http://127.0.0.1:47011/callback".to_owned() }
}

/// Signed in in a new browser; what the app got there.
async fn signed_in(site: &Site, app: &App, person: &'static str) -> (Browser, Tokens) {
    let browser = site.browser();
    let asked = site.ask_as(app.clone()).scope("openid bank:read");
    let tokens = asked.approved_in(&browser, person).await.redeem().await.granted();
    (browser, tokens)
}

/// What was posted, once it is so much: a node's own round may be the one that posts it.
async fn posted(site: &Site, web: &Web, many: usize) -> Vec<String> {
    for _ in 0..500 {
        site.tell_of_logouts().await;
        if web.posted(PATH).len() >= many {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    site.tell_of_logouts().await;
    let posted = web.posted(PATH);
    assert_eq!(posted.len(), many, "{posted:?}");
    posted
}

/// As the client checks it.
async fn checked(site: &Site, body: &str) -> Value {
    signed(site, Typ::Exact("logout+jwt"), body.strip_prefix("logout_token=").expect("a logout token, alone in a form")).await
}

async fn signed(site: &Site, typ: Typ, token: &str) -> Value {
    let keys = site.program().get(&site.endpoint("jwks")).await;
    let keys = KeySet::from_jwks(&keys.body).expect("a key set");
    let expected = Expected { typ, algorithms: &[Algorithm::Es256] };
    verify(token, &keys, &expected).expect("a good signature").claims().expect("claims")
}

chancery_testkit::both_stores! {
    async fn bl_03_who_signs_out_is_signed_out_of_the_clients_that_want_to_hear_of_it(site: Site) {
        let web = hearing(&site, well()).await;
        let app = registered(&site, &web).await;
        let (browser, tokens) = signed_in(&site, &app, ALICE).await;
        let (_, others) = signed_in(&site, &app, BOB).await;
        let id = signed(&site, Typ::IdToken, tokens.id.as_deref().expect("an ID token")).await;

        sign_out(&site, &browser).await;

        let told = checked(&site, &posted(&site, &web, 1).await[0]).await;
        for claim in ["iss", "sub", "aud", "sid"] {
            assert!(told[claim].is_string() && told[claim] == id[claim], "{claim}: {told} {id}"); // BL-03
        }
        let now = site.now().seconds();
        assert!((now - 5..=now).contains(&told["iat"].as_i64().expect("a time")) && told["exp"].as_i64() <= Some(now + 120), "{told}");
        assert_eq!(told["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        assert!(told["jti"].is_string() && told.get("nonce").is_none(), "{told}"); // BL-03
        site.turn(15 * MINUTE);
        posted(&site, &web, 1).await;
        others.refresh().await.granted();
        site.tell_of_logouts().await;
        let metadata = site.metadata().await;
        assert_eq!((&metadata["backchannel_logout_supported"], &metadata["backchannel_logout_session_supported"]), (&json!(true), &json!(true)));
    }

    async fn bl_03_a_client_that_does_not_answer_is_asked_again_when_it_is_time(site: Site) {
        let web = hearing(&site, Reply::new(503, &[], "")).await;
        let app = registered(&site, &web).await;
        let (browser, _) = signed_in(&site, &app, ALICE).await;
        sign_out(&site, &browser).await;

        posted(&site, &web, 1).await;
        web.put(PATH, well());
        posted(&site, &web, 1).await;
        site.turn(MINUTE);

        let bodies = posted(&site, &web, 2).await; // BL-03
        let (first, second) = (checked(&site, &bodies[0]).await, checked(&site, &bodies[1]).await);
        assert!(first["jti"] != second["jti"] && first["sid"] == second["sid"], "{first} {second}");
        site.turn(60 * MINUTE);
        posted(&site, &web, 2).await;
        assert!(site.audit().await.of_kind("logout_untold").is_empty());
    }

    async fn bl_03_nobody_follows_a_client_elsewhere(site: Site) {
        let web = Web::start().await;
        let there = hearing(&site, Reply::new(307, &[("location", &web.at(PATH))], "")).await;
        let app = registered(&site, &there).await;
        let (browser, _) = signed_in(&site, &app, ALICE).await;
        sign_out(&site, &browser).await;

        posted(&site, &there, 1).await;

        assert_eq!(web.asked_in_all(), 0); // BL-03
    }

    async fn bl_03_a_stranger_s_address_inside_the_network_is_not_gone_to_and_the_log_says_so(site: Site) {
        let web = Web::start().await;
        let app = registered(&site, &web).await;
        let (browser, _) = signed_in(&site, &app, ALICE).await;
        sign_out(&site, &browser).await;

        for minutes in [1, 4, 10, 1] {
            site.tell_of_logouts().await;
            site.turn(minutes * MINUTE);
        }
        for _ in 0..500 {
            site.tell_of_logouts().await;
            if !site.audit().await.of_kind("logout_untold").is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }

        assert_eq!(web.asked_in_all(), 0); // BL-03
        site.audit().await.only("logout_untold");
        for bad in ["http://app.example/logout", "http://127.0.0.1/logout", "https://app.example/#x", "logout"] {
            let metadata = json!({ "redirect_uris": ["http://127.0.0.1/callback"], "backchannel_logout_uri": bad });
            site.register(&metadata).await.refused(400, "invalid_client_metadata"); // BL-03
        }
    }

    async fn bl_03_a_client_of_the_file_hears_where_the_file_says(site: Site) {
        let web = Web::start().await;
        web.put(PATH, well());
        let address = web.at(PATH);
        site.apply(|file| {
            let clients = file["clients"].as_array_mut().expect("clients").iter_mut();
            clients.filter(|client| client["name"] == PUBLIC_CLIENT).for_each(|client| client["backchannel_logout_uri"] = json!(address));
            file["sign_out"] = json!({ "ends_grants": false });
        }).await;
        let (browser, tokens) = signed_in(&site, &site.app(PUBLIC_CLIENT), ALICE).await;

        sign_out(&site, &browser).await;

        checked(&site, &posted(&site, &web, 1).await[0]).await; // BL-03
        tokens.refresh().await.granted().call(BANK, "account_balance").await.answered();
    }
}

#[tokio::test]
async fn bl_03_of_several_nodes_one_tells_a_client() {
    let Some(site) = Site::cluster(2).await else { return };
    let web = hearing(&site, well()).await;
    let app = registered(&site, &web).await;
    for many in 1..=5 {
        let (browser, _) = signed_in(&site, &app, ALICE).await;
        sign_out(&site, &browser).await;
        tokio::join!(site.tell_of_logouts(), site.tell_of_logouts());
        posted(&site, &web, many).await; // BL-03
    }
}
