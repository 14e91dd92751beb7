//! What only we and the provider may know of a sign-in on its way: sealed in its row.

use chancery_core::{ClientId, Entropy, Issuer, SignInRequest, TenantId};
use chancery_crypto::digest::{hex, secret_text};
use chancery_crypto::seal::{Place, SealError, Sealer};
use serde::{Deserialize, Serialize};

/// It has no `Debug`: nonce and verifier are secrets until the sign-in is over.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Whom we asked: an answer of anybody else, or under a configuration that changed meanwhile, is not the answer to this.
    pub issuer: Issuer,
    pub nonce: String,
    pub verifier: String,
    /// For which of our clients, where the provider knows it by an id of its own.
    #[serde(default)]
    pub client: Option<ClientId>,
    /// The person must have signed in anew.
    pub fresh: bool,
    /// Or no longer ago than this, in seconds.
    pub max_age: Option<u64>,
}

impl Pending {
    pub fn new(issuer: &Issuer, request: &SignInRequest, enrolled: bool, entropy: &mut Entropy) -> Self {
        let mut draw = || secret_text(entropy.take()).expose().clone();
        Self {
            issuer: issuer.clone(),
            nonce: draw(),
            verifier: draw(),
            client: request.client.clone().filter(|_| enrolled),
            fresh: request.fresh,
            max_age: request.max_age.map(|age| age.as_secs()),
        }
    }

    pub async fn seal(&self, sealer: &Sealer, tenant: &TenantId, state: &[u8; 32]) -> Result<Vec<u8>, SealError> {
        let plain = serde_json::to_vec(self).expect("strings, a flag and a number always serialise");
        sealer.seal(&place(tenant, &hex(state)), &plain).await
    }

    pub async fn open(sealer: &Sealer, tenant: &TenantId, state: &[u8; 32], sealed: &[u8]) -> Result<Self, SealError> {
        let plain = sealer.open(&place(tenant, &hex(state)), sealed).await?;
        serde_json::from_slice(plain.expose()).map_err(|_| SealError::Refused { table: TABLE })
    }
}

const TABLE: &str = "sign_ins";

/// The row is written once, so its version never moves.
fn place<'a>(tenant: &'a TenantId, row: &'a str) -> Place<'a> {
    Place { tenant, table: TABLE, row, version: 1 }
}
