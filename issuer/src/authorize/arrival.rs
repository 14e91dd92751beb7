//! What arrives at the authorization endpoint.

use std::sync::Arc;

use chancery_registry::{Client, DocumentFault, Tenant};

use crate::form::Form;

/// An authorization request as it came, read once, and the client it names, if there is such a one. Nothing of it is believed yet.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub tenant: &'a Tenant,
    pub form: &'a Form,
    pub client: Option<&'a Arc<Client>>,
    /// Why the client that it names cannot be had from its document.
    pub fault: Option<&'a DocumentFault>,
}
