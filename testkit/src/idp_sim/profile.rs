//! How each identity provider differs from the others, as switches: a test may flip any of them before it starts one. The metadata of each is
//! a file in `recorded/`, member by member as it was seen.

use std::time::Duration;

use super::claims::{self, About};

/// The directory of the simulated Entra.
pub const ENTRA_TENANT: &str = "11111111-2222-3333-4444-555555555555";

#[derive(Clone)]
pub struct Profile {
    pub name: &'static str,
    /// Its metadata, with `{issuer}`, `{at}` (where the endpoints are) and `{tid}` to be filled in.
    pub metadata: &'static str,
    /// What stands behind the server's address in its issuer.
    pub issuer: &'static str,
    /// Under which address its metadata lies and by which name it speaks there, where these are other things (E1).
    pub shared: Option<Shared>,
    /// Its endpoints are on another host than its issuer (C1).
    pub elsewhere: bool,
    /// RFC 9207, and Keycloak's `session_state` (K1).
    pub names_itself: bool,
    /// A `resource` parameter is sent back as `invalid_target`, before anybody signs in (E2).
    pub refuses_resource: bool,
    /// A token request that a browser might have sent is refused (E5).
    pub refuses_origin: bool,
    pub refresh: Refresh,
    pub errors: Errors,
    /// What an ID token says.
    pub id_token: fn(&About<'_>) -> serde_json::Value,
    /// It says which access token it came with.
    pub at_hash: bool,
    /// What an access token says; `None` makes it opaque.
    pub access_token: fn(&About<'_>) -> Option<serde_json::Value>,
    /// ID tokens name the issuer without its scheme (G1).
    pub issuer_without_scheme: bool,
    /// More groups than this are left out, and others say so (E4).
    pub most_groups: usize,
    pub logout: Logout,
    pub registration: Registration,
}

/// A document that many issuers share.
#[derive(Clone, Copy)]
pub struct Shared {
    pub asked_at: &'static str,
    pub called: &'static str,
}

#[derive(Clone, Copy)]
pub struct Refresh {
    pub given: Given,
    pub rotation: Rotation,
}

/// Who gets a refresh token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Who asks for `offline_access`.
    ForTheScope,
    /// Everybody; the scope `offline_access` is refused (C4).
    ToAll,
    /// Who asks by `access_type=offline`, and after the first time with `prompt=consent`; the scope `offline_access` is refused (G1).
    ForTheParameters,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Each time a new one, and the old stays good (E5).
    KeepsTheOld,
    /// Each time a new one; after the leeway, the old one's use ends them all (O2, A2).
    Rotates { leeway: Duration },
    /// None comes back (C3, G1).
    Stays,
}

/// How errors look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// With numbers in words, ids and a time.
    Aad,
    Described,
    /// `error` alone (C4).
    Bare,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Logout {
    EndSession,
    /// `client_id` and `logout_uri`; what OpenID Connect says is refused (C5).
    ItsOwnWay,
    None,
}

/// Who may register clients.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Nobody,
    /// Anybody, and the answer's status is 200 (A3).
    Anybody,
    /// Who holds the API token, by `SSWS` or `Bearer`; it manages them too.
    ApiToken,
    /// Who holds an initial access token. Each client's own token changes with each use (K4).
    InitialToken,
}

impl Profile {
    pub fn entra() -> Self {
        Self {
            name: "entra",
            metadata: include_str!("recorded/entra.json"),
            issuer: "/11111111-2222-3333-4444-555555555555/v2.0",
            refuses_resource: true,
            refuses_origin: true,
            refresh: Refresh { given: Given::ForTheScope, rotation: Rotation::KeepsTheOld },
            errors: Errors::Aad,
            id_token: claims::entra,
            at_hash: false,
            access_token: claims::entra_access,
            most_groups: 200,
            logout: Logout::EndSession,
            ..Self::plain()
        }
    }

    /// The same directory, by way of the document that all directories share.
    pub fn entra_common() -> Self {
        Self { shared: Some(Shared { asked_at: "/common/v2.0", called: "/{tenantid}/v2.0" }), ..Self::entra() }
    }

    pub fn okta() -> Self {
        Self {
            name: "okta",
            metadata: include_str!("recorded/okta.json"),
            issuer: "/oauth2/default",
            refresh: Refresh { given: Given::ForTheScope, rotation: Rotation::Rotates { leeway: Duration::from_secs(30) } },
            id_token: claims::okta,
            access_token: claims::okta_access,
            registration: Registration::ApiToken,
            ..Self::plain()
        }
    }

    pub fn cognito() -> Self {
        Self {
            name: "cognito",
            metadata: include_str!("recorded/cognito.json"),
            issuer: "/eu-central-1_Example",
            elsewhere: true,
            refresh: Refresh { given: Given::ToAll, rotation: Rotation::Stays },
            errors: Errors::Bare,
            id_token: claims::cognito,
            access_token: claims::cognito_access,
            logout: Logout::ItsOwnWay,
            ..Self::plain()
        }
    }

    pub fn auth0() -> Self {
        Self {
            name: "auth0",
            metadata: include_str!("recorded/auth0.json"),
            issuer: "/",
            refresh: Refresh { given: Given::ForTheScope, rotation: Rotation::Rotates { leeway: Duration::ZERO } },
            id_token: claims::auth0,
            at_hash: false,
            access_token: claims::opaque,
            registration: Registration::Anybody,
            ..Self::plain()
        }
    }

    pub fn google() -> Self {
        Self {
            name: "google",
            metadata: include_str!("recorded/google.json"),
            issuer: "",
            refresh: Refresh { given: Given::ForTheParameters, rotation: Rotation::Stays },
            id_token: claims::google,
            access_token: claims::opaque,
            issuer_without_scheme: true,
            logout: Logout::None,
            ..Self::plain()
        }
    }

    pub fn keycloak() -> Self {
        Self {
            name: "keycloak",
            metadata: include_str!("recorded/keycloak.json"),
            names_itself: true,
            registration: Registration::InitialToken,
            ..Self::plain()
        }
    }

    /// What the others differ from.
    fn plain() -> Self {
        Self {
            name: "",
            metadata: "",
            issuer: "/realms/corp",
            shared: None,
            elsewhere: false,
            names_itself: false,
            refuses_resource: false,
            refuses_origin: false,
            refresh: Refresh { given: Given::ForTheScope, rotation: Rotation::KeepsTheOld },
            errors: Errors::Described,
            id_token: claims::keycloak,
            at_hash: true,
            access_token: claims::keycloak_access,
            issuer_without_scheme: false,
            most_groups: usize::MAX,
            logout: Logout::EndSession,
            registration: Registration::Nobody,
        }
    }

    /// All of them, as they are out of the box.
    pub fn all() -> [Self; 6] {
        [Self::entra(), Self::okta(), Self::cognito(), Self::auth0(), Self::google(), Self::keycloak()]
    }
}
