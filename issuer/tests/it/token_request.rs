//! What the token endpoint takes for a request at all (RFC 6749 §3.2, §5.2; OAuth 2.1 §3.2).

use bytes::Bytes;
use chancery_testkit::cast::{AGENT_CLIENT, ALICE, PUBLIC_CLIENT, SECRET};
use chancery_testkit::{Answer, Site, request};
use http::{Method, header};
use serde_json::json;

const FORM: &str = "application/x-www-form-urlencoded";

/// A request to the token endpoint, of whatever kind.
async fn sent(site: &Site, method: Method, query: &str, (kind, body): (Option<&str>, String)) -> Answer {
    let asked = request(method, &format!("{}{query}", site.endpoint("token")));
    let asked = kind.into_iter().fold(asked, |asked, kind| asked.header(header::CONTENT_TYPE, kind));
    site.program().send(asked.body(Bytes::from(body)).expect("a request")).await
}

/// Whether an error text holds only what RFC 6749 §5.2 allows.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\x20'..='\x21' | '\x23'..='\x5b' | '\x5d'..='\x7e'))
}

chancery_testkit::both_stores! {
    async fn oa_05_passwords_are_not_taken(site: Site) {
        for app in [PUBLIC_CLIENT, AGENT_CLIENT] {
            let fields = [("grant_type", "password"), ("username", ALICE), ("password", "x")];
            site.post_token(&site.app(app), &fields).await.refused(400, "unsupported_grant_type");
        }
    }

    async fn oa_06_a_parameter_that_comes_twice_is_refused(site: Site) {
        let app = site.app(AGENT_CLIENT);
        let code = site.ask(AGENT_CLIENT).approved_by(ALICE).await;
        let good = [("grant_type", "authorization_code"), ("code", &*code.code), ("code_verifier", &*code.verifier)];

        for (name, value) in good.into_iter().chain([("client_id", &*app.id), ("client_secret", SECRET), ("redirect_uri", &*app.redirect_uri)]) {
            let fields = [&good[..], &[(name, value), (name, value)]].concat();
            site.post_token(&app, &fields).await.refused(400, "invalid_request");
        }
        site.post_token(&app, &[&good[..], &[("nobody_s", "1"), ("nobody_s", "2")]].concat()).await.refused(400, "invalid_request");

        let fields = [&good[..], &[("nobody_s", "1"), ("scope", ""), ("resource", ""), ("code", "")]].concat();
        site.post_token(&app, &fields).await.has_status(200);
    }

    async fn oa_07_only_posts_are_taken(site: Site) {
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = sent(&site, method, "?grant_type=authorization_code", (None, String::new())).await;
            assert_eq!(answer.has_status(405).header(header::ALLOW), Some("POST"), "{answer:?}");
        }
    }

    async fn oa_07_only_forms_are_read(site: Site) {
        let (app, code) = (site.app(PUBLIC_CLIENT), site.ask(PUBLIC_CLIENT).approved_by(ALICE).await);
        let fields = json!({ "grant_type": "authorization_code", "client_id": app.id, "code": code.code, "code_verifier": code.verifier });
        let pairs = fields.as_object().expect("an object").iter().map(|(name, value)| (name, value.as_str().expect("text")));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();

        sent(&site, Method::POST, "", (Some("application/json"), fields.to_string())).await.refused(400, "invalid_request");
        for kind in [None, Some("text/plain"), Some("multipart/form-data; boundary=x"), Some("application/x-www-form-urlencodedx")] {
            sent(&site, Method::POST, "", (kind, form.clone())).await.refused(400, "invalid_request");
        }
        sent(&site, Method::POST, "", (Some(FORM), format!("{form}&x={}", "x".repeat(100_000)))).await.refused(400, "invalid_request");

        sent(&site, Method::POST, "", (Some("Application/X-WWW-Form-URLEncoded; charset=utf-8"), form)).await.has_status(200);
    }

    async fn oa_07_nothing_is_read_from_the_query(site: Site) {
        let app = site.app(AGENT_CLIENT);
        let code = site.ask(AGENT_CLIENT).approved_by(ALICE).await;
        let who = format!("client_id={}&client_secret={SECRET}", app.id);
        let what = format!("grant_type=authorization_code&code={}&code_verifier={}", code.code, code.verifier);

        sent(&site, Method::POST, &format!("?{who}"), (Some(FORM), what.clone())).await.refused(401, "invalid_client");
        sent(&site, Method::POST, &format!("?{what}"), (Some(FORM), who)).await.refused(400, "invalid_request");

        code.redeem().await.granted();
    }

    async fn oa_17_a_grant_nobody_knows_is_unsupported_and_none_is_no_request(site: Site) {
        let app = site.app(AGENT_CLIENT);

        for grant in [

            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "implicit",
            "Authorization_Code",
            "x",
        ] {
            site.post_token(&app, &[("grant_type", grant)]).await.refused(400, "unsupported_grant_type");
        }
        site.post_token(&app, &[]).await.refused(400, "invalid_request");
        site.post_token(&app, &[("grant_type", "")]).await.refused(400, "invalid_request");
    }

    async fn oa_19_error_texts_hold_only_what_the_rfc_allows(site: Site) {
        let odd = "é\"\\\u{7f}\n\u{1f}“x”";
        let tokens = site.sign_in(ALICE, PUBLIC_CLIENT).await;
        let metadata = json!({ "redirect_uris": [format!("https://app.example/{odd}")] });

        for answer in [
            tokens.refresh_with(&[("scope", odd)]).await.answer,
            tokens.refresh_with(&[("resource", odd)]).await.answer,
            site.post_token(&site.app(PUBLIC_CLIENT), &[("grant_type", odd)]).await,
            site.register(&metadata).await,
        ] {
            let words = answer.json()["error_description"].as_str().unwrap_or_default().to_owned();
            assert!(answer.status.is_client_error() && !words.is_empty() && is_plain(&words), "{answer:?}");
        }
        for asked in [site.ask(PUBLIC_CLIENT).with("resource", odd), site.ask(PUBLIC_CLIENT).scope(odd)] {
            let answer = asked.open(&site.browser()).await;
            let words = answer.sent("error_description").unwrap_or_default();
            assert!(!words.is_empty() && is_plain(&words), "{answer:?}");
        }
    }

    async fn a_refusal_of_somebody_in_particular_is_an_event(site: Site) {
        let (desk, code) = (site.app(AGENT_CLIENT), site.ask(PUBLIC_CLIENT).approved_by(ALICE).await);

        site.post_token(&desk, &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.refused(400, "invalid_grant");
        site.post_token(&site.app(PUBLIC_CLIENT), &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.refused(400, "invalid_grant");
        site.audit().await.only("token_refused").names(AGENT_CLIENT).says("row", "OA-14");

        code.redeem_with(&[("redirect_uri", "https://evil.example/")]).await.refused(400, "invalid_grant");
        assert_eq!(site.audit().await.of_kind("token_refused").len(), 2);
        site.audit().await.only("consent_given").names(PUBLIC_CLIENT);
    }
}
