//! What the metadata offers and what is there are the same (MD-05): the document is walked member by member, and the routes one by one.
//! A member that this file does not know fails it, and so does a route: who adds one says here how it is used.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_crypto::jose::{Algorithm, peek};
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, PUBLIC_CLIENT, SECRET, TENANT};
use chancery_testkit::{ProofKey, Site, request};
use http::{Method, header};
use serde_json::{Value, json};

/// The rooms' routes, as they are written.
const ROUTERS: [&str; 1] = [include_str!("../../src/lib.rs")];

/// Addresses that lead from our own pages and redirects, and from nowhere else.
const OUR_OWN: [&str; 7] = ["apps", "apps/sign-in", "choose", "consent", "resume", "sign-out", "signed-out"];

/// What others offer and we do not: an endpoint of ours by that name would have to be advertised.
const NOT_HERE: [&str; 11] = [
    "introspect",
    "introspection",
    "revocation",
    "par",
    "device_authorization",
    "device",
    "userinfo",
    "logout",
    "end_session",
    "bc-authorize",
    "challenge",
];

/// Tries what one member of the metadata says.
async fn holds(site: &Site, member: &str, value: &Value) {
    let url = || value.as_str().expect("a URL");
    match member {
        "issuer" => assert_eq!(url(), site.issuer()),
        "authorization_endpoint" => {
            let asked = site.ask(PUBLIC_CLIENT).url();
            assert!(asked.starts_with(&format!("{}?", url())), "{asked}");
            site.browser().get(&asked).await.has_status(200);
        }
        "token_endpoint" => {
            site.program().post(url(), &[("grant_type", "x")]).await.refused(400, "unsupported_grant_type");
        }
        "revocation_endpoint" => {
            site.program().post(url(), &[("client_id", &site.app(PUBLIC_CLIENT).id), ("token", "x")]).await.has_status(200);
        }
        "jwks_uri" => assert!(site.program().get(url()).await.has_status(200).json()["keys"].is_array()),
        "registration_endpoint" => {
            site.program().post_json(url(), &json!({ "redirect_uris": ["https://app.example/cb"] })).await.has_status(201);
        }
        "authorization_response_iss_parameter_supported" => {
            let answer = site.ask(PUBLIC_CLIENT).with("prompt", "none").open(&site.browser()).await;
            assert_eq!((value, answer.sent("iss")), (&json!(true), Some(site.issuer())));
        }
        // Tried in `back_channel`.
        "backchannel_logout_supported" | "backchannel_logout_session_supported" => assert_eq!(value, &json!(true)),
        "request_uri_parameter_supported" => assert_eq!(value, &json!(false)),
        _ => {
            for item in value.as_array().unwrap_or_else(|| panic!("nobody told this test how to try {member}: {value}")) {
                lists(site, member, item.as_str().expect("a name")).await;
            }
        }
    }
}

/// Tries one item of a list.
async fn lists(site: &Site, member: &str, item: &str) {
    match member {
        "scopes_supported" => shown(site, "scope", item).await,
        "response_types_supported" => shown(site, "response_type", item).await,
        "response_modes_supported" => shown(site, "response_mode", item).await,
        "dpop_signing_alg_values_supported" => {
            let key = ProofKey::by(Algorithm::from_name(item).expect("an algorithm"));
            let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;
            let tokens = code.redeem_proving(&site.app(PUBLIC_CLIENT), &[("dpop", &key.asking(site))], &[]).await.granted();
            assert_eq!(tokens.claims()["cnf"]["jkt"], key.jkt());
        }
        "code_challenge_methods_supported" => shown(site, "code_challenge_method", item).await,
        "grant_types_supported" => {
            let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
            match item {
                "authorization_code" => {}
                "refresh_token" => drop(tokens.refresh().await.granted()),
                "client_credentials" => {
                    let app = crate::client_credentials::app(site).await;
                    let asked = [("grant_type", item), ("resource", &*site.url(chancery_testkit::cast::BANK))];
                    site.post_token(&app, &asked).await.has_status(200);
                }
                _ => panic!("nobody told this test how to try the grant {item}"),
            }
        }
        "token_endpoint_auth_methods_supported" => authenticates(site, item).await,
        "revocation_endpoint_auth_methods_supported" => revokes(site, item).await,
        "subject_types_supported" => {
            let [one, other] = [PUBLIC_CLIENT, AGENT_CLIENT].map(|app| site.sign_in(ALICE, app));
            assert_eq!((item, &one.await.claims()["sub"]), ("public", &other.await.claims()["sub"]));
        }
        "id_token_signing_alg_values_supported" => {
            let tokens = site.ask(PUBLIC_CLIENT).scope("openid").approved_by(ALICE).await.redeem().await.granted();
            assert_eq!(peek(&tokens.id.expect("an ID token")).expect("a JWT").algorithm, item);
        }
        _ => panic!("nobody told this test how to try {member}: {item}"),
    }
}

/// A request with this parameter so is good.
async fn shown(site: &Site, parameter: &str, value: &str) {
    site.ask(PUBLIC_CLIENT).with(parameter, value).open(&site.browser()).await.has_status(200);
}

