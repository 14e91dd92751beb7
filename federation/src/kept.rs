//! What a sign-in keeps of the provider's answer, sealed: the refresh token, by which the provider can be asked again about the person
//! (OpenID Connect Core §12), and the ID token, which it wants to see when they sign out.

use chancery_audit::Write;
use chancery_core::{ClientId, Entropy, RecheckTrouble, Secret, SessionId, Slug, SubjectId, TenantId, Timestamp};
use chancery_crypto::seal::{Place, SealError, Sealer};
use chancery_store::StoreError;
use chancery_store::repo::sessions::Session;
use chancery_store::repo::subjects::Subject;
use chancery_store::repo::vouchers::{self, Checked, Voucher};

use crate::Parts;
use crate::provider::Tokens;

/// What seals are bound to, drawn before anything is decided.
pub(crate) struct Names {
    /// Theirs, if they were here before.
    pub subject: SubjectId,
    pub session: SessionId,
}

impl Names {
    pub fn new(known: Option<&Subject>, now: Timestamp, entropy: &mut Entropy) -> Self {
        let subject = known.map_or_else(|| SubjectId::mint(now, entropy), |subject| subject.id);
        Self { subject, session: SessionId::mint(now, entropy) }
    }
}

/// Sealed, and ready to be written.
pub(crate) struct Kept {
    pub id_token: Vec<u8>,
    /// Of a provider that gives no refresh token this time, an older one is as good as it was.
    pub voucher: Vec<Write>,
    /// Whether the provider can be asked again, by this token or an older one.
    pub can_be_asked: bool,
}

/// Where a sign-in was: which provider, and by which registration of ours.
#[derive(Clone, Copy)]
pub(crate) struct Where<'a> {
    pub tenant: TenantId,
    pub provider: &'a Slug,
    /// The client, where the provider knows it by an id of its own.
    pub registration: Option<&'a ClientId>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKept {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

impl Kept {
    pub async fn of<P>(parts: &Parts<P>, at: Where<'_>, names: &Names, tokens: &Tokens, now: Timestamp) -> Result<Self, NotKept> {
        let Where { tenant, provider, registration } = at;
        let row = names.session.to_string();
        let id_token = parts.sealer.seal(&id_token_place(&tenant, &row), tokens.id_token.expose().as_bytes()).await?;
        let before = vouchers::by_registration(&parts.store, &tenant, &names.subject, registration).await?;
        let Some(token) = &tokens.refresh_token else {
            let voucher = vouchers::seen(&tenant, &names.subject, registration, now).into();
            let can_be_asked = before.is_some_and(|before| before.checked.trouble != Some(RecheckTrouble::Lost));
            return Ok(Self { id_token, voucher, can_be_asked });
        };
        let version = before.as_ref().map_or(1, |before| before.version + 1);
        let whose = Whose { tenant, subject: names.subject, registration: registration.cloned() };
        let voucher = Voucher {
            tenant,
            subject: names.subject,
            sealed: seal(&parts.sealer, &whose, version, token).await?,
            registration: whose.registration,
            provider: provider.clone(),
            version,
            checked: Checked { at: now, tried_at: now, trouble: None },
            taken: None,
        };
        let voucher = if before.is_some() { vouchers::replace(&voucher) } else { vouchers::insert(&voucher) };
        Ok(Self { id_token, voucher: vec![voucher], can_be_asked: true })
    }
}

/// Whose refresh token is sealed: no row's opens in another's place.
pub(crate) struct Whose {
    tenant: TenantId,
    subject: SubjectId,
    registration: Option<ClientId>,
}

impl From<&Voucher> for Whose {
    fn from(voucher: &Voucher) -> Self {
        Self { tenant: voucher.tenant, subject: voucher.subject, registration: voucher.registration.clone() }
    }
}

impl Whose {
    fn row(&self) -> String {
        let registration = self.registration.iter().map(|client| format!(" {client}"));
        std::iter::once(self.subject.to_string()).chain(registration).collect()
    }
}

/// Seals a refresh token for its row, at this version.
pub(crate) async fn seal(sealer: &Sealer, whose: &Whose, version: u64, token: &Secret<String>) -> Result<Vec<u8>, SealError> {
    sealer.seal(&place(&whose.tenant, &whose.row(), version), token.expose().as_bytes()).await
}

/// The refresh token of a voucher.
pub(crate) async fn open(sealer: &Sealer, voucher: &Voucher) -> Result<Secret<String>, SealError> {
    let row = Whose::from(voucher).row();
    let plain = sealer.open(&place(&voucher.tenant, &row, voucher.version), &voucher.sealed).await?;
    text(plain, VOUCHERS)
}

/// The ID token of a session.
pub(crate) async fn id_token(sealer: &Sealer, session: &Session) -> Result<Option<Secret<String>>, SealError> {
    let Some(sealed) = &session.id_token else { return Ok(None) };
    let row = session.id.to_string();
    let plain = sealer.open(&id_token_place(&session.tenant, &row), sealed).await?;
    text(plain, SESSIONS).map(Some)
}

fn text(plain: Secret<Vec<u8>>, table: &'static str) -> Result<Secret<String>, SealError> {
    String::from_utf8(plain.expose().clone()).map(Secret::new).map_err(|_| SealError::Refused { table })
}

const VOUCHERS: &str = "vouchers";
const SESSIONS: &str = "sessions";

fn place<'a>(tenant: &'a TenantId, row: &'a str, version: u64) -> Place<'a> {
    Place { tenant, table: VOUCHERS, row, version: i64::try_from(version).unwrap_or(i64::MAX) }
}

/// Written once, so its version never moves.
fn id_token_place<'a>(tenant: &'a TenantId, row: &'a str) -> Place<'a> {
    Place { tenant, table: SESSIONS, row, version: 1 }
}
