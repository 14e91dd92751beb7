//! The client's side, in the order of the MCP authorization specification: challenge, protected resource metadata, issuer metadata,
//! registration, authorization with PKCE and `resource`, code, token, call.

use chancery_crypto::digest::{base64url, pkce_s256};
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use super::ask::{Answer, Ask};
use super::documents::{Challenge, Issuer, Registered, Resource, Tokens, said};
use super::token::DecodedToken;
use super::{Arrived, JourneyError, Parts, Report, Step, browser};
use crate::well_known::metadata_address;

/// Where this client would listen; the browser never gets there, it is stopped on the way.
const REDIRECT_URI: &str = "http://127.0.0.1:7654/callback";
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const PROTOCOL: &str = "2025-11-25";

/// A client on its way.
pub struct Client<'a> {
    parts: &'a Parts,
    report: &'a mut dyn Report,
    told: usize,
}

impl<'a> Client<'a> {
    pub fn new(parts: &'a Parts, report: &'a mut dyn Report) -> Self {
        Self { parts, report, told: 0 }
    }

    pub async fn travel(mut self) -> Result<Arrived, JourneyError> {
        let challenge = self.knock().await?;
        let resource = self.read_resource(&challenge).await?;
        let issuer = self.read_issuer(&resource.authorization_servers[0]).await?;
        let client = self.register(&issuer).await?;
        let verifier = self.random();
        let code = self.send_the_person(&issuer, &client, &challenge.scope, &verifier).await?;
        let token = self.redeem(&issuer, &client, &code, &verifier).await?;
        let answer = self.call(&token).await?;
        Ok(Arrived { token: DecodedToken::of(&token), answer })
    }

    /// Calls without a token: what comes back says where to ask.
    async fn knock(&mut self) -> Result<Challenge, JourneyError> {
        let ask = self.mcp("calling without a token", None, None, &initialize())?;
        let (answer, challenge) = self.step(&ask, 401, Challenge::read).await?;
        self.tell(&ask, &answer, "WWW-Authenticate", answer.header(&WWW_AUTHENTICATE).unwrap_or_default());
        Ok(challenge)
    }

    async fn read_resource(&mut self, challenge: &Challenge) -> Result<Resource, JourneyError> {
        let server = self.parts.server.clone();
        let ask = Ask::get("reading whose tokens the server takes", &challenge.metadata)?;
        let (answer, resource) = self.step(&ask, 200, |answer| Resource::read(answer, &server)).await?;
        self.tell(&ask, &answer, "authorization_servers[0]", &resource.authorization_servers[0]);
        Ok(resource)
    }

    async fn read_issuer(&mut self, named: &str) -> Result<Issuer, JourneyError> {
        let ask = Ask::get("reading what the issuer offers", &metadata_address(named).unwrap_or_default())?;
        let (answer, issuer) = self.step(&ask, 200, |answer| Issuer::read(answer, named)).await?;
        self.tell(&ask, &answer, "registration_endpoint", &issuer.registration_endpoint);
        Ok(issuer)
    }

    async fn register(&mut self, issuer: &Issuer) -> Result<String, JourneyError> {
        let metadata = json!({
            "client_name": "Chancery demo client",
            "redirect_uris": [REDIRECT_URI],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "application_type": "native",
        });
        let ask = Ask::json("registering", &issuer.registration_endpoint, metadata.to_string())?;
        let (answer, registered) = self.step(&ask, 201, Answer::json::<Registered>).await?;
        self.tell(&ask, &answer, "client_id", &registered.client_id);
        Ok(registered.client_id)
    }