async fn authenticates(site: &Site, method: &str) {
    match method {
        "none" => drop(site.sign_in(ALICE, PUBLIC_CLIENT).await),
        "client_secret_post" => drop(site.sign_in(ALICE, AGENT_CLIENT).await),
        "client_secret_basic" => {
            let credentials = STANDARD.encode(format!("{}:{SECRET}", site.app(AGENT_CLIENT).id));
            let refresh = site.sign_in(ALICE, AGENT_CLIENT).await.refresh.expect("a refresh token");
            let post = request(Method::POST, &site.endpoint("token")).header(header::AUTHORIZATION, format!("Basic {credentials}"));
            let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            let body = Bytes::from(format!("grant_type=refresh_token&refresh_token={refresh}"));
            site.program().send(post.body(body).expect("a request")).await.has_status(200);
        }
        _ => panic!("nobody told this test how to try the method {method}"),
    }
}

/// A client that authenticates so is let in; what it revokes is nothing.
async fn revokes(site: &Site, method: &str) {
    let (app, url, program) = (site.app(AGENT_CLIENT), site.endpoint("revoke"), site.program());
    let answer = match method {
        "none" => program.post(&url, &[("token", "x"), ("client_id", &site.app(PUBLIC_CLIENT).id)]).await,
        "client_secret_post" => program.post(&url, &[("token", "x"), ("client_id", &app.id), ("client_secret", SECRET)]).await,
        "client_secret_basic" => {
            let credentials = STANDARD.encode(format!("{}:{SECRET}", app.id));
            let post = request(Method::POST, &url).header(header::AUTHORIZATION, format!("Basic {credentials}"));
            let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            program.send(post.body(Bytes::from("token=x")).expect("a request")).await
        }
        _ => panic!("nobody told this test how to try the method {method}"),
    };
    answer.has_status(200);
}

/// The paths of all routes, for this tenant.
fn routes() -> Vec<String> {
    let written = ROUTERS.iter().flat_map(|text| text.split(".route(\"").skip(1)).filter_map(|rest| rest.split('"').next());
    let paths: Vec<_> = written.map(|path| path.replace("{tenant}", TENANT)).collect();
    // The way to a registration is told to its client alone (RFC 7592 §3).
    let paths: Vec<_> = paths.into_iter().filter(|path| !path.ends_with("/register/{client}")).collect();
    assert!(paths.len() > 5 && paths.iter().all(|path| !path.contains('{')), "{paths:?}");
    paths
}

chancery_testkit::both_stores! {
    async fn md_05_everything_that_is_advertised_is_live(site: Site) {
        let metadata = site.metadata().await;
        for (member, value) in metadata.as_object().expect("an object") {
            holds(&site, member, value).await;
        }
    }

    async fn md_05_every_route_is_advertised(site: Site) {
        let metadata = site.metadata().await;
        let addresses = |(member, value): (&String, &Value)| {
            let names_one = member.ends_with("_endpoint") || member.ends_with("_uri");
            value.as_str().filter(|_| names_one).map(str::to_owned)
        };
        let advertised: Vec<_> = metadata.as_object().expect("an object").iter().filter_map(addresses).collect();

        for path in routes() {
            let url = format!("{}{path}", site.base());
            let well_known = path.contains("/.well-known/");
            let our_own = OUR_OWN.iter().any(|name| url == site.endpoint(name));
            assert!(well_known || our_own || advertised.contains(&url), "{path} is live and not advertised: {metadata}");
        }
        for name in NOT_HERE {
            site.program().get(&site.endpoint(name)).await.has_status(404);
            site.program().post(&site.endpoint(name), &[]).await.has_status(404);
        }
    }

    async fn md_05_what_is_not_advertised_is_not_taken(site: Site) {
        let metadata = site.metadata().await;
        let has = |member: &str, item: &str| metadata[member].as_array().is_some_and(|items| items.iter().any(|known| known == item));
        let browser = site.browser();

        for grant in ["password", "urn:ietf:params:oauth:grant-type:device_code"] {
            assert!(!has("grant_types_supported", grant), "{metadata}");
            site.post_token(&site.app(AGENT_CLIENT), &[("grant_type", grant)]).await.refused(400, "unsupported_grant_type");
        }
        for mode in ["fragment", "form_post", "jwt"] {
            assert!(!has("response_modes_supported", mode), "{metadata}");
            site.ask(PUBLIC_CLIENT).with("response_mode", mode).open(&browser).await.sent_back("invalid_request");
        }
        for scope in ["profile", "email", "address"] {
            assert!(!has("scopes_supported", scope), "{metadata}");
            site.ask(PUBLIC_CLIENT).scope(scope).open(&browser).await.sent_back("invalid_scope");
        }
        let assertion = [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), ("client_assertion", "a.b.c")];
        site.program().post(&site.endpoint("token"), &[&[("grant_type", "refresh_token")], &assertion[..]].concat()).await.refused(401, "invalid_client");
    }
}
