//! The `registration` section.

#![expect(dead_code, reason = "nothing is ever read into these: they say what the reader reads")]

use std::collections::BTreeMap;

use schemars::JsonSchema;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Registration {
    dynamic: Dynamic,
    /// The scopes that an app which registered itself may have; all of them unless told.
    quarantine: Option<String>,
    /// How many one address may register in a while.
    per_source: Option<PerSource>,
    /// How many that were never used may be kept.
    never_used: Option<u32>,
    /// When one that is not used any more is forgotten, such as 180d.
    forget_after: Option<String>,
    /// Whose software statements are believed.
    statements: Option<Vec<Statement>>,
    /// Platforms whose workloads register by the platform's own token.
    platforms: Option<Vec<Platform>>,
    /// Apps that are known by a document at their own https address.
    documents: Option<Documents>,
    /// The identity provider at which every client that registers here is registered too.
    proxy: Option<Proxy>,
}

/// How many sign-ins strangers may begin.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SignIns {
    /// How many pages may be answered from one address, or by one person who is signed in, in a while.
    per_source: Option<PerSource>,
    /// How many that began may be kept.
    under_way: Option<u32>,
}

/// A place is a host, `*.` and a host for all below it, or the whole address of one document.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Documents {
    /// True, unless told.
    enabled: Option<bool>,
    /// The only places where documents may lie; any, unless told, and none but the pinned where the list is empty.
    allow: Option<Vec<String>>,
    /// Places where they may not.
    block: Option<Vec<String>>,
    /// Places that may be in the company's own network, each with its port unless that is 443.
    private: Option<Vec<String>>,
    /// Documents that are not fetched, by their address: file:PATH, or the JSON itself.
    pinned: Option<BTreeMap<String, String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Proxy {
    /// One of `identity_providers`.
    provider: String,
    /// Where it registers clients; by its metadata, unless told.
    endpoint: Option<String>,
    /// The word before the credential: Bearer, unless told; SSWS at Okta.
    scheme: Option<String>,
    /// Such as env:REGISTRATION_TOKEN.
    credential: String,
}

/// Who may register an app at run time.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
enum Dynamic {
    Open,
    Closed,
    Token,
    Approval,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PerSource {
    most: u32,
    /// Such as 1h.
    per: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Statement {
    issuer: String,
    /// Where its keys are.
    jwks_uri: Option<String>,
    /// Its keys, as JSON.
    jwks: Option<String>,
    /// Which software it may speak for; any, unless told.
    software: Option<Vec<String>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Platform {
    name: String,
    issuer: String,
    /// Where its keys are; by its metadata, unless told.
    jwks_uri: Option<String>,
    /// Its keys, as JSON.
    jwks: Option<String>,
    /// What its tokens must be for; this issuer, unless told.
    audience: Option<String>,
    /// What its tokens must hold; * stands for anything.
    claims: BTreeMap<String, String>,
    /// The agent that its workloads are.
    agent: String,
    /// What they may do; client_credentials unless told.
    grants: Option<Vec<String>>,
    scopes: String,
}
