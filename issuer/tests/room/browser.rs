//! A browser with its cookies, and what clients send.

use std::collections::BTreeMap;

use axum::body::Body;
use http::Request;
use http::header::{CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};

use crate::site::{Answer, BANK, DESK_CALLBACK, Site};

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[derive(Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub async fn get(&mut self, site: &Site, address: &str) -> Answer {
        let request = Request::get(address).header(COOKIE, self.cookies());
        self.keep(site.send(request.body(Body::empty()).expect("a request")).await)
    }

    pub async fn post(&mut self, site: &Site, address: &str, pairs: &[(&str, &str)]) -> Answer {
        let ours = "https://gw.example.com";
        let request = Request::post(address).header(COOKIE, self.cookies()).header(ORIGIN, ours).header(CONTENT_TYPE, FORM);
        self.keep(site.send(request.body(Body::from(encoded(pairs))).expect("a request")).await)
    }

    /// The page that asks whether `changes` of a good request are allowed.
    pub async fn asked(&mut self, site: &Site, changes: &[(&str, &str)]) -> Answer {
        self.get(site, &format!("/t/acme/authorize?{}", encoded(&request(site, changes)))).await
    }

    pub async fn answers(&mut self, site: &Site, page: &str, decision: &str) -> Answer {
        self.post(site, "/t/acme/consent", &[("page", page), ("decision", decision)]).await
    }

    /// From the provider's address back to us, with the session that the provider's callback would have set.
    pub async fn comes_back(&mut self, site: &Site, sent: &Answer) -> Answer {
        let (key, session) = (sent.redirected_with("key").expect("a key"), sent.redirected_with("session").expect("a session"));
        self.cookies.insert("__Host-chancery_session_acme".to_owned(), session);
        self.get(site, &format!("/t/acme/resume?sign_in={key}")).await
    }

    /// Asked, allowed, signed in: the answer that has the code.
    pub async fn allows(&mut self, site: &Site, changes: &[(&str, &str)]) -> Answer {
        let page = self.asked(site, changes).await.page();
        let sent = self.answers(site, &page, "approve").await;
        if sent.location().host_str() == Some("login.example.com") { self.comes_back(site, &sent).await } else { sent }
    }

    fn cookies(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for set in answer.headers.get_all(SET_COOKIE) {
            let (name, rest) = set.to_str().expect("text").split_once('=').expect("a cookie");
            self.cookies.insert(name.to_owned(), rest.split(';').next().expect("a value").to_owned());
        }
        answer
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A good authorization request of the desk, with changes.
fn request<'a>(site: &'a Site, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let good = [
        ("client_id", site.desk.as_str()),
        ("redirect_uri", DESK_CALLBACK),
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", BANK),
        ("scope", "bank:read bank:move"),
        ("state", "s"),
    ];
    let kept = good.into_iter().filter(|(name, _)| changes.iter().all(|(other, _)| name != other));
    kept.chain(changes.iter().copied()).collect()
}

/// A token request; `basic` is an id and a secret.
pub async fn token(site: &Site, basic: Option<(&str, &str)>, pairs: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/t/acme/token").header(CONTENT_TYPE, FORM);
    if let Some((id, secret)) = basic {
        request = request.header("authorization", format!("Basic {}", base64(&format!("{id}:{secret}"))));
    }
    site.send(request.body(Body::from(encoded(pairs))).expect("a request")).await
}

pub async fn redeem(site: &Site, code: &str) -> Answer {
    let pairs = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER), ("client_id", site.desk.as_str())];
    token(site, None, &pairs).await
}

pub async fn refresh(site: &Site, refresh_token: &str) -> Answer {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", site.desk.as_str())];
    token(site, None, &pairs).await
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The claims of a token, unverified.
pub fn claims(token: &str) -> serde_json::Value {
    let payload = token.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&chancery_crypto::digest::from_base64url(payload).expect("base64url")).expect("JSON")
}
