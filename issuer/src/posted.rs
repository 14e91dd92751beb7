//! What a client posts to an endpoint for clients (RFC 6749 §3.2, RFC 7009 §2.1): read once, together with the client that it names, and
//! what each such endpoint checks before anything else. Nothing of it is believed yet.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName};
use chancery_core::Source;
use chancery_registry::{Client, DocumentFault, Tenant};

use crate::body::Unread;
use crate::client_auth::{self, AuthenticatedClient, Claim, Material};
use crate::form::Form;
use crate::refusal::Refused;
use crate::server::Server;
use crate::unanswered::Unanswered;

pub(crate) struct Posted<'a> {
    pub tenant: &'a Tenant,
    pub content_type: Option<String>,
    pub authorization: Option<String>,
    /// Who the sender says it is; or why that cannot be told.
    pub claim: Result<Claim, Refused>,
    pub form: Form,
    /// The client that the request names, if there is such a one.
    pub client: Option<Arc<Client>>,
    /// Why the client that it names cannot be had from its document.
    pub fault: Option<DocumentFault>,
}

impl<'a> Posted<'a> {
    /// The inner error is a refusal of what cannot even be read.
    pub async fn read(
        server: &Server,
        tenant: &'a Tenant,
        (headers, source): (&HeaderMap, Option<Source>),
        body: &Result<Bytes, Unread>,
    ) -> Result<Result<Self, Refused>, Unanswered> {
        let body = match body {
            Ok(body) => body,
            Err(unread) => return Ok(Err(Refused::invalid_request(unread.words()).by_row("OA-07"))),
        };
        if headers.get_all(AUTHORIZATION).iter().nth(1).is_some() {
            let twice = Refused::invalid_request("the Authorization header comes twice; authenticate once");
            return Ok(Err(twice.by_row("OA-11")));
        }
        let header = |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let (content_type, authorization, form) = (header(CONTENT_TYPE), header(AUTHORIZATION), Form::read(body));
        let claim = client_auth::claim(&Material { authorization: authorization.as_deref(), form: &form });
        let (client, fault) = match &claim {
            Ok(claim) => server.client(tenant, claim.client(), source).await?,
            Err(_) => (None, None), // the endpoint's table says why
        };
        Ok(Ok(Self { tenant, content_type, authorization, claim, form, client, fault }))
    }

    pub fn is_a_form(&self) -> Result<(), Refused> {
        let media_type = self.content_type.as_deref().and_then(|value| value.split(';').next()).map(str::trim);
        match media_type {
            Some(form) if form.eq_ignore_ascii_case("application/x-www-form-urlencoded") => Ok(()),
            _ => Err(Refused::invalid_request("send the parameters as application/x-www-form-urlencoded in the body of a POST")),
        }
    }

    pub fn claim(&self) -> Result<&Claim, Refused> {
        self.claim.as_ref().map_err(Refused::repeated)
    }

    pub fn authenticated(&self) -> Result<AuthenticatedClient, Refused> {
        let claim = self.claim()?;
        if let Some(fault) = &self.fault {
            return Err(Refused::invalid_client(format!("the document at this client_id {fault}")));
        }
        claim.proven_by(self.client.as_ref())
    }
}
