//! What an app holds after a sign-in, and what it does with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::cast::{Person, ServerName};
use crate::mcp::{Called, Mcp};
use crate::{Answer, App, Site};

/// What came back from the token endpoint.
#[derive(Clone)]
pub struct Granting {
    site: Site,
    app: App,
    person: Person,
    pub answer: Answer,
}

/// Tokens of one app, for one person.
#[derive(Clone)]
pub struct Tokens {
    site: Site,
    app: App,
    person: Person,
    pub access: String,
    pub refresh: Option<String>,
    pub id: Option<String>,
    /// All that the token endpoint said.
    pub body: Value,
}

impl Granting {
    pub(crate) fn new(site: &Site, app: &App, person: Person, answer: Answer) -> Self {
        Self { site: site.clone(), app: app.clone(), person, answer }
    }

    /// The tokens (RFC 6749 §5.1), which nobody may cache.
    ///
    /// # Panics
    /// When it is a refusal.
    pub fn granted(&self) -> Tokens {
        let body = self.answer.has_status(200).json();
        assert_eq!(self.answer.header("cache-control"), Some("no-store"), "{:?}", self.answer);
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let access = text("access_token").unwrap_or_else(|| panic!("no access token: {:?}", self.answer));
        let tokens = Tokens {
            site: self.site.clone(),
            app: self.app.clone(),
            person: self.person,
            access,
            refresh: text("refresh_token"),
            id: text("id_token"),
            body,
        };
        let token_type = if tokens.claims().get("cnf").is_some() { "DPoP" } else { "Bearer" };
        assert_eq!(tokens.body["token_type"], token_type, "{:?}", self.answer);
        self.site.met(self.person, tokens.claims()["sub"].as_str().expect("a token has a subject"));
        tokens
    }

    /// An error of the token endpoint.
    ///
    /// # Panics
    /// When it is anything else.
    pub fn refused(&self, status: u16, error: &str) -> &Answer {
        self.answer.refused(status, error)
    }
}

impl Tokens {
    /// What the access token says. Nothing is verified.
    pub fn claims(&self) -> Value {
        claims(&self.access)
    }

    /// Asks for new tokens with the refresh token.
    pub async fn refresh(&self) -> Granting {
        self.refresh_with(&[]).await
    }

    /// The same, with more parameters.
    pub async fn refresh_with(&self, more: &[(&str, &str)]) -> Granting {
        self.refresh_as(&self.app, more).await
    }

    /// The same, by whichever app tries.
    ///
    /// # Panics
    /// When there is no refresh token.
    pub async fn refresh_as(&self, app: &App, more: &[(&str, &str)]) -> Granting {
        self.refresh_proving(app, &[], more).await
    }

    /// The same with more headers, such as a `DPoP` proof.
    ///
    /// # Panics
    /// When there is no refresh token.
    pub async fn refresh_proving(&self, app: &App, headers: &[(&str, &str)], more: &[(&str, &str)]) -> Granting {
        let token = self.refresh.as_deref().expect("a refresh token came with these");
        let fields = [&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat();
        let answer = self.site.post_token_with(app, headers, &fields).await;
        Granting::new(&self.site, app, self.person, answer)
    }

    /// A conversation with a server, with this access token.
    pub fn mcp(&self, server: ServerName) -> Mcp {
        Mcp::new(self.site.program(), self.site.url(server), Some(self.access.clone()))
    }

    /// Calls a tool with arguments that suit it, in a session of its own. What was ended before is known everywhere by then: the second
    /// that this may take is not waited for by every test, but by this.
    pub async fn call(&self, server: ServerName, tool: &str) -> Called {
        self.site.settle().await;
        self.mcp(server).call(tool, arguments(tool)).await
    }
}

/// The payload of a JWT. Nothing is verified.
///
/// # Panics
/// When it is no JWT.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap_or_else(|| panic!("not a JWT: {token}"));
    let json = URL_SAFE_NO_PAD.decode(payload).unwrap_or_else(|error| panic!("not base64url ({error}): {token}"));
    serde_json::from_slice(&json).unwrap_or_else(|error| panic!("not JSON ({error}): {token}"))
}

fn arguments(tool: &str) -> Value {
    match tool {
        "transfer" => json!({ "to": "bob", "amount": 5 }),
        "convert" => json!({ "amount": 10, "from": "EUR", "to": "USD" }),
        _ => json!({}),
    }
}
