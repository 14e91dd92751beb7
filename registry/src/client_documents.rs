//! Clients by their documents. Steps: 1. the id is a plain address; 2. the tenant's rules have nothing against its place; 3. the copy
//! that is kept, or a fetch, if this source may cause one; 4. what the document says.
//!
//! Each tenant has a cache of its own, so that nobody's strangers push out another's clients, nor a provider's keys. A document that
//! cannot be used is believed to be so for seconds, and is not kept (CI-03). Where no more may be fetched just now, a copy that was good is
//! good for an hour longer: others' attacks turn nobody away whom we know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use chancery_core::{ClientId, Source, TenantId, Timestamp};
use chancery_outbound::{Documents, FetchError, FetchTrouble, Fetched, Fetcher, Purpose};
use chancery_store::StoreError;
use quick_cache::sync::Cache;

use crate::allowance::Allowance;
use crate::client_document::{self, DocumentFault, fault};
use crate::{Client, Tenant};

/// How many documents one tenant keeps; they have 5 KB at most.
const KEPT: usize = 512;

/// Why there is no telling whether there is such a client.
#[derive(Debug, thiserror::Error)]
pub enum ClientTrouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The client is named by the address of a document, and cannot be had from it.
    #[error("the client's document {0}")]
    Document(DocumentFault),
    /// So many documents are being fetched that this one must wait.
    #[error("too many documents of clients are being fetched")]
    Busy,
}

impl From<DocumentFault> for ClientTrouble {
    fn from(fault: DocumentFault) -> Self {
        Self::Document(fault)
    }
}

#[derive(Default)]
pub(crate) struct ClientDocuments {
    fetcher: OnceLock<Fetcher>,
    shelves: Mutex<HashMap<TenantId, Arc<Shelf>>>,
}

/// What one tenant has.
struct Shelf {
    documents: Documents,
    /// What was read from which copy.
    read: Cache<ClientId, Read>,
    allowance: Arc<Allowance>,
}

#[derive(Clone)]
struct Read {
    copy: Arc<Fetched>,
    client: Result<Arc<Client>, DocumentFault>,
}

impl ClientDocuments {
    /// Documents are fetched by this. Before it is said, and in a process that never says it, none are.
    pub(crate) fn go_out_by(&self, fetcher: Fetcher) {
        let _ = self.fetcher.set(fetcher);
    }

    /// None, where nobody is known by a document.
    pub(crate) async fn client(
        &self,
        tenant: &Tenant,
        id: &ClientId,
        source: Option<Source>,
        now: Timestamp,
    ) -> Result<Option<Arc<Client>>, ClientTrouble> {
        let rules = &tenant.registration.documents;
        let Some(shelf) = self.shelf(&tenant.id).filter(|_| rules.enabled) else { return Ok(None) };
        let url = client_document::address(id)?; // CI-01
        rules.admit(id, &url)?; // CI-10
        let purpose = if rules.may_be_private(id, &url) { Purpose::ListedClientDocument } else { Purpose::ClientDocument }; // CI-04

        let allowed = || shelf.allowance.take(source, now).ok_or(FetchTrouble::Crowded(0));
        let fetched = shelf.documents.get_if(purpose, id.as_str(), now, allowed).await; // CI-11
        let copy = fetched.map_err(|error| told(purpose, trouble(id, &error)))?;
        let client = shelf.read(id, copy.clone(), now);
        if let Err(fault) = &client {
            tracing::debug!(client = %id, row = fault.row, %fault, "a client's document cannot be used");
            shelf.documents.spoil(purpose, id.as_str(), &copy); // CI-03
        }
        client.map(Some).map_err(|fault| told(purpose, fault.into()))
    }

    fn shelf(&self, tenant: &TenantId) -> Option<Arc<Shelf>> {
        let fetcher = self.fetcher.get()?;
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(shelves.entry(*tenant).or_insert_with(|| {
            let documents = Documents::holding(KEPT, fetcher.clone());
            Arc::new(Shelf { documents, read: Cache::new(KEPT), allowance: Arc::default() })
        })))
    }
}

