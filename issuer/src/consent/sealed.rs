//! What a browser carries for us between two of its requests: sealed by the tenant, each for one purpose, so that nothing passes for
//! something else.

use chancery_core::{Secret, TenantId};
use chancery_crypto::seal::{Bound, InFlightKeys, Purpose};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::moment::Moment;

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
