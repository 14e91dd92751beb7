//! How the issuer sends a person to the company's identity provider without knowing one.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{ClientId, SessionId, Slug, SubjectId, TenantId, Timestamp};

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
    /// For which client, which the provider may know as one of its own; for none, where people come for themselves.
    pub client: Option<ClientId>,
    /// By which of the tenant's providers.
    pub provider: Slug,
    /// SHA-256 of the browser's cookie: only this browser may come back (SB-03).
    pub browser: [u8; 32],
    /// The approved request, sealed by the issuer, to be handed back as it is.
    pub request: String,
    pub login_hint: Option<String>,
    /// The provider must ask again, whatever session it has, and say when it did (`prompt=login`).
    pub fresh: bool,
    /// It should ask again, since the person may want to be somebody else (`prompt=select_account`).
    pub select: bool,
    /// How long ago the person may have signed in there, and by what means: passed on (OpenID Connect Core §3.1.2.1).
    pub max_age: Option<Duration>,
    pub acr_values: Option<String>,
}

/// Who has signed out here, and where they come back to from the provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignOutRequest {
    pub tenant: TenantId,
    /// SHA-256 of the cookie of the session that ended.
    pub session: [u8; 32],
    pub back: String,
    /// Handed back there as it is.
    pub state: String,
}

/// What a sign-in came to: the `result` of its row, left there for the issuer's resume address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    pub subject: SubjectId,
    pub session: SessionId,
    /// What the provider calls its own session with them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub their_session: Option<String>,
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
    /// The provider left groups out, or told them in a form nobody can read: what is in `groups` is not all.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub groups_withheld: bool,
}

impl Person {
    /// What to call them on a page.
    pub fn label(&self) -> Option<&str> {
        self.username.as_deref().or(self.email.as_deref()).or(self.name.as_deref())
    }
}

/// Why a client is not known to the identity provider; the texts are for the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnrolTrouble {
    /// It does not answer: try again later.
    #[error("the identity provider could not be asked: {0}")]
    Unreachable(String),
    /// It refuses, or answers what nobody can use: somebody must act.
    #[error("the identity provider did not register the client: {0}")]
    Refused(String),
    #[error("what the identity provider registered could not be kept: {0}")]
    Store(String),
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignInTrouble {
    #[error("the tenant has no identity provider of that name")]
    NoProvider,
    /// So many are signing in that this one must wait.
    #[error("too many sign-ins are under way")]
    Crowded,
    /// The provider did not answer, or answered wrongly; the text is for the log.
    #[error("the identity provider could not be used: {0}")]
    Provider(String),
    #[error("the sign-in could not be recorded: {0}")]
    Store(String),
}

/// Why a provider did not vouch for a person again. The words are what a voucher's row keeps of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum RecheckTrouble {
    /// The provider refuses the refresh token it gave: what the person allowed, and their sessions, have been ended.
    #[error("the identity provider no longer vouches for this person")]
    Refused,
    /// The provider wants to see the person before it says more. Their sessions have been ended, so the next sign-in asks it.
    #[error("the identity provider wants the person to sign in again")]
    SignInAgain,
    /// We asked once and lost the answer, and the token we have is no longer taken. It says nothing of the person.
    #[error("an answer of the identity provider was lost, and it takes the older token no more")]
    Lost,
    /// It could not be reached, or refuses us rather than the person.
    #[error("the identity provider could not be asked")]
    Unusable,
    /// It was asked, and no answer that anybody can read came back: it may have changed the token all the same.
    #[error("the identity provider did not answer")]
    Silent,
    /// Our own records could not be read or written.
    #[error("the check could not be recorded")]
    Store,
}

impl RecheckTrouble {
    const ALL: [Self; 6] = [Self::Refused, Self::SignInAgain, Self::Lost, Self::Unusable, Self::Silent, Self::Store];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::SignInAgain => "sign_in_again",
            Self::Lost => "lost",
            Self::Unusable => "unusable",
            Self::Silent => "silent",
            Self::Store => "store",
        }
    }
}

impl std::str::FromStr for RecheckTrouble {
    type Err = UnknownTrouble;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == word).ok_or(UnknownTrouble)
    }
}

/// A word that names no trouble of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no trouble that this version knows")]
pub struct UnknownTrouble;

/// What a grant's row says ended it, where the provider refused to vouch for its person any longer.
pub const PROVIDER_REFUSED: &str = "provider_refused_refresh";

/// The same where the person signed out here.
pub const SIGNED_OUT: &str = "signed_out";

/// The same where the provider said that its session with the person ended.
pub const LOGGED_OUT: &str = "provider_logged_out";

/// Begins a sign-in: writes its row and gives the identity provider's URL to send the browser to. When the person is back, the
/// browser is sent to the issuer's resume address with `?sign_in=` and a single-use key to the row's result.
pub trait SignIn: Send + Sync + 'static {
    fn begin(&self, request: SignInRequest) -> BoxFuture<'_, Result<String, SignInTrouble>>;

    /// Where this browser signs out of the provider too (OpenID Connect RP-Initiated Logout 1.0). Nothing, where it has no such place, or
    /// cannot be asked for it: our own session has ended all the same.
    fn sign_out(&self, request: SignOutRequest) -> BoxFuture<'_, Option<String>>;

    /// Asks the provider whether it still vouches for a person, by the refresh token it gave when they signed in: that of this client,
    /// where the provider knows it by an id of its own. What it says is written before this returns; of any number who ask at once, on
    /// any node, one asks the provider. It returns within seconds, whatever the provider does. Somebody for whom it gave no refresh token is
    /// not asked about.
    fn recheck(&self, tenant: TenantId, subject: SubjectId, client: ClientId) -> BoxFuture<'_, Result<(), RecheckTrouble>>;

    /// Makes a client that is about to be registered known to the provider that must know it; where none must, nothing happens. Call it
    /// when nothing else can refuse the client any more: what comes of one that is not written after all is undone later.
    /// Once begun, it comes to its end though nobody waits for it.
    fn enrol<'a>(&'a self, tenant: &'a TenantId, client: &'a ClientId, name: &'a str) -> BoxFuture<'a, Result<(), EnrolTrouble>>;

    /// Has the providers forget the clients that are no more, as far as they can be asked now. Gives how many they forgot.
    fn forget_left_behind(&self) -> BoxFuture<'_, Result<usize, EnrolTrouble>>;
}