impl Shelf {
    /// A copy is read once, and what comes after it anew: nothing of it is kept longer (CI-08).
    fn read(&self, id: &ClientId, copy: Arc<Fetched>, now: Timestamp) -> Result<Arc<Client>, DocumentFault> {
        let same = |read: &Read| Arc::ptr_eq(&read.copy, &copy); // CI-08
        if let Some(read) = self.read.get(id).filter(same) {
            return read.client;
        }
        let client = is_json(&copy).and_then(|()| client_document::client(id, &copy.body, now)).map(Arc::new);
        self.read.insert(id.clone(), Read { copy, client: client.clone() });
        client
    }
}

fn is_json(fetched: &Fetched) -> Result<(), DocumentFault> {
    let kind = fetched.content_type.as_deref().and_then(|kind| kind.split(';').next()).map(|kind| kind.trim().to_ascii_lowercase());
    match kind.as_deref() {
        Some("application/json") => Ok(()),
        Some(other) if other.starts_with("application/") && other.ends_with("+json") => Ok(()),
        _ => Err(fault("CI-03", "is not served as application/json")),
    }
}

/// Who asks is a stranger: how an address fails from here, and whether its name is known inside, is not told.
fn trouble(id: &ClientId, error: &FetchError) -> ClientTrouble {
    tracing::debug!(client = %id, %error, "a client's document could not be fetched");
    match &error.trouble {
        FetchTrouble::Crowded(_) => ClientTrouble::Busy,
        FetchTrouble::Dial(_) => fault("CI-04", "cannot be reached from here").into(),
        FetchTrouble::TooSlow(_) => fault("CI-03", "did not come in time").into(),
        FetchTrouble::Broken(_) => fault("CI-03", "did not come whole").into(),
        FetchTrouble::Status(_) => fault("CI-03", "is not answered with status 200").into(),
        FetchTrouble::Redirected(_) => fault("CI-03", "is answered with a redirect, and none is followed").into(),
        other => fault("CI-03", format!("cannot be had: {other}")).into(),
    }
}

/// What lies inside is told to nobody outside: whether something answers there, with what, and whether it is JSON, has one wording. Who
/// wrote a document with its own address in it is told what is wrong with the rest.
fn told(purpose: Purpose, trouble: ClientTrouble) -> ClientTrouble {
    match trouble {
        ClientTrouble::Document(fault) if purpose == Purpose::ListedClientDocument && matches!(fault.row, "CI-02" | "CI-03" | "CI-04") => {
            client_document::fault("CI-04", "cannot be had from inside the network; who runs this server finds why in its log").into() // CI-04
        }
        trouble => trouble,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_outbound::DialError;
    use http::StatusCode;

    use super::*;

    fn words(purpose: Purpose, what: FetchTrouble) -> String {
        let error = FetchError { address: "https://app.example/c".to_owned(), trouble: what };
        told(purpose, trouble(&ClientId::claimed("https://app.example/c"), &error)).to_string()
    }

    fn troubles() -> [FetchTrouble; 7] {
        [
            FetchTrouble::Dial(DialError::NotAnAddress),
            FetchTrouble::TooSlow(Duration::from_secs(5)),
            FetchTrouble::TooLarge(5_000),
            FetchTrouble::Packed("gzip".to_owned()),
            FetchTrouble::Redirected(StatusCode::FOUND),
            FetchTrouble::Status(StatusCode::FORBIDDEN),
            FetchTrouble::Broken("reset".to_owned()),
        ]
    }

    #[test]
    fn ci_03_an_author_is_told_what_is_wrong_and_no_status() {
        let told = troubles().map(|what| words(Purpose::ClientDocument, what));
        for (said, expected) in told.iter().zip(["reached", "in time", "5000", "gzip", "redirect", "status 200", "whole"]) {
            assert!(said.contains(expected), "{said}");
            assert!(!said.contains("403") && !said.contains("302") && !said.contains("reset"), "{said}");
        }
    }

    #[test]
    fn ci_04_of_what_lies_inside_nobody_outside_is_told_more_than_no() {
        let told = troubles().map(|what| words(Purpose::ListedClientDocument, what));
        assert!(told.iter().all(|said| *said == told[0]), "{told:?}");
    }
}
