//! How the issuer sends a person to the company's identity provider without knowing one.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{SessionId, Slug, SubjectId, TenantId, Timestamp};

/// How and when a person proved who they are, unchanged from the identity provider (OpenID Connect Core §2; AT-06).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Authentication {
    /// Where the provider says when; what it does not say is not made up.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub amr: Vec<String>,
}

/// What the issuer hands over when a person must sign in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignInRequest {
    pub tenant: TenantId,
    /// Which provider; the tenant's only one where it has one.
    pub provider: Option<Slug>,
    /// SHA-256 of the browser's cookie: only this browser may come back (SB-03).
    pub browser: [u8; 32],
    /// The approved request, sealed by the issuer, to be handed back as it is.
    pub request: String,
    pub login_hint: Option<String>,
    /// The provider must ask again, whatever session it has (`prompt=login`).
    pub fresh: bool,
}

/// What a sign-in came to: the `result` of its row, left there for the issuer's resume address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    pub subject: SubjectId,
    pub session: SessionId,
    pub provider: Slug,
    pub authentication: Authentication,
}

/// What the provider last said of a person: the `claims` of the subject's row. For showing and for policy, never for knowing who it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Person {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<String>,
}

impl Person {
    /// What to call them on a page.
    pub fn label(&self) -> Option<&str> {
        self.username.as_deref().or(self.email.as_deref()).or(self.name.as_deref())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignInTrouble {
    #[error("the tenant has no identity provider of that name")]
    NoProvider,
    /// The provider did not answer, or answered wrongly; the text is for the log.
    #[error("the identity provider could not be used: {0}")]
    Provider(String),
    #[error("the sign-in could not be recorded: {0}")]
    Store(String),
}

/// Begins a sign-in: writes its row and gives the identity provider's URL to send the browser to. When the person is back, the
/// browser is sent to the issuer's resume address with `?sign_in=` and a single-use key to the row's result.
pub trait SignIn: Send + Sync + 'static {
    fn begin(&self, request: SignInRequest) -> BoxFuture<'_, Result<String, SignInTrouble>>;
}
