//! Seals in flight: what a browser or a client carries for us between two requests. Format 1, in base64url:
//!
//! ```text
//! 1 ‖ key id (36 characters) ‖ nonce (12) ‖ sealed ‖ tag (16)
//! ```
//! Associated data: a domain string, purpose, tenant, resource. The keys are a tenant's, in its keyring; no key provider is asked.

use chancery_core::{KeyId, Secret, TenantId};

use super::aead::{self, Key, NONCE};
use crate::digest::{base64url, from_base64url};

const FORMAT: u8 = 1;
const DOMAIN: &[u8] = b"chancery in flight 1";
/// `key_` and 32 hex digits.
const KEY_ID: usize = 36;

/// What a seal is for. One for a purpose does not open for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Purpose {
    /// An authorization request in the consent page that asks about it.
    Page,
    /// An approved request that waits for the person to come back from the identity provider.
    ApprovedRequest,
    /// An `Mcp-Session-Id`.
    McpSession,
    /// The page of what a person allowed.
    AppsPage,
    /// A sign-in whose person wants to see that page.
    AppsErrand,
    /// The page that asks whether to sign out.
    SignOutPage,
    /// A browser's way back from signing out at the identity provider.
    SignedOut,
    /// What somebody signs in for, in the page that asks where.
    Chooser,
}

impl Purpose {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::ApprovedRequest => "approved_request",
            Self::McpSession => "mcp_session",
            Self::AppsPage => "apps_page",
            Self::AppsErrand => "apps_errand",
            Self::SignOutPage => "sign_out_page",
            Self::SignedOut => "signed_out",
            Self::Chooser => "chooser",
        }
    }
}

/// What a seal is bound to, as its associated data: it opens for exactly this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bound<'a> {
    pub purpose: Purpose,
    pub tenant: &'a TenantId,
    /// Empty where none is concerned.
    pub resource: &'a str,
}

/// One key of a tenant. It has no `Debug`.
pub struct InFlightKey {
    id: KeyId,
    key: Key,
}

impl InFlightKey {
    pub fn new(id: KeyId, key: Secret<[u8; 32]>) -> Self {
        Self { id, key: Key::new(&key) }
    }

    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Seals `plain`; `nonce` is drawn for this call.
    pub fn seal(&self, to: Bound<'_>, nonce: [u8; NONCE], plain: &[u8]) -> String {
        let mut out = Vec::with_capacity(1 + KEY_ID + NONCE + plain.len() + 16);
        out.push(FORMAT);
        out.extend_from_slice(self.id.to_string().as_bytes());
        out.extend_from_slice(&nonce);
        self.key.seal_into(&mut out, nonce, &to.context(), plain);
        base64url(&out)
    }
}

/// The keys of a tenant for one purpose, newest first: the newest seals, all of them open.
pub struct InFlightKeys(Vec<InFlightKey>);

impl InFlightKeys {
    pub const fn new(newest_first: Vec<InFlightKey>) -> Self {
        Self(newest_first)
    }

    pub fn newest(&self) -> Option<&InFlightKey> {
        self.0.first()
    }

    /// What was sealed, if one of these keys sealed it for exactly this. Everything else is `None`, without saying why.
    pub fn open(&self, to: Bound<'_>, sealed: &str) -> Option<Secret<Vec<u8>>> {
        let bytes = from_base64url(sealed)?;
        let (&[FORMAT], rest) = bytes.split_first_chunk::<1>()? else { return None };
        let (id, rest) = rest.split_at_checked(KEY_ID)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let id: KeyId = std::str::from_utf8(id).ok()?.parse().ok()?;
        let key = self.0.iter().find(|key| key.id == id)?;
        key.key.open(*nonce, &to.context(), sealed)
    }
}

impl Bound<'_> {
    fn context(self) -> Vec<u8> {
        aead::context(&[DOMAIN, self.purpose.as_str().as_bytes(), self.tenant.to_string().as_bytes(), self.resource.as_bytes()])
    }
}
