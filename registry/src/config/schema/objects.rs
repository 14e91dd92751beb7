//! The objects of a tenant.

#![expect(dead_code, reason = "nothing is ever read into these: they say what the reader reads")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Provider {
    /// A part of the redirect URI that is registered there: {base_url}/t/{tenant}/callback/{name}.
    name: String,
    /// What people read where they choose among several; its name unless told.
    title: Option<String>,
    /// As its discovery document says it, byte for byte.
    issuer: String,
    client_id: String,
    #[schemars(regex(pattern = r"^(env|file):."))]
    client_secret: String,
    /// openid among them; unless told, openid profile email and what brings a refresh token there.
    scopes: Option<String>,
    /// What kind of provider it is, where its host does not tell.
    #[schemars(regex(pattern = r"^(entra|okta|cognito|auth0|google|keycloak|oidc)$"))]
    profile: Option<String>,
    /// Whose people may sign in, where one discovery document speaks for several issuers (Entra's common and organizations).
    issuers: Option<Vec<String>>,
    /// The domains of its people's addresses, such as example.com: who has one need not choose among several providers.
    domains: Option<Vec<String>>,
    /// The ID token claim with the person's groups, where it is not the usual one there.
    groups_claim: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Agent {
    name: String,
    /// A person or team that answers for it.
    owner: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Client {
    name: String,
    /// What it may do; authorization_code and refresh_token unless told.
    grants: Option<Vec<String>>,
    /// Where the app waits for the answer; needed for authorization_code. Of an address on this computer any port will do.
    redirect_uris: Option<Vec<String>>,
    /// At least 32 random characters. Without one the app proves nothing.
    #[schemars(regex(pattern = r"^(env|file):."))]
    secret: Option<String>,
    /// The agent that it is; it must have a secret then.
    agent: Option<String>,
    /// The scopes that it may have at most; needed for client_credentials.
    scopes: Option<String>,
    /// Where the app hears, by a logout token, that a session ended in which it was allowed something.
    backchannel_logout_uri: Option<String>,
    /// It gets no token that is not bound to a key of its own by a DPoP proof.
    dpop_bound_access_tokens: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Resource {
    /// Its address is {base_url}/mcp/{name} unless told.
    name: String,
    /// Its public address.
    url: Option<String>,
    /// What people read on the consent page.
    title: Option<String>,
    /// Each scope, and what it allows in words for the consent page.
    scopes: Option<BTreeMap<String, String>>,
    /// What is asked for when nothing is, and what a tool needs that is not named.
    default_scope: Option<String>,
    /// Refuses tools that are not named.
    strict: Option<bool>,
    /// Which scopes each tool needs.
    tools: Option<BTreeMap<String, Tool>>,
    /// What lists show: what the token's scope covers (granted, unless told), or what a person may still authorize, too (obtainable).
    listing: Option<String>,
    /// How people must have signed in who use it.
    sign_in: Option<SignIn>,
    /// The MCP server behind the gateway.
    upstream: Option<Upstream>,
    /// Only for agents that prove who they are.
    require_agent: Option<bool>,
    /// What its tokens are signed with; ES256 unless told.
    #[schemars(regex(pattern = r"^(ES256|EdDSA|RS256|PS256)$"))]
    token_signing_alg: Option<String>,
    /// Whether its tokens must be bound to a key of their client's (DPoP); bound ones are taken in any case (optional, unless told).
    #[schemars(regex(pattern = r"^(optional|required)$"))]
    dpop: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Tool {
    scope: String,
    /// It changes nothing: a call need not be in the log before it goes out.
    read_only: Option<bool>,
    /// How people must have signed in who call it; what is left open, the resource says.
    sign_in: Option<SignIn>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct SignIn {
    /// How recently: 15m, 8h.
    max_age: Option<String>,
    /// How: one of these `acr` values of the identity provider's.
    acr: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Upstream {
    /// Its address; none for a child process.
    url: Option<String>,
    /// A server that is run as a child process, instead of an address.
    stdio: Option<Stdio>,
    /// Whom the token is for that it is sent; its URL unless told.
    audience: Option<String>,
    /// Further addresses of the same server; a session stays where it began.
    replicas: Option<Vec<String>>,
    /// What it is shown: a token made for it, unless told.
    #[schemars(regex(pattern = r"^(token|none)$"))]
    credential: Option<String>,
    /// What the token is signed with that it is sent; ES256 unless told.
    #[schemars(regex(pattern = r"^(ES256|EdDSA|RS256|PS256)$"))]
    token_signing_alg: Option<String>,
    /// A header that it is shown instead of a token.
    header: Option<UpstreamHeader>,
    /// The authorities that may vouch for it, in PEM, instead of this machine's.
    #[schemars(regex(pattern = r"^(env|file):."))]
    authority: Option<String>,
    /// What the gateway proves itself by.
    certificate: Option<Certificate>,
    /// How long it may take, and how much one caller may have under way.
    limits: Option<UpstreamLimits>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Stdio {
    /// An absolute path that this node allows (`server.stdio`). There is no shell.
    command: String,
    args: Option<Vec<String>>,
    /// The secrets of its environment, which holds nothing but what is named here and in settings.
    env: Option<BTreeMap<String, SecretText>>,
    /// What of its environment is no secret.
    settings: Option<BTreeMap<String, String>>,
    /// Where it runs.
    folder: Option<String>,
    /// So many at once, on one node.
    most: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(transparent)]
struct SecretText(#[schemars(regex(pattern = r"^(env|file):."))] String);

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UpstreamHeader {
    /// Such as X-Api-Key, or Authorization.
    name: String,
    #[schemars(regex(pattern = r"^(env|file):."))]
    value: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Certificate {
    /// In PEM.
    #[schemars(regex(pattern = r"^(env|file):."))]
    chain: String,
    /// In PEM.
    #[schemars(regex(pattern = r"^(env|file):."))]
    key: String,
}

/// Times are a number and its unit: 90s, 5m, 8h, 30d.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct UpstreamLimits {
    /// For a connection.
    connect: Option<String>,
    /// Until an answer begins.
    first_byte: Option<String>,
    /// Between two pieces of an answer; a child process that nobody asks is ended after it.
    idle: Option<String>,
    /// For a whole answer.
    absolute: Option<String>,
    /// Requests and streams of one person at once.
    per_subject: Option<u32>,
    /// The same of one client.
    per_client: Option<u32>,
}

/// A number and its unit: 90s, 5m, 8h, 30d.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Lifetimes {
    access_token: Option<String>,
    /// An authorization code.
    code: Option<String>,
    /// A refresh token that nobody uses.
    refresh_idle: Option<String>,
    /// All that comes of one approval.
    refresh_absolute: Option<String>,
    /// A signed-in browser, however much it is used.
    session: Option<String>,
    /// A signed-in browser that nobody uses.
    session_idle: Option<String>,
    /// A consent page that waits for its answer.
    consent_page: Option<String>,
    /// The identity provider's word for a person, until it is asked again.
    recheck: Option<String>,
    /// The same while the provider does not answer.
    stale: Option<String>,
    /// What a person allowed, since they last signed in, where the provider gave no refresh token to ask it by.
    unvouched: Option<String>,
}

/// Unless told, both are so.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SignOut {
    /// What was allowed in the session ends with it, whether the person signs out here or at the identity provider.
    ends_grants: Option<bool>,
    /// Who signs out here is sent to the identity provider, to sign out there too.
    at_provider: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Access {
    /// As the identity provider calls them.
    groups: Vec<String>,
    /// The provider whose groups are meant; any, unless told.
    provider: Option<String>,
    /// What their tokens carry as `roles`, and policies read.
    roles: Option<Vec<String>>,
    /// Scopes that only people of such rules may have.
    scopes: Option<Vec<String>>,
}
