//! The revocation endpoint (RFC 7009): a client gives back a token that it holds.
//!
//! 1. What arrived is read once, and the client it names is loaded.
//! 2. The table of steps runs from the top ([`steps`]). What the token is shows by the token itself: `token_type_hint` is not needed, so a
//!    wrong one does no harm.
//! 3. One read brings what stands behind a refresh token, and [`decide`] says what ends.
//! 4. The Unit commits, and only then the answer is yes: a store that is down is a 503, never a false 200.

mod decide;
mod steps;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chancery_audit::Counter;
use chancery_core::Source;

use self::decide::{Facts, Outcome};
use self::steps::{Arrival, admit, witnessed};
use crate::answer::Answer;
use crate::body::whole;
use crate::posted::Posted;
use crate::server::Server;
use crate::unanswered::Unanswered;

const ENDPOINT: &str = "revoke";

pub(crate) async fn revoke(
    State(server): State<Arc<Server>>,
    Path(tenant): Path<String>,
    source: Option<Extension<Source>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    answer(&server, &tenant, (&headers, source.map(|Extension(source)| source)), body).await.unwrap_or_else(Answer::unanswered)
}

async fn answer(
    server: &Server,
    tenant: &str,
    asker: (&HeaderMap, Option<Source>),
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Unanswered> {
    let (tenant, keys) = server.tenant(tenant, ENDPOINT)?;
    let posted = match Posted::read(server, &tenant, asker, &whole(body)).await? {
        Ok(posted) => posted,
        Err(unreadable) => return server.refused(&tenant, ENDPOINT, unreadable).await,
    };
    let mut moment = server.moment();
    let arrival = Arrival { posted, keys: &keys.refresh, verifier: &server.verifier, now: moment.now };

    let answer = match admit(&arrival) {
        Ok(admitted) => {
            let facts = Facts::load(&server.store, &tenant.id, &admitted.token).await?;
            let Outcome { draft, word, row } = decide::decide(&admitted, tenant.id, &facts, &mut moment);
            let counter = Counter { endpoint: ENDPOINT, reason: word, row };
            Answer::revoked(server.record(&tenant, counter, draft).await?) // RV-04
        }
        Err(refused) => server.refused(&tenant, ENDPOINT, witnessed(refused, &arrival, &mut moment)).await?,
    };
    // RFC 6749 §5.2: who authenticated by a header is told by a header how to.
    Ok(if arrival.posted.authorization.is_some() { answer.challenging_basic(&tenant) } else { answer })
}
