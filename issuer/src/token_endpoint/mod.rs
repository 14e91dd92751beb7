//! The token endpoint (RFC 6749 §3.2; OAuth 2.1 §3.2).
//!
//! 1. What arrived is read once; then the tenant is looked up, and the client that the request names is loaded.
//! 2. The table of steps runs from the top ([`steps`]).
//! 3. The grant loads its facts by one read, and decides. Where the identity provider must be asked first, it is.
//! 4. The outcome's Unit commits, and consumes the request's proof with it. A failed guard means that somebody was first; but a proof that
//!    was used is refused.
//! 5. Tokens are signed, and the receipt makes the answer.
//!
//! What a grant decides is decided by the rules of then: once the provider has been asked, where somebody was first, and where the tenant changed
//! while a client's document or the facts took their time, all but the reading begins anew. Two waits are not looked at. What 1 and 2 refuse is
//! refused by the rules of when the request came, however long a document took: it gives nothing, and may be asked again. And what changes
//! while the Unit of 4 is on its way is not seen by it, but for what its guards say.

mod steps;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chancery_audit::CommitError;
use chancery_core::{ClientId, Source, SubjectId};
use chancery_registry::Tenant;
use chancery_tokens::TenantKeys;

use self::steps::{Admitted, Arrival, admit, witnessed};
use crate::answer::Answer;
use crate::binding::{Binding, CONSUMED, Proofs, used_before};
use crate::body::{Unread, whole};
use crate::grants::{self, Asking, Granted, Learned, Need, Outcome};
use crate::posted::Posted;
use crate::server::Server;
use crate::unanswered::{ATTEMPTS, Unanswered};

const ENDPOINT: &str = "token";

pub(crate) async fn token(
    State(server): State<Arc<Server>>,
    Path(tenant): Path<String>,
    source: Option<Extension<Source>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    answer(&server, &tenant, (&headers, source.map(|Extension(source)| source)), body).await.unwrap_or_else(Answer::unanswered)
}

/// What arrived, read once.
struct Arrived<'a> {
    asker: (&'a HeaderMap, Option<Source>),
    body: Result<Bytes, Unread>,
    /// Held against the clock of now, however long anything else takes.
    proofs: Proofs,
}

/// What one attempt comes to.
enum Attempt {
    Answered(Answer),
    /// This person's identity provider is to be asked, for this client.
    Recheck(SubjectId, ClientId),
    /// The tenant is another by now.
    Outdated,
}

/// Decides until the decision commits. What has to be learned first is learned once, and costs no attempt.
async fn answer(
    server: &Server,
    name: &str,
    asker: (&HeaderMap, Option<Source>),
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Unanswered> {
    let arrived = Arrived { asker, body: whole(body), proofs: Proofs::of(asker.0, server.clock.now()) };
    let (mut overtaken, mut learned) = (0, Learned::default());
    for _ in 0..=ATTEMPTS {
        let (tenant, keys) = server.tenant(name, ENDPOINT)?;
        match attempt(server, (&tenant, &keys), &arrived, learned).await {
            Ok(Attempt::Answered(answer)) => return Ok(answer),
            Ok(Attempt::Recheck(subject, client)) => {
                learned.rechecked = Some(server.sign_in.recheck(tenant.id, subject, client).await);
            }
            Ok(Attempt::Outdated) => {}
            Err(Unanswered::Overtaken(write)) => overtaken = write,
            Err(unanswered) => return Err(unanswered),
        }
    }
    Err(Unanswered::Overtaken(overtaken))
}

async fn attempt(
    server: &Server,
    (tenant, keys): (&Tenant, &TenantKeys),
    arrived: &Arrived<'_>,
    learned: Learned,
) -> Result<Attempt, Unanswered> {
    let posted = match Posted::read(server, tenant, arrived.asker, &arrived.body).await? {
        Ok(posted) => posted,
        Err(unreadable) => return server.refused(tenant, ENDPOINT, unreadable).await.map(Attempt::Answered),
    };
    let arrival = Arrival { posted, keys: &keys.refresh, proofs: &arrived.proofs };

    let attempt = match admit(&arrival) {
        Ok(admitted) => decide(server, (tenant, keys), &admitted, learned).await?,
        Err(refused) => {
            let refused = witnessed(refused, &arrival, &mut server.moment());
            Attempt::Answered(server.refused(tenant, ENDPOINT, refused).await?)
        }
    };
    // RFC 6749 §5.2: who authenticated by a header is told by a header how to.
    Ok(match attempt {
        Attempt::Answered(answer) if arrival.posted.authorization.is_some() => Attempt::Answered(answer.challenging_basic(tenant)),
        attempt => attempt,
    })
}

async fn decide(
    server: &Server,
    (tenant, keys): (&Tenant, &TenantKeys),
    admitted: &Admitted,
    learned: Learned,
) -> Result<Attempt, Unanswered> {
    let asking = Asking { tenant, by: &admitted.by, binding: &admitted.binding };
    let decided = admitted.asked.decide(asking, learned, &server.store, &mut server.moment()).await?;
    if !server.is_as_now(tenant) {
        return Ok(Attempt::Outdated);
    }
    let answer = match decided {
        Ok(Outcome::Need(Need::Recheck(subject))) => return Ok(Attempt::Recheck(subject, admitted.by.id().clone())),
        Ok(Outcome::Granted(granted)) => issue(server, asking, keys, *granted).await,
        Err(refused) => server.refused(tenant, ENDPOINT, refused).await,
    };
    answer.map(Attempt::Answered)
}

async fn issue(server: &Server, asking: Asking<'_>, keys: &TenantKeys, granted: Granted) -> Result<Answer, Unanswered> {
    let Asking { tenant, binding, .. } = asking;
    let Granted { draft, tokens } = granted;
    let receipt = match server.journal.commit(&tenant.id, binding.consumption(&tenant.id).with(draft)).await {
        Err(CommitError::GuardFailed(CONSUMED)) if *binding != Binding::None => {
            let refused = grants::witnessed(used_before(), asking, None, &mut server.moment());
            return server.refused(tenant, ENDPOINT, refused).await; // DP-02
        }
        committed => committed?,
    };
    let signed = tokens.signed(&tenant.id, &server.signer, &keys.refresh, &receipt)?;
    Ok(Answer::tokens(&signed, receipt))
}
