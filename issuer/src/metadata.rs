//! The issuer's documents: metadata (RFC 8414; OpenID Connect Discovery) at all three well-known forms with the same body (D10), since
//! each client tries its own first, and the key set (RFC 7517). They are the same for everybody: cacheable, cookieless (MD-06).

use std::sync::Arc;

use axum::extract::{Path, State};

use crate::answer::Answer;
use crate::server::Server;
use crate::unanswered::Unanswered;

/// MD-01
pub(crate) async fn authorization_server(State(server): State<Arc<Server>>, Path(tenant): Path<String>) -> Answer {
    let document = server.tenant(&tenant, "metadata").map(|(tenant, _)| tenant.metadata());
    document.map_or_else(Answer::unanswered, Answer::document)
}

/// MD-06
pub(crate) async fn jwks(State(server): State<Arc<Server>>, Path(tenant): Path<String>) -> Answer {
    let keys = server.tenant(&tenant, "jwks");
    let document = keys.and_then(|(tenant, _)| server.keyring.jwks(&tenant.id).ok_or(Unanswered::NoKeys(tenant.id)));
    document.map_or_else(Answer::unanswered, Answer::document)
}
