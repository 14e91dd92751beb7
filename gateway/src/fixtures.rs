//! What the tests of this room have in common: a bank behind the gateway, and its callers.

use std::collections::BTreeMap;

use bytes::Bytes;
use chancery_core::{Caller, ClientId, Entropy, ResourceId, ResourceUrl, ScopeSet, TenantId, Timestamp};
use chancery_crypto::jose::Algorithm;
use chancery_registry::{Dpop, Listing, Resource, SignInDemand, Tool, Upstream};

use crate::listing::Instead;
use crate::memory::{Memory, Part};

pub const NOW: Timestamp = Timestamp::from_seconds(1_764_000_000);

pub fn entropy(seed: u8) -> Entropy {
    Entropy::from_bytes(std::array::from_fn(|at| seed.wrapping_add((at % 251) as u8)))
}

pub fn tenant_id(seed: u8) -> TenantId {
    TenantId::mint(NOW, &mut entropy(seed))
}

pub fn scopes(text: &str) -> ScopeSet {
    text.parse().expect("scopes")
}

pub fn resource_url() -> ResourceUrl {
    "https://gw.example/mcp/bank".parse().expect("a URL")
}

/// As much of the memory as a message of alice's may take.
pub fn part() -> Part {
    Memory::of(256 * 1024 * 1024).part((&tenant_id(1), "alice"))
}

/// What lists become that are not shown.
pub fn not_shown() -> Instead {
    Instead { unreadable: Bytes::from_static(b"UNREADABLE"), no_room: Bytes::from_static(b"NO ROOM") }
}

/// A caller of tenant 1 at the client `cli_1`.
pub fn caller(subject: &str, scope: &str) -> Caller {
    Caller {
        tenant: tenant_id(1),
        subject: subject.to_owned(),
        client: ClientId::claimed("cli_1"),
        agent: None,
        owner: None,
        roles: Vec::new(),
        act: None,
        scope: scopes(scope),
        grants: Vec::new(),
        authentication: None,
        token_digest: [1; 32],
        expires_at: Timestamp::from_seconds(1_764_000_300),
    }
}

/// A bank whose balance can be read and whose money can be moved.
pub fn bank() -> Resource {
    let tool = |scope: &str, read_only| Tool { scope: scopes(scope), read_only, sign_in: SignInDemand::default() };
    Resource {
        id: ResourceId::mint(NOW, &mut entropy(2)),
        name: "bank".parse().expect("a name"),
        url: resource_url(),
        title: "Bank".to_owned(),
        scopes: ["bank:read", "bank:move"].map(|scope| (scope.parse().expect("a scope"), scope.to_owned())).into(),
        default_scope: scopes("bank:read"),
        strict: false,
        tools: BTreeMap::from([
            ("account_balance".to_owned(), tool("bank:read", true)),
            ("transfer".to_owned(), tool("bank:read bank:move", false)),
        ]),
        listing: Listing::default(),
        sign_in: SignInDemand::default(),
        upstream: Some(Upstream::at("http://127.0.0.1:9001/mcp", "http://127.0.0.1:9001/mcp")),
        require_agent: false,
        algorithm: Algorithm::Es256,
        dpop: Dpop::Optional,
    }
}
