//! The demo's `chancery.yaml` and the secret it names: what a reader would write for servers of their own.

use chancery_core::Secret;

pub const CLIENT_ID: &str = "chancery";
const PROVIDER: &str = "idp";
/// What the file calls the client secret of the development identity provider, which [`client_secret`] is.
pub const SECRET_REF: &str = "env:CHANCERY_DEMO_IDP_SECRET";

/// The tenant's part of the file, for this base URL.
pub fn configuration(base: &str) -> String {
    let issuer = provider_issuer(base);
    let (bank, exchange) = (upstream(base, "bank"), upstream(base, "exchange"));
    format!(
        r#"tenant: demo
base_url: {base}

identity_providers:
  - name: {PROVIDER}
    issuer: {issuer}
    client_id: {CLIENT_ID}
    client_secret: {SECRET_REF}
    scopes: openid profile email

resources:
  - name: bank
    title: Bank
    upstream: {{ url: "{bank}" }}
    scopes:
      bank:read: See your accounts and what is in them
      bank:transfer: Move money out of your accounts
    default_scope: bank:read
    tools:
      account_balance: {{ scope: bank:read, read_only: true }}
      transfer: {{ scope: bank:transfer }}
  - name: exchange
    title: Currency exchange
    upstream: {{ url: "{exchange}" }}
    scopes:
      exchange:convert: Convert amounts between currencies
    default_scope: exchange:convert
    tools:
      convert: {{ scope: exchange:convert, read_only: true }}

policies: |
  @id("only-agents-move-money")
  @advice("connect with a client that is bound to a registered agent")
  forbid (principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank")
  when {{ context.target == "transfer" && !(context has agent) }};

registration: {{ dynamic: open }}
"#
    )
}

/// It protects nothing: whoever is on this computer may sign in as anybody.
pub fn client_secret() -> Secret<String> {
    Secret::new("known-to-everybody-and-good-for-the-demo-alone".to_owned())
}

pub fn provider_issuer(base: &str) -> String {
    format!("{base}/demo/idp")
}

/// Where Chancery takes the provider's answers.
pub fn callback(base: &str) -> String {
    format!("{base}/t/{}/callback/{PROVIDER}", crate::tenant())
}

/// The address of an MCP server itself, behind the gateway.
pub fn upstream(base: &str, name: &str) -> String {
    format!("{base}/demo/{name}/mcp")
}
