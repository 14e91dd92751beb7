//! The people, apps and servers that tests speak of, and the file that registers them.

use serde_json::{Value, json};

use crate::behind::Behind;

/// Somebody whom the development identity provider knows.
pub type Person = &'static str;

pub const ALICE: Person = "alice";
pub const BOB: Person = "bob";

/// An app by its name in the file.
pub type AppName = &'static str;

/// An app without a secret: it proves nothing.
pub const PUBLIC_CLIENT: AppName = "notebook";
/// Another one.
pub const OTHER_CLIENT: AppName = "terminal";
/// An app with a secret, bound to the registered agent [`AGENT`].
pub const AGENT_CLIENT: AppName = "desk";

pub const AGENT: &str = "reporter";
pub const AGENT_OWNER: &str = "finance";

/// Where every app of the file wants its answers; any port will do (OA-03).
pub const REDIRECT_URI: &str = "http://127.0.0.1/callback";
/// Where the apps of these tests say they listen. Nobody does: a test reads the redirect instead of following it.
pub const REDIRECT_AT: &str = "http://127.0.0.1:47011/callback";

/// A server by its name in the file.
pub type ServerName = &'static str;

/// `account_balance` reads, with `bank:read`; `transfer` writes, with `bank:transfer`.
pub const BANK: ServerName = "bank";
/// `convert`, with `exchange:convert`.
pub const EXCHANGE: ServerName = "exchange";

pub const TENANT: &str = "demo";
/// The tenant's name for its identity provider.
pub const IDENTITY_PROVIDER: &str = "idp";
/// Its name for another one, which is not in the file unless a test puts it there ([`crate::Site::other_provider`]).
pub const OTHER_PROVIDER: &str = "partner";

/// The secret of [`AGENT_CLIENT`], and of this site at its identity provider.
pub const SECRET: &str = "a-secret-that-only-these-tests-know-0123456789";
/// What the file calls it.
pub const SECRET_REF: &str = "env:SECRET";

/// A secret that a form cannot carry as it is (OA-12), and what the file calls it.
pub const ODD_SECRET: &str = "p%w d+ & = : / \u{e9}, which only these tests know";
pub const ODD_SECRET_REF: &str = "env:ODD_SECRET";

/// The file of a site. Tests change it before it is applied.
pub fn file(base: &str, behind: &Behind) -> Value {
    let app = |name: &str| json!({ "name": name, "redirect_uris": [REDIRECT_URI] });
    let mut desk = app(AGENT_CLIENT);
    desk["secret"] = json!(SECRET_REF);
    desk["agent"] = json!(AGENT);
    json!({
        "tenant": TENANT,
        "base_url": base,
        "identity_providers": [{
            "name": IDENTITY_PROVIDER,
            "issuer": behind.identity_provider,
            "client_id": "chancery",
            "client_secret": SECRET_REF,
            "scopes": "openid profile email",
        }],
        "agents": [{ "name": AGENT, "owner": AGENT_OWNER }],
        "clients": [app(PUBLIC_CLIENT), app(OTHER_CLIENT), desk],
        "resources": [bank(&behind.bank), exchange(&behind.exchange)],
        "registration": { "dynamic": "open" },
    })
}

fn bank(upstream: &str) -> Value {
    json!({
        "name": BANK,
        "title": "The bank",
        "upstream": { "url": upstream },
        "scopes": { "bank:read": "See balances", "bank:transfer": "Move money" },
        "default_scope": "bank:read",
        "tools": {
            "account_balance": { "scope": "bank:read", "read_only": true },
            "transfer": { "scope": "bank:transfer" },
        },
    })
}

fn exchange(upstream: &str) -> Value {
    json!({
        "name": EXCHANGE,
        "title": "The currency exchange",
        "upstream": { "url": upstream },
        "scopes": { "exchange:convert": "Convert amounts" },
        "default_scope": "exchange:convert",
        "tools": { "convert": { "scope": "exchange:convert", "read_only": true } },
    })
}

/// What a node of a test may be called besides its public name.
pub const INNER_HOST: &str = "gateway.internal";

/// What a node of a test runs as upstreams.
pub const COMMANDS: [&str; 3] = ["/bin/sh", "/usr/bin/env", "/usr/bin/python3"];
