//! Refusing: the trace is left, the log gets its line, the person a page with the reference that both carry.

use axum::response::Response;
use std::time::Duration;

use chancery_audit::{Counter, Draft, Rate, Receipt, Recorded};
use chancery_core::oauth::Fault;
use chancery_core::{Entropy, Event, EventId, Field, Kind, Pages, Slug};
use chancery_registry::Tenant;
use chancery_store::repo::sign_ins;

use crate::refused::{Refused, Trace};
use crate::{Parts, respond};

/// How many answers of one provider that prove nobody are told one by one; the rest is counted.
const WITNESSED: Rate = Rate { most: 60, per: Duration::from_hours(1) };

/// Where a refusal happened, as far as it came.
#[derive(Clone, Copy, Default)]
pub(crate) struct At<'a> {
    pub tenant: Option<&'a Tenant>,
    pub provider: Option<&'a Slug>,
    /// The key of the sign-in's row.
    pub sign_in: Option<[u8; 32]>,
}

pub(crate) async fn refuse<P: Pages>(parts: &Parts<P>, at: At<'_>, refused: Refused) -> Response {
    let now = parts.clock.now();
    let mut entropy = Entropy::draw(&*parts.rng);
    let event = at.tenant.map(|tenant| {
        Event::new(Kind::SignInRefused, tenant.id, now, &mut entropy)
            .with_some(Field::IdentityProvider, at.provider)
            .with(Field::Reason, refused.reason)
            .with_some(Field::Row, Some(refused.row).filter(|row| !row.is_empty()))
    });
    let reference = event.as_ref().map_or_else(|| EventId::mint(now, &mut entropy), |event| event.id).to_string();
    log(&at, &refused, &reference);
    let recorded = match event {
        Some(event) => record(parts, &at, &refused, event).await,
        None => None,
    };
    let recorded = match recorded {
        Some(receipt) => Recorded::from(receipt),
        None => Recorded::from(parts.counters.count(at.tenant.map(|tenant| tenant.id), counted(&refused))),
    };
    respond::refusal(&recorded, &*parts.pages, refused, reference)
}

/// The refusal's event, or the end of its sign-in. Nothing where it is to be counted, or where the store does not answer: then it is
/// counted too.
async fn record<P>(parts: &Parts<P>, at: &At<'_>, refused: &Refused, event: Event) -> Option<Receipt> {
    let tenant = event.tenant;
    match (refused.trace, at.sign_in, at.provider) {
        (Trace::End, Some(state), _) => {
            let over = Draft::default().writing(sign_ins::claim(&tenant, &state, event.at));
            // If somebody else ended it meanwhile, it is over as well.
            let _ = parts.journal.commit(&tenant, over).await;
            None
        }
        (Trace::Witness, _, Some(provider)) if parts.witnessed.admit((tenant, provider.clone()), WITNESSED).is_err() => None,
        (Trace::Witness | Trace::Event, ..) => parts.journal.commit(&tenant, Draft::default().recording(event)).await.ok(),
        _ => None,
    }
}

const fn counted(refused: &Refused) -> Counter {
    Counter { endpoint: "callback", reason: refused.reason, row: refused.row }
}

fn log(at: &At<'_>, refused: &Refused, reference: &str) {
    let tenant = at.tenant.map_or("", |tenant| tenant.name.as_str());
    let provider = at.provider.map_or("", Slug::as_str);
    let Refused { reason, row, detail, .. } = refused;
    match refused.fault {
        Fault::Peer => tracing::info!(tenant, provider, reason, row, ?detail, reference, "sign-in refused"),
        Fault::Dependency => tracing::warn!(tenant, provider, reason, row, ?detail, reference, "sign-in failed at the identity provider"),
        Fault::Ours => tracing::error!(tenant, provider, reason, row, ?detail, reference, "sign-in failed here"),
    }
}
