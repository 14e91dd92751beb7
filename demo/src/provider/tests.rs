use axum::body::Body;
use chancery_core::SystemClock;
use chancery_crypto::digest::pkce_s256;
use chancery_crypto::jose::{Expected, KeySet, Typ, verify};
use chancery_crypto::random::SystemRng;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::form::Form;
use super::*;

const ISSUER: &str = "http://127.0.0.1:8080/demo/idp";
const CALLBACK: &str = "http://127.0.0.1:8080/t/demo/callback/idp";
const SIGNED_OUT: &str = "http://127.0.0.1:8080/t/demo/signed-out";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn provider(acting: Option<Person>) -> Router {
    let client = Registered {
        id: "chancery".into(),
        secret: Secret::new("s+/=% s".into()),
        redirect_uris: vec![CALLBACK.into()],
        post_logout_redirect_uris: vec![SIGNED_OUT.into()],
        logout: None,
    };
    let parts = Parts { issuer: ISSUER.into(), client, acting, clock: Arc::new(SystemClock), rng: Arc::new(SystemRng) };
    Provider::new(parts).unwrap().router()
}

/// A good request, with these parameters changed, or left out where they are empty.
fn query(changes: &[(&str, &str)]) -> String {
    let challenge = pkce_s256(VERIFIER);
    let good = [
        ("response_type", "code"),
        ("client_id", "chancery"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile"),
        ("state", "st"),
        ("nonce", "n-1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let changed = |name: &str| changes.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
    let kept = good.iter().map(|(name, value)| (*name, changed(name).unwrap_or(value)));
    let added = changes.iter().filter(|(name, _)| !good.iter().any(|(of, _)| of == name)).copied();
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept.chain(added)).finish()
}

async fn authorize(provider: &Router, query: &str, cookie: &str) -> Response<Body> {
    let request = Request::get(format!("/authorize?{query}")).header(COOKIE, cookie).body(Body::empty()).unwrap();
    provider.clone().oneshot(request).await.unwrap()
}

async fn post(provider: &Router, path: &str, fields: &[(&str, &str)], authorization: &str) -> Response<Body> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if !authorization.is_empty() {
        request = request.header(AUTHORIZATION, authorization);
    }
    provider.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
}

/// The answer's parameters, if it is a redirect to the client.
fn answered(response: &Response<Body>) -> Option<Form> {
    let location = response.headers().get(LOCATION)?.to_str().unwrap();
    Some(Form::parse(location.strip_prefix(CALLBACK)?.strip_prefix('?')?.as_bytes()).unwrap())
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

async fn code(provider: &Router) -> String {
    answered(&authorize(provider, &query(&[]), "").await).unwrap().get("code").unwrap().to_owned()
}

async fn redeem(provider: &Router, changes: &[(&str, &str)]) -> Response<Body> {
    let code = code(provider).await;
    let good = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    let changed = |name: &str| changes.iter().find(|(of, _)| *of == name).map(|(_, value)| *value);
    let fields: Vec<_> = good.iter().map(|(name, value)| (*name, changed(name).unwrap_or(value))).collect();
    post(provider, "/token", &fields, BASIC).await
}

/// `chancery` and the secret, each form-encoded.
const BASIC: &str = "Basic Y2hhbmNlcnk6cyUyQiUyRiUzRCUyNStz";

#[tokio::test]
async fn a_person_chooses_a_name_and_the_client_gets_an_id_token() {
    let provider = provider(None);
    let page = authorize(&provider, &query(&[]), "").await;
    assert_eq!(page.status(), StatusCode::OK);
    let html = String::from_utf8(page.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(html.contains("Alice Archer") && html.contains("&amp;code_challenge="), "{html}");

    let back = post(&provider, "/sign-in", &[("person", "bob"), ("request", &query(&[]))], "").await;
    assert_eq!(back.status(), StatusCode::SEE_OTHER);
    let answer = answered(&back).unwrap();
    assert_eq!((answer.get("state"), answer.get("iss")), (Some("st"), Some(ISSUER)));

    let fields = [
        ("grant_type", "authorization_code"),
        ("code", answer.get("code").unwrap()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = json(post(&provider, "/token", &fields, BASIC).await).await;
    let jwks = provider.clone().oneshot(Request::get("/jwks").body(Body::empty()).unwrap()).await.unwrap();
    let keys = KeySet::from_jwks(json(jwks).await.to_string().as_bytes()).unwrap();
    let expected = Expected { typ: Typ::IdToken, algorithms: &[Algorithm::Es256] };
    let claims: Value = verify(tokens["id_token"].as_str().unwrap(), &keys, &expected).unwrap().claims().unwrap();
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"], &claims["nonce"]),
        (&ISSUER.into(), &"bob".into(), &"chancery".into(), &"n-1".into())
    );
    assert_eq!((&claims["name"], &claims["email"]), (&"Bob Baker".into(), &Value::Null), "only what was asked for");
    assert!(claims["auth_time"].is_i64() && claims["acr"].is_string() && claims["amr"].is_array());
}

#[tokio::test]
async fn without_a_trusted_address_nobody_is_redirected() {
    let provider = provider(Some(Person::Alice));
    for changes in [
        ("client_id", "other"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "http://127.0.0.1:8080/t/demo/callback/idp/"),
        ("redirect_uri", "http://127.0.0.1:8081/t/demo/callback/idp"),
        ("redirect_uri", "http://127.0.0.1:8080/t/demo/callback/idp?x=1"),
        ("redirect_uri", "HTTP://127.0.0.1:8080/t/demo/callback/idp"),
        ("redirect_uri", "http://attacker.example/"),
    ] {
        let refused = authorize(&provider, &query(&[changes]), "").await;
        assert_eq!((refused.status(), refused.headers().get(LOCATION)), (StatusCode::BAD_REQUEST, None), "{changes:?}");
    }
    let doubled = authorize(&provider, &format!("{}&state=other", query(&[])), "").await;
    assert_eq!(doubled.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_bad_request_is_told_to_the_client() {
    let provider = provider(Some(Person::Alice));
    for (changes, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "unsupported_response_type"),
        (("scope", "profile"), "invalid_scope"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("prompt", "none login"), "invalid_request"),
        (("prompt", "none"), "login_required"),
        (("max_age", "soon"), "invalid_request"),
        (("request", "x"), "request_not_supported"),
        (("request_uri", "x"), "request_uri_not_supported"),
    ] {
        let answer = answered(&authorize(&provider, &query(&[changes]), "").await).unwrap();
        assert_eq!(answer.get("error"), Some(error), "{changes:?}");
        assert_eq!((answer.get("state"), answer.get("iss"), answer.get("code")), (Some("st"), Some(ISSUER), None));
    }
}

#[tokio::test]
async fn a_session_is_remembered_until_the_client_wants_a_new_one() {
    let provider = provider(None);
    let signed_in = post(&provider, "/sign-in", &[("person", "alice"), ("request", &query(&[]))], "").await;
    let set = signed_in.headers()[SET_COOKIE].to_str().unwrap();
    assert!(set.ends_with("; Path=/demo/idp; HttpOnly; SameSite=Lax"), "{set}");
    let cookie = set.split(';').next().unwrap();

    for (changes, status) in [
        (vec![], StatusCode::SEE_OTHER),
        (vec![("prompt", "none")], StatusCode::SEE_OTHER),
        (vec![("max_age", "60")], StatusCode::SEE_OTHER),
        (vec![("prompt", "login")], StatusCode::OK),
        (vec![("prompt", "select_account")], StatusCode::OK),
    ] {
        assert_eq!(authorize(&provider, &query(&changes), cookie).await.status(), status, "{changes:?}");
    }
    assert_eq!(authorize(&provider, &query(&[]), "chancery_demo_idp=guessed").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_request() {
    let provider = provider(Some(Person::Alice));
    for changes in [
        ("code", "guessed"),
        ("redirect_uri", "http://127.0.0.1:8080/other"),
        ("redirect_uri", ""),
        ("code_verifier", "wrong"),
        ("code_verifier", ""),
    ] {
        let refused = redeem(&provider, &[changes]).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
        assert_eq!(json(refused).await["error"], "invalid_grant", "{changes:?}");
    }
    let code = code(&provider).await;
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    assert_eq!(post(&provider, "/token", &fields, BASIC).await.status(), StatusCode::OK);
    assert_eq!(json(post(&provider, "/token", &fields, BASIC).await).await["error"], "invalid_grant");
}

#[tokio::test]
async fn the_client_must_prove_itself_in_one_way() {
    let provider = provider(Some(Person::Alice));
    let token = |fields: Vec<(&'static str, &'static str)>, authorization: &'static str| {
        let provider = provider.clone();
        async move {
            let response = post(&provider, "/token", &fields, authorization).await;
            (response.status().as_u16(), json(response).await["error"].clone())
        }
    };
    let in_body = vec![("grant_type", "x"), ("client_id", "chancery"), ("client_secret", "s+/=% s")];
    assert_eq!(token(in_body.clone(), "").await, (400, "unsupported_grant_type".into()));
    assert_eq!(token(vec![("grant_type", "x")], BASIC).await, (400, "unsupported_grant_type".into()));
    assert_eq!(token(in_body, BASIC).await, (400, "invalid_request".into()));
    for wrong in ["", "Basic", "Basic !", "Basic Y2hhbmNlcnk6d3Jvbmc=", "Bearer x"] {
        assert_eq!(token(vec![("grant_type", "x")], wrong).await, (401, "invalid_client".into()), "{wrong}");
    }
    assert_eq!(token(vec![("client_id", "chancery"), ("client_secret", "wrong")], "").await, (401, "invalid_client".into()));
    assert_eq!(token(vec![("code", "a"), ("code", "b")], BASIC).await, (400, "invalid_request".into()));
}

#[tokio::test]
async fn discovery_says_what_is_there() {
    let request = Request::get("/.well-known/openid-configuration").body(Body::empty()).unwrap();
    let document = json(provider(None).oneshot(request).await.unwrap()).await;
    assert_eq!(document["issuer"], ISSUER);
    for endpoint in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        assert!(document[endpoint].as_str().unwrap().starts_with(ISSUER), "{endpoint}");
    }
}
