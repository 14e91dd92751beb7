//! What travels with the page that asks whether to sign out, and with the browser to the identity provider and back.

use chancery_core::{AppsPage, SessionId, Timestamp};
use chancery_crypto::digest::hex;
use chancery_crypto::seal::Purpose;
use serde::{Deserialize, Serialize};

use crate::consent::sealed::Sealed;
use crate::form::Form;
use crate::front::Visit;
use crate::moment::Moment;

/// The page, shown to one browser about one session, to be answered once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Page {
    /// What its answer consumes.
    pub id: String,
    /// SHA-256 of the cookie of the browser that was shown it.
    pub browser: [u8; 32],
    pub session: SessionId,
    pub shown_at: Timestamp,
}

/// A browser that was sent on after its session had ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Farewell {
    pub browser: [u8; 32],
    /// By the identity provider.
    pub at_provider: bool,
}

impl Page {
    pub fn of(browser: [u8; 32], session: SessionId, moment: &mut Moment) -> Self {
        Self { id: hex(&moment.entropy.take::<16>()), browser, session, shown_at: moment.now }
    }

    /// The page that a form brings back; nothing, if the seal is not ours.
    pub fn posted(form: &Form, visit: Visit<'_>) -> Option<Self> {
        Self::open(&visit.keys.page, &visit.tenant.id, form.one(AppsPage::SEALED_FIELD)?)
    }
}

impl Sealed for Page {
    const PURPOSE: Purpose = Purpose::SignOutPage;
}

impl Sealed for Farewell {
    const PURPOSE: Purpose = Purpose::SignedOut;
}
