//! How a client says who it is (RFC 6749 §2.3; OAuth 2.1 §2.4), and what only a client that proved it gets: `act` (AT-04).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chancery_testkit::cast::{AGENT, AGENT_CLIENT, AGENT_OWNER, ALICE, ODD_SECRET, ODD_SECRET_REF, PUBLIC_CLIENT, REDIRECT_URI, SECRET};
use chancery_testkit::{Answer, App, Code, Site, claims, request};
use http::{Method, header};
use serde_json::json;

const BASIC: &str = "Basic realm=";

/// `Basic` credentials, each form-encoded first (RFC 6749 §2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    as_written(&encoded(id), &encoded(secret))
}

fn as_written(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// Redeems a code with this `Authorization` header, and in the body nothing about the client but what is given here.
async fn redeemed(site: &Site, code: &Code, authorization: &str, body: &[(&str, &str)]) -> Answer {
    let usual = [("grant_type", "authorization_code"), ("code", &*code.code), ("code_verifier", &*code.verifier)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(usual).extend_pairs(body).finish();
    let post = request(Method::POST, &site.endpoint("token")).header(header::AUTHORIZATION, authorization);
    let post = post.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    site.program().send(post.body(Bytes::from(body)).expect("a request")).await
}

/// A 401 that says how to authenticate by a header.
fn told_to_use_basic(answer: &Answer) {
    answer.refused(401, "invalid_client");
    let challenge = answer.header(header::WWW_AUTHENTICATE).unwrap_or_default();
    assert!(challenge.starts_with(BASIC), "{answer:?}");
}

/// The access token's claims name the registered agent as who acts.
fn acts(site: &Site, answer: &Answer) {
    let claims = claims(answer.has_status(200).json()["access_token"].as_str().expect("an access token"));
    assert_eq!(claims["act"]["iss"], site.issuer(), "{claims}");
    assert_eq!(claims["act"]["sub_profile"], "ai_agent", "{claims}");
    assert_eq!(claims["act"]["sub"], claims["agent"], "{claims}");
    assert_eq!(claims["owner"], AGENT_OWNER, "{claims}");
    assert_ne!(claims["act"]["sub"], claims["sub"], "{claims}");
}

chancery_testkit::both_stores! {
    async fn oa_11_a_client_proves_itself_by_basic_or_by_body_and_acts_as_its_agent(site: Site) {
        let app = site.app(AGENT_CLIENT);
        let code = || async { site.ask(AGENT_CLIENT).approved_by(ALICE).await };

        let by_header = redeemed(&site, &code().await, &basic(&app.id, SECRET), &[]).await;
        let in_any_case = redeemed(&site, &code().await, &basic(&app.id, SECRET).replacen("Basic", "bAsIc", 1), &[]).await;
        let with_its_id_again = redeemed(&site, &code().await, &basic(&app.id, SECRET), &[("client_id", &app.id)]).await;
        let by_body = code().await.redeem().await;

        acts(&site, &by_header);
        acts(&site, &in_any_case);
        acts(&site, &with_its_id_again);
        acts(&site, &by_body.answer);
        by_body.granted();
        site.audit().await.last(ALICE).is("token_issued").names(AGENT_CLIENT);
    }

    async fn oa_11_two_ways_in_one_request_are_refused(site: Site) {
        let (app, other) = (site.app(AGENT_CLIENT), site.app(PUBLIC_CLIENT));
        let code = site.ask(AGENT_CLIENT).approved_by(ALICE).await;
        let header = basic(&app.id, SECRET);

        let both = [("client_id", &*app.id), ("client_secret", SECRET)];
        redeemed(&site, &code, &header, &both).await.refused(400, "invalid_request");
        redeemed(&site, &code, &header, &both[1..]).await.refused(400, "invalid_request");
        redeemed(&site, &code, &header, &[("client_id", &other.id)]).await.refused(400, "invalid_request");

        code.redeem().await.granted();
    }

    async fn oa_11_a_wrong_secret_is_invalid_client_and_costs_nothing(site: Site) {
        let app = site.app(AGENT_CLIENT);
        let code = site.ask(AGENT_CLIENT).approved_by(ALICE).await;
        let nearly = &SECRET[..SECRET.len() - 1];

        for header in [
            basic(&app.id, nearly),
            basic(&app.id, ""),
            basic("cli_00000000000000000000000000000000", SECRET),
            basic(&site.app(PUBLIC_CLIENT).id, SECRET),
            basic("", ""),
            format!("Bearer {SECRET}"),
            "Basic".to_owned(),
            "Basic !!!!".to_owned(),
            format!("Basic {}", STANDARD.encode("no colon")),
        ] {
            told_to_use_basic(&redeemed(&site, &code, &header, &[]).await);
        }
        for secret in [Some("wrong"), Some(nearly), None] {
            code.redeem_as(&App { secret, ..app.clone() }, &[]).await.refused(401, "invalid_client");
        }

        code.redeem().await.granted();
    }

    async fn oa_11_a_public_client_shows_no_secret_and_acts_for_no_agent(site: Site) {
        let app = site.app(PUBLIC_CLIENT);
        let code = site.ask(PUBLIC_CLIENT).approved_by(ALICE).await;

        code.redeem_as(&App { secret: Some(SECRET), ..app.clone() }, &[]).await.refused(401, "invalid_client");
        let claims = code.redeem().await.granted().claims();

        assert!(claims.get("act").is_none() && claims.get("agent").is_none() && claims.get("owner").is_none(), "{claims}");
        assert_eq!(claims["client_id"], app.id);
    }

    async fn oa_11_a_refresh_is_authenticated_like_any_other_grant(site: Site) {
        let app = site.app(AGENT_CLIENT);
        let tokens = site.sign_in(ALICE, AGENT_CLIENT).await;

        tokens.refresh_as(&App { secret: None, ..app.clone() }, &[]).await.refused(401, "invalid_client");
        tokens.refresh_as(&App { secret: Some("wrong"), ..app }, &[]).await.refused(401, "invalid_client");

        acts(&site, &tokens.refresh().await.answer);
    }

    async fn oa_12_credentials_are_form_decoded_after_base64(site: Site) {
        let odd = json!({ "name": "odd", "redirect_uris": [REDIRECT_URI], "secret": ODD_SECRET_REF, "agent": AGENT });
        site.apply(|file| file["clients"].as_array_mut().expect("a list").push(odd)).await;
        let app = App { secret: Some(ODD_SECRET), ..site.app("odd") };
        let code = || async { site.ask_as(app.clone()).approved_by(ALICE).await };
        let every_byte = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();

        acts(&site, &redeemed(&site, &code().await, &basic(&app.id, ODD_SECRET), &[]).await);
        acts(&site, &redeemed(&site, &code().await, &as_written(&every_byte(&app.id), &every_byte(ODD_SECRET)), &[]).await);
        acts(&site, &code().await.redeem().await.answer);

        told_to_use_basic(&redeemed(&site, &code().await, &as_written(&app.id, ODD_SECRET), &[]).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn oa_11_a_header_that_comes_twice_authenticates_nobody() {
    let site = Site::on_sqlite().await;
    let right = basic(&site.app(AGENT_CLIENT).id, SECRET);

    let post = request(Method::POST, &site.endpoint("token"))
        .header(header::AUTHORIZATION, &right)
        .header(header::AUTHORIZATION, &right)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = site.program().send(post.body(Bytes::from_static(b"grant_type=refresh_token")).expect("a request")).await;

    answer.refused(400, "invalid_request");
}
