//! Why a request got no decision, or its decision no record.

use chancery_audit::CommitError;
use chancery_core::TenantId;
use chancery_core::oauth::Error;
use chancery_registry::ClientTrouble;
use chancery_store::StoreError;
use chancery_tokens::SignError;
use http::StatusCode;

/// How often an outcome is decided before the answer is to come back later.
pub(crate) const ATTEMPTS: usize = 3;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// Nothing lies at this address. Whoever says so has counted it.
    #[error("there is no such tenant here, or it does not offer this")]
    NotHere,
    /// Somebody else was first: the write of this number, in the outcome's draft, found another state than it was decided on.
    #[error("others kept changing the same thing (write {0})")]
    Overtaken(usize),
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// It cannot be told whether there is such a client.
    #[error("the client could not be loaded: {0}")]
    Client(ClientTrouble),
    #[error("a token could not be signed: {0}")]
    Sign(#[from] SignError),
    #[error("tenant {0} has no keys on this node")]
    NoKeys(TenantId),
    /// A task of its own was to find out.
    #[error("what was begun has ended without an outcome: {0}")]
    Lost(String),
}

impl Unanswered {
    pub fn error(&self) -> Error {
        match self {
            Self::NotHere => Error::invalid_request("there is no such tenant here, or it does not offer this; look at its metadata"),
            Self::Overtaken(_) | Self::Store(_) | Self::Client(_) | Self::Lost(_) => {
                Error::temporarily_unavailable("this could not be done just now; try again in a moment")
            }
            Self::Sign(_) | Self::NoKeys(_) => Error::server_error("the server cannot sign or seal for this tenant; tell who runs it"),
        }
    }

    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotHere => StatusCode::NOT_FOUND,
            Self::Overtaken(_) | Self::Store(_) | Self::Client(_) | Self::Lost(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Sign(_) | Self::NoKeys(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `reference` is what the page says, if there is one.
    pub fn log(&self, reference: &str) {
        match self {
            Self::NotHere => tracing::debug!(reference, "nothing lies at the address"),
            // Strangers bring this about, as often as they like.
            Self::Client(trouble) => tracing::debug!(error = %trouble, reference, "a client could not be loaded"),
            failure => tracing::error!(error = %failure, reference, "a request could not be answered"),
        }
    }
}

impl From<ClientTrouble> for Unanswered {
    fn from(trouble: ClientTrouble) -> Self {
        match trouble {
            ClientTrouble::Store(store) => Self::Store(store),
            trouble => Self::Client(trouble),
        }
    }
}

impl From<CommitError> for Unanswered {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::GuardFailed(write) => Self::Overtaken(write),
            CommitError::Unavailable(store) => Self::Store(store),
        }
    }
}
