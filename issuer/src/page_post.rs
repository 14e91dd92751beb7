//! What a browser posts to one of our pages: whose page, its form, and where it came from. Nothing of it is believed yet.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use chancery_core::Source;
use chancery_registry::Tenant;
use chancery_tokens::TenantKeys;

use crate::body::{Unread, whole};
use crate::form::Form;
use crate::front::{Visit, source_in};
use crate::page_refusal::PageRefusal;

pub(crate) struct PagePost {
    /// The name in the path; nobody looked yet whether there is such a tenant.
    pub tenant: String,
    pub headers: HeaderMap,
    source: Source,
    body: Result<Bytes, Unread>,
}

impl PagePost {
    pub fn visit<'a>(&'a self, tenant: &'a Tenant, keys: &'a TenantKeys, endpoint: &'static str) -> Visit<'a> {
        Visit { tenant, keys, headers: &self.headers, source: self.source, endpoint }
    }

    /// # Errors
    /// It was too long, or did not come whole.
    pub fn form(&self) -> Result<Form, PageRefusal> {
        self.body.as_ref().map(|body| Form::read(body)).map_err(|unread| unread.on_page())
    }
}

impl<S: Send + Sync> FromRequest<S> for PagePost {
    type Rejection = PathRejection;

    async fn from_request(request: Request, state: &S) -> Result<Self, PathRejection> {
        let (mut head, body) = request.into_parts();
        let Path(tenant) = Path::from_request_parts(&mut head, state).await?;
        let (headers, source) = (head.headers.clone(), source_in(&head.extensions));
        let body = whole(Bytes::from_request(Request::from_parts(head, body), state).await);
        Ok(Self { tenant, headers, source, body })
    }
}
