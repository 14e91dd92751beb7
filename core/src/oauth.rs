//! OAuth errors (RFC 6749 §4.1.2.1 and §5.2, RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 7591 §3.2.2, RFC 8707 §2, RFC 9449 §5, RFC 9470). What goes to the peer, what goes to the
//! log, and whose fault it was are three things and stay three.

use std::fmt;

/// The registered error codes that Chancery answers with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    InvalidTarget,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    AccessDenied,
    ServerError,
    TemporarilyUnavailable,
    LoginRequired,
    ConsentRequired,
    InvalidRedirectUri,
    InvalidClientMetadata,
    InvalidSoftwareStatement,
    UnapprovedSoftwareStatement,
    InvalidToken,
    InsufficientScope,
    InsufficientUserAuthentication,
    UnmetAuthenticationRequirements,
    UnsupportedTokenType,
    InvalidDpopProof,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidSoftwareStatement => "invalid_software_statement",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::InvalidDpopProof => "invalid_dpop_proof",
        }
    }

    /// The HTTP status of a direct answer (a redirect carries none).
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken | Self::InsufficientUserAuthentication => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose move it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The client or the person did something wrong or hostile.
    Peer,
    /// Something Chancery depends on failed: the identity provider, an upstream, the store.
    Dependency,
    /// A bug of ours.
    Ours,
}

/// An OAuth error. Its `Display` is the log's text; only [`Error::description`] may go to the peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    code: Code,
    description: String,
    detail: Option<String>,
    fault: Fault,
    wait: Option<u64>,
}

impl Error {
    /// `description` says to the peer what happened, why, and what to do.
    pub fn new(code: Code, description: impl Into<String>) -> Self {
        let fault = match code {
            Code::ServerError => Fault::Ours,
            Code::TemporarilyUnavailable => Fault::Dependency,
            _ => Fault::Peer,
        };
        Self { code, description: description.into(), detail: None, fault, wait: None }
    }

    /// What the log should know besides; never sent.
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The peer asks too often, and may ask again after so many seconds (RFC 6585 §4).
    pub const fn too_often(mut self, seconds: u64) -> Self {
        self.wait = Some(seconds);
        self.fault = Fault::Peer;
        self
    }

    /// After how many seconds the peer may ask again, where it asks too often.
    pub const fn wait(&self) -> Option<u64> {
        self.wait
    }

    /// The HTTP status of a direct answer.
    pub const fn status(&self) -> u16 {
        if self.wait.is_some() { 429 } else { self.code.status() }
    }

    pub const fn code(&self) -> Code {
        self.code
    }

    pub const fn fault(&self) -> Fault {
        self.fault
    }

    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The `error_description`: only characters that RFC 6749 §5.2 allows, others as `?` (OA-19).
    pub fn description(&self) -> String {
        let allowed = |c: char| matches!(c, '\u{20}'..='\u{21}' | '\u{23}'..='\u{5B}' | '\u{5D}'..='\u{7E}');
        let plain = |c: char| match c {
            '"' | '“' | '”' | '`' | '’' => '\'',
            other if allowed(other) => other,
            _ => '?',
        };
        self.description.chars().map(plain).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.description)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

macro_rules! constructors {
    ($($name:ident => $code:ident;)*) => {
        impl Error {$(
            pub fn $name(description: impl Into<String>) -> Self {
                Self::new(Code::$code, description)
            }
        )*}
    };
}

constructors! {
    invalid_request => InvalidRequest;
    invalid_client => InvalidClient;
    invalid_grant => InvalidGrant;
    invalid_scope => InvalidScope;
    invalid_target => InvalidTarget;
    unauthorized_client => UnauthorizedClient;
    unsupported_grant_type => UnsupportedGrantType;
    unsupported_response_type => UnsupportedResponseType;
    access_denied => AccessDenied;
    server_error => ServerError;
    temporarily_unavailable => TemporarilyUnavailable;
    login_required => LoginRequired;
    consent_required => ConsentRequired;
    invalid_redirect_uri => InvalidRedirectUri;
    invalid_client_metadata => InvalidClientMetadata;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oa_19_a_description_holds_only_what_the_rfc_allows() {
        let error = Error::invalid_request("the value \"é\\\n\u{7f}\" is odd");
        assert_eq!(error.description(), "the value '????' is odd");
    }

    #[test]
    fn the_detail_stays_at_home() {
        let error = Error::invalid_grant("sign in again").because("family fam_1 was replayed");
        assert!(!error.description().contains("fam_1"));
        assert!(error.to_string().contains("fam_1"));
    }
}
