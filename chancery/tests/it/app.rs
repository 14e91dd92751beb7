//! An app of somebody else's that registers itself at a site, is approved by people at browsers, and holds what it is given.

use std::sync::Arc;

use chancery_core::SystemClock;
use chancery_testkit::cast::{BANK, Person, TENANT};
use chancery_testkit::{Answer, Browser, Mcp, claims, people};
use serde_json::json;
use url::Url;

const REDIRECT_URI: &str = "http://127.0.0.1:47012/callback";
/// RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[derive(Clone)]
pub struct App {
    issuer: String,
    bank: String,
    id: String,
    program: Browser,
}

#[derive(Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl App {
    pub async fn registered_at(base: &str) -> Self {
        Self::registered_by(Browser::program(Arc::new(SystemClock)), base).await
    }

    /// The same by this program.
    pub async fn registered_by(program: Browser, base: &str) -> Self {
        let (issuer, bank) = (format!("{base}/t/{TENANT}"), format!("{base}/mcp/{BANK}"));
        let metadata = json!({ "client_name": "An app", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "none" });
        let answer = program.post_json(&format!("{issuer}/register"), &metadata).await;
        let id = answer.has_status(201).json()["client_id"].as_str().expect("a client has an id").to_owned();
        Self { issuer, bank, id, program }
    }

    /// The code that a person's approval brings, in a browser of their own.
    pub async fn approved_by(&self, person: Person) -> String {
        self.approved_for(person, "bank:read bank:transfer").await
    }

    /// The same, for these scopes.
    pub async fn approved_for(&self, person: Person, scope: &str) -> String {
        self.approved_in(&Browser::new(Arc::new(SystemClock)), person, &[("scope", scope), ("resource", &self.bank)]).await
    }

    /// The same in this browser, for what the parameters say.
    pub async fn approved_in(&self, browser: &Browser, person: Person, more: &[(&str, &str)]) -> String {
        let mut url = Url::parse(&format!("{}/authorize", self.issuer)).expect("an address");
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT_URI),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        url.query_pairs_mut().extend_pairs(more);
        let page = browser.get(url.as_str()).await;
        let app = Url::parse(REDIRECT_URI).expect("an address");
        let answer = people::go_on(browser, page, person, true, &app).await;
        answer.sent("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    pub async fn redeem(&self, code: &str) -> Tokens {
        Tokens::of(&self.redeemed(code).await)
    }

    /// The tokens for a code, where there are any.
    pub async fn try_redeem(&self, code: &str) -> Option<Tokens> {
        Some(self.redeemed(code).await).filter(|answer| answer.status == 200).map(|answer| Tokens::of(&answer))
    }

    async fn redeemed(&self, code: &str) -> Answer {
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER)];
        self.token(&fields).await
    }

    pub async fn refresh(&self, tokens: &Tokens) -> Tokens {
        Tokens::of(&self.token(&[("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)]).await)
    }

    pub fn mcp(&self, tokens: &Tokens) -> Mcp {
        Mcp::new(self.program.clone(), self.bank.clone(), Some(tokens.access.clone()))
    }

    /// What the token endpoint says to this app.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let fields = [fields, &[("client_id", &self.id)]].concat();
        self.program.post(&format!("{}/token", self.issuer), &fields).await
    }
}

impl Tokens {
    /// The access token's `jti`.
    pub fn id(&self) -> String {
        claims(&self.access)["jti"].as_str().expect("an access token has an id").to_owned()
    }

    /// What the token endpoint granted.
    pub fn of(answer: &Answer) -> Self {
        let body = answer.has_status(200).json();
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}
