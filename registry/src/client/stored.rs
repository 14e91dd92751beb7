//! A registered client as its row has it.

use std::collections::BTreeSet;

use chancery_core::{AgentId, ScopeSet, TenantId, Timestamp};
use chancery_crypto::digest::{hex, sha256};
use chancery_store::repo::clients;
use chancery_store::{StoreError, Write};
use serde::{Deserialize, Serialize};

use super::{About, AdmittedBy, Client, ClientAuthentication, GrantType, Origin, ScopeLimit};

/// A client that registered itself, and what its registration is managed by (RFC 7592).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Registered {
    pub client: Client,
    /// SHA-256 of its registration access token, if it has one.
    pub access: Option<[u8; 32]>,
}

/// What a registered client's row says of it. A member that this version does not know is an error: it could be a restriction.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: String,
    redirect_uris: Vec<String>,
    #[serde(default = "of_the_code_flow")]
    grants: BTreeSet<GrantType>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    secret: Option<[u8; 32]>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    scopes: Option<ScopeSet>,
    #[serde(skip_serializing_if = "is_silent", default)]
    about: About,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    access: Option<[u8; 32]>,
}

fn of_the_code_flow() -> BTreeSet<GrantType> {
    GrantType::OF_THE_CODE_FLOW.into()
}

fn is_silent(about: &About) -> bool {
    *about == About::default()
}

impl Client {
    /// The row of a client that registers itself, without a token to manage it by.
    pub fn registration(&self, tenant: &TenantId) -> Write {
        Registered { client: self.clone(), access: None }.insert(tenant)
    }
}

impl Registered {
    pub fn insert(&self, tenant: &TenantId) -> Write {
        let client = &self.client;
        clients::insert(&clients::Client {
            tenant: *tenant,
            id: client.id.clone(),
            body: self.body(),
            standing: client.standing,
            created_at: client.created_at,
            used_at: None,
            keep_until: client.keep_until.unwrap_or(client.created_at),
        })
    }

    /// Replaces what it said of itself before; the guard fails when it says something else by now, was judged, or is gone.
    pub fn replace(&self, tenant: &TenantId, before: &Self) -> Write {
        let (was, is) = (before.body(), self.body());
        clients::replace(tenant, &self.client.id, (&was, before.client.standing), (&is, self.client.standing))
    }

    /// Lets it in, as it is here, on this administrator's word: the guard fails when it says something else of itself by now (DR-08).
    pub fn approve(&self, tenant: &TenantId, by: &str, keep_until: Timestamp) -> Write {
        let mut approved = self.clone();
        approved.client.about.admitted_by = Some(AdmittedBy::Administrator(by.to_owned()));
        clients::approve(tenant, &self.client.id, (&self.body(), self.client.standing), (&approved.body(), keep_until))
    }

    /// A short digest of all that it says of itself. It changes with every change, for what the client cannot choose is in it too.
    pub fn digest(&self) -> String {
        hex(&sha256(self.body().as_bytes())[..8])
    }

    fn body(&self) -> String {
        let client = &self.client;
        let secret = match client.authentication {
            ClientAuthentication::None => None,
            ClientAuthentication::Secret { digest } => Some(digest),
        };
        let scopes = match &client.scopes {
            ScopeLimit::Unlimited => None,
            ScopeLimit::Only(scopes) => Some(scopes.clone()),
        };
        let body = Body {
            name: client.name.clone(),
            redirect_uris: client.redirect_uris.clone(),
            grants: client.grant_types.clone(),
            secret,
            agent: client.agent,
            scopes,
            about: client.about.clone(),
            access: self.access,
        };
        serde_json::to_string(&body).expect("names, addresses and digests are plain data")
    }
}

impl TryFrom<clients::Client> for Registered {
    type Error = StoreError;

    fn try_from(row: clients::Client) -> Result<Self, StoreError> {
        let body: Body = serde_json::from_str(&row.body).map_err(|_| StoreError::Row { column: 3, expected: "a registered client" })?;
        let client = Client {
            id: row.id,
            name: body.name,
            origin: Origin::Dynamic,
            redirect_uris: body.redirect_uris,
            authentication: body.secret.map_or(ClientAuthentication::None, |digest| ClientAuthentication::Secret { digest }),
            grant_types: body.grants,
            agent: body.agent,
            scopes: body.scopes.map_or(ScopeLimit::Unlimited, ScopeLimit::Only),
            standing: row.standing,
            about: body.about,
            created_at: row.created_at,
            keep_until: Some(row.keep_until),
        };
        Ok(Self { client, access: body.access })
    }
}
