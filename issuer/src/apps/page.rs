//! What travels with the page of what a person allowed, and with the sign-in of who wants to see it.

use chancery_core::{AppsPage, SubjectId, Timestamp};
use chancery_crypto::digest::hex;
use chancery_crypto::seal::Purpose;
use serde::{Deserialize, Serialize};

use crate::consent::sealed::Sealed;
use crate::form::Form;
use crate::front::Visit;
use crate::moment::Moment;

/// The page, shown to one browser, to be answered once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Page {
    /// What its answer consumes.
    pub id: String,
    /// SHA-256 of the cookie of the browser that was shown it.
    pub browser: [u8; 32],
    /// Whose apps it lists; nobody's, where no session was known.
    pub person: Option<SubjectId>,
    pub shown_at: Timestamp,
}

/// Who comes back from the identity provider with this wants to see what they allowed, and allows nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Errand {}

impl Page {
    pub fn of(browser: [u8; 32], person: Option<SubjectId>, moment: &mut Moment) -> Self {
        Self { id: hex(&moment.entropy.take::<16>()), browser, person, shown_at: moment.now }
    }

    /// The page that a form brings back; nothing, if the seal is not ours.
    pub fn posted(form: &Form, visit: Visit<'_>) -> Option<Self> {
        Self::open(&visit.keys.page, &visit.tenant.id, form.one(AppsPage::SEALED_FIELD)?)
    }
}

impl Sealed for Page {
    const PURPOSE: Purpose = Purpose::AppsPage;
}

impl Sealed for Errand {
    const PURPOSE: Purpose = Purpose::AppsErrand;
}
