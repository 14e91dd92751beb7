//! The token endpoint (RFC 6749 §3.2; OAuth 2.1 §3.2).
//!
//! 1. What arrived is read once, and the client it names is loaded.
//! 2. The table of steps runs from the top ([`steps`]).
//! 3. The grant loads its facts by one read, and decides. Where the identity provider must be asked first, it is, and it decides again.
//! 4. The outcome's Unit commits, and consumes the request's proof with it. A failed guard means that somebody was first: load again,
//!    decide again; but a proof that was used is refused.
//! 5. Tokens are signed, and the receipt makes the answer.

mod steps;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use chancery_audit::CommitError;
use chancery_core::Source;
use chancery_registry::Tenant;
use chancery_tokens::TenantKeys;

use self::steps::{Admitted, Arrival, admit, witnessed};
use crate::answer::Answer;
use crate::binding::{Binding, CONSUMED, Proofs, used_before};
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

async fn answer(
    server: &Server,
    tenant: &str,
    asker: (&HeaderMap, Option<Source>),
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Unanswered> {
    let (tenant, keys) = server.tenant(tenant, ENDPOINT)?;
    let posted = match Posted::read(server, &tenant, asker, body).await? {
        Ok(posted) => posted,
        Err(unreadable) => return server.refused(&tenant, ENDPOINT, unreadable).await,
    };
    let proofs = Proofs::of(asker.0, server.clock.now());
    let arrival = Arrival { posted, keys: &keys.refresh, proofs };

    let answer = match admit(&arrival) {
        Ok(admitted) => decide(server, &tenant, &keys, &admitted).await?,
        Err(refused) => server.refused(&tenant, ENDPOINT, witnessed(refused, &arrival, &mut server.moment())).await?,
    };
    // RFC 6749 §5.2: who authenticated by a header is told by a header how to.
    Ok(if arrival.posted.authorization.is_some() { answer.challenging_basic(&tenant) } else { answer })
}

/// Decides until the decision commits. What has to be learned first is learned once, and costs no attempt.
async fn decide(server: &Server, tenant: &Tenant, keys: &TenantKeys, admitted: &Admitted) -> Result<Answer, Unanswered> {
    let asking = Asking { tenant, by: &admitted.by, binding: &admitted.binding };
    let (mut overtaken, mut learned) = (0, Learned::default());
    for _ in 0..=ATTEMPTS {
        let answered = match admitted.asked.decide(asking, learned, &server.store, &mut server.moment()).await? {
            Ok(Outcome::Need(Need::Recheck(subject))) => {
                learned.rechecked = Some(server.sign_in.recheck(tenant.id, subject, admitted.by.id().clone()).await);
                continue;
            }
            Ok(Outcome::Granted(granted)) => issue(server, asking, keys, *granted).await,
            Err(refused) => server.refused(tenant, ENDPOINT, refused).await,
        };
        match answered {
            Err(Unanswered::Overtaken(write)) => overtaken = write,
            answered => return answered,
        }
    }
    Err(Unanswered::Overtaken(overtaken))
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
