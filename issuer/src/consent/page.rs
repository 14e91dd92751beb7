//! What travels between asking and answering. Until somebody approves, a request is in no row of ours: it travels sealed in the page;
//! once approved, with the sign-in. The two seals are not of one purpose, so a page cannot pass for an approval.

use chancery_core::{SubjectId, Timestamp};
use chancery_crypto::digest::hex;
use chancery_crypto::seal::Purpose;
use serde::{Deserialize, Serialize};

use super::sealed::Sealed;
use crate::authorize::AuthorizationRequest;
use crate::moment::Moment;

/// A request, shown to one browser, to be answered once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Page {
    /// What its answer consumes.
    pub id: String,
    pub request: AuthorizationRequest,
    /// What the client was called when it was shown.
    pub client_name: String,
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
    /// What the page called the client.
    pub client_name: String,
    /// Whom the page named. If another comes back, the page is shown again.
    pub person: Option<SubjectId>,
}

impl Page {
    /// `asked` is the request and what its client is called.
    pub fn of(asked: (AuthorizationRequest, &str), browser: [u8; 32], person: Option<SubjectId>, moment: &mut Moment) -> Self {
        let (request, client_name) = asked;
        let id = hex(&moment.entropy.take::<16>());
        Self { id, request, client_name: client_name.to_owned(), browser, person, shown_at: moment.now }
    }
}

impl Sealed for Page {
    const PURPOSE: Purpose = Purpose::Page;
}

impl Sealed for Approved {
    const PURPOSE: Purpose = Purpose::ApprovedRequest;
}
