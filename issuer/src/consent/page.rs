//! What travels between asking and answering. Until somebody approves, a request is in no row of ours: it travels sealed in the page;
//! once approved, with the sign-in. The two seals are not of one purpose, so a page cannot pass for an approval.

use chancery_core::{Secret, SubjectId, TenantId, Timestamp};
use chancery_crypto::digest::hex;
use chancery_crypto::seal::{Bound, InFlightKeys, Purpose};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::authorize::AuthorizationRequest;
use crate::moment::Moment;

/// A request, shown to one browser, to be answered once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    /// What its answer consumes.
    pub id: String,
    pub request: AuthorizationRequest,
    /// SHA-256 of the cookie of the browser that was shown it.
    pub browser: [u8; 32],
    /// Whom it named as the one who decides; nobody, where no session was known.
    pub person: Option<SubjectId>,
    pub shown_at: Timestamp,
}

/// A request that somebody approved who must sign in before it counts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Approved {
    pub request: AuthorizationRequest,
    /// Whom the page named. If another comes back, the page is shown again.
    pub person: Option<SubjectId>,
}

impl Page {
    pub fn of(request: AuthorizationRequest, browser: [u8; 32], person: Option<SubjectId>, moment: &mut Moment) -> Self {
        Self { id: hex(&moment.entropy.take::<16>()), request, browser, person, shown_at: moment.now }
    }
}

/// What may travel, and what for.
pub(crate) trait Sealed: Serialize + DeserializeOwned {
    const PURPOSE: Purpose;

    /// Nothing, if the tenant has no key for it.
    fn seal(&self, keys: &InFlightKeys, tenant: &TenantId, moment: &mut Moment) -> Option<String> {
        let json = Secret::new(serde_json::to_vec(self).expect("requests are plain data"));
        Some(keys.newest()?.seal(Self::bound(tenant), moment.entropy.take(), json.expose()))
    }

    /// Nothing, unless this tenant sealed it for this purpose.
    fn open(keys: &InFlightKeys, tenant: &TenantId, sealed: &str) -> Option<Self> {
        let json = keys.open(Self::bound(tenant), sealed)?;
        serde_json::from_slice(json.expose()).ok()
    }

    /// A request may be about several resources, so its seal is bound to none.
    fn bound(tenant: &TenantId) -> Bound<'_> {
        Bound { purpose: Self::PURPOSE, tenant, resource: "" }
    }
}

impl Sealed for Page {
    const PURPOSE: Purpose = Purpose::Page;
}

impl Sealed for Approved {
    const PURPOSE: Purpose = Purpose::ApprovedRequest;
}