    /// The person signs in and consents; the code comes back with the state that was sent and the issuer that was asked.
    async fn send_the_person(&mut self, issuer: &Issuer, client: &str, scope: &str, verifier: &str) -> Result<String, JourneyError> {
        let state = self.random();
        let mut ask = Ask::get("asking to authorize", &issuer.authorization_endpoint)?;
        ask.to.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT_URI),
            ("scope", scope),
            ("state", &state),
            ("code_challenge", &pkce_s256(verifier)),
            ("code_challenge_method", "S256"),
            ("resource", &self.parts.server),
        ]);
        let back = browser::visit(self, ask, REDIRECT_URI).await?;
        let answer = |wanted: &str| back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
        let why = match answer("code") {
            _ if answer("iss").as_deref() != Some(&issuer.issuer) => "it is another issuer's".to_owned(), // IS-01
            _ if answer("state").as_deref() != Some(&state) => "it belongs to another request".to_owned(),
            Some(code) => return Ok(code),
            None => format!("{}: {}", answer("error").unwrap_or_default(), answer("error_description").unwrap_or_default()),
        };
        Err(JourneyError::Unexpected { does: "receiving the code", request: "the redirect to the client".to_owned(), status: 303, why })
    }

    async fn redeem(&mut self, issuer: &Issuer, client: &str, code: &str, verifier: &str) -> Result<String, JourneyError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", client),
            ("code_verifier", verifier),
            ("resource", &self.parts.server),
        ];
        let ask = Ask::form("redeeming the code", &issuer.token_endpoint, &fields)?;
        let (answer, tokens) = self.step(&ask, 200, Answer::json::<Tokens>).await?;
        self.tell(&ask, &answer, "expires_in", &format!("{} seconds", tokens.expires_in));
        Ok(tokens.access_token)
    }

    /// Initializes, calls the tool, and leaves.
    async fn call(&mut self, token: &str) -> Result<String, JourneyError> {
        let ask = self.mcp("opening a session", Some(token), None, &initialize())?;
        let (answer, session) = self.step(&ask, 200, |answer| Ok(answer.header(&SESSION).map(str::to_owned))).await?;
        self.tell(&ask, &answer, "Mcp-Session-Id", &format!("{:.24}…", session.as_deref().unwrap_or("none")));
        let session = session.as_deref();

        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let ask = self.mcp("saying it is ready", Some(token), session, &ready)?;
        let (answer, ()) = self.step(&ask, 202, |_| Ok(())).await?;
        self.tell(&ask, &answer, "body", "none");

        let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "account_balance", "arguments": {} } });
        let ask = self.mcp("calling account_balance", Some(token), session, &call)?;
        let (answer, words) = self.step(&ask, 200, said).await?;
        self.tell(&ask, &answer, "content[0].text", &words);

        let ask = Ask { method: Method::DELETE, body: String::new(), ..self.mcp("leaving", Some(token), session, &Value::Null)? };
        let answer = self.send(&ask).await?;
        self.tell(&ask, &answer, "body", "none");
        Ok(words)
    }

    /// A POST to the server.
    fn mcp(&self, does: &'static str, token: Option<&str>, session: Option<&str>, message: &Value) -> Result<Ask, JourneyError> {
        let ask = Ask::json(does, &self.parts.server, message.to_string())?
            .with(ACCEPT, "application/json, text/event-stream")
            .with(VERSION, PROTOCOL);
        let ask = token.into_iter().fold(ask, |ask, token| ask.with(AUTHORIZATION, format!("Bearer {token}")));
        Ok(session.into_iter().fold(ask, |ask, session| ask.with(SESSION, session)))
    }

    /// Sends, and reads an answer of the expected status.
    async fn step<T>(&self, ask: &Ask, status: u16, read: impl FnOnce(&Answer) -> Result<T, String>) -> Result<(Answer, T), JourneyError> {
        let answer = self.send(ask).await?;
        let read = if answer.status == status { read(&answer) } else { Err(format!("{status} was expected; {:.400}", answer.text())) };
        match read {
            Ok(read) => Ok((answer, read)),
            Err(why) => Err(ask.unexpected(&answer, why)),
        }
    }

    pub async fn send(&self, ask: &Ask) -> Result<Answer, JourneyError> {
        ask.send(&self.parts.upstreams).await
    }

    pub fn tell(&mut self, ask: &Ask, answer: &Answer, field: &'static str, value: &str) {
        self.told += 1;
        let (number, does, request, status) = (self.told, ask.does, ask.line(), answer.status);
        self.report.step(&Step { number, does, request, status, field, value: value.to_owned() });
    }

    pub fn person(&self) -> &'static str {
        self.parts.person.id()
    }

    fn random(&self) -> String {
        let mut bytes = [0; 32];
        self.parts.rng.fill(&mut bytes);
        base64url(&bytes)
    }
}

fn initialize() -> Value {
    let client = json!({ "name": "chancery-demo-client", "version": env!("CARGO_PKG_VERSION") });
    let params = json!({ "protocolVersion": PROTOCOL, "capabilities": {}, "clientInfo": client });
    json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params })
}
