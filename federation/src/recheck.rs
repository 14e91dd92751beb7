//! Asking the provider again whether it vouches for a person, by the refresh token that it gave (OpenID Connect Core §12): a disabled
//! person's agents stop, and a change of groups is seen, without anybody at a browser.
//!
//! 1. The voucher: of the client's own registration there, or else of ours. Is its check old, is somebody asking already?
//! 2. It is taken, by a guarded write, for a while: of any number of nodes one asks.
//! 3. The provider is asked ([`ask`]). An ID token that comes along is held to what it must say (§12.2).
//! 4. What it said is decided on ([`decide`]) and committed before anybody is answered, a new token above all: a provider that rotates
//!    takes the older one for stolen.
//!
//! Whoever waits for this is answered within [`PATIENCE`]; the asking goes on without them, and what it learns is there for the next. A node
//! that stops waits for it, as long as it may. Whoever asks and is cut off before 4 leaves the voucher taken. Its time over, it is asked by
//! again; and if the provider then refuses the token, that is our loss and says nothing of the person ([`RecheckTrouble::Lost`]).

mod ask;
mod decide;

use std::sync::Arc;
use std::time::Duration;

use chancery_audit::{CommitError, Draft};
use chancery_core::{ClientId, Entropy, Pages, RecheckTrouble, SKEW, SubjectId, TenantId, Timestamp};
use chancery_registry::{Lifetimes, Tenant};
use chancery_store::repo::vouchers::{self, Voucher};
use tokio::time::{Instant, sleep, timeout_at};

use crate::Parts;
use ask::{Said, ask};
use decide::{Facts, decide};

/// How long whoever asks has the voucher for itself: longer than metadata, keys and token together may take, by the clock of any node.
const TURN: Duration = Duration::from_secs(45 + SKEW.as_secs());
/// How long a client is kept waiting for what is learned, whoever asks, and how often those look who do not. Clients give up sooner than
/// providers do; till then the provider's last word counts.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);
/// How often it is tried to write down what was learned.
const ATTEMPTS: u32 = 5;

pub(crate) async fn recheck<P: Pages>(
    parts: Arc<Parts<P>>,
    tenant: TenantId,
    subject: SubjectId,
    client: ClientId,
) -> Result<(), RecheckTrouble> {
    let till = Instant::now() + PATIENCE;
    let tenant = parts.registry.tenant_by_id(&tenant).ok_or(RecheckTrouble::Unusable)?;
    while Instant::now() < till {
        let found = vouchers::for_client(&parts.store, &tenant.id, &subject, &client).await.map_err(|error| store(&error))?;
        let Some(voucher) = found else { return Ok(()) };
        let now = parts.clock.now();
        match turn(&voucher, &tenant.lifetimes, now) {
            Turn::Known(known) => return known,
            Turn::Wait => sleep(LOOK).await,
            Turn::Ask => {
                let asking =
                    Asking { parts: Arc::clone(&parts), tenant: Arc::clone(&tenant), voucher, by: Entropy::draw(&*parts.rng).take() };
                // A client that hangs up must not cut this off between the provider's answer and our commit.
                match timeout_at(till, parts.unfinished.spawn(asking.run(now))).await {
                    Ok(Ok(Some(learned))) => return learned,
                    Ok(Ok(None)) => {} // somebody else was first, or a new sign-in came between: look again
                    Ok(Err(error)) => return Err(store(&error)),
                    Err(_elapsed) => return Err(RecheckTrouble::Silent),
                }
            }
        }
    }
    Err(RecheckTrouble::Silent)
}

/// Whose turn it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// It was asked lately.
    Known(Result<(), RecheckTrouble>),
    /// Somebody is asking.
    Wait,
    Ask,
}

fn turn(voucher: &Voucher, lifetimes: &Lifetimes, now: Timestamp) -> Turn {
    match (voucher.taken, voucher.checked.trouble) {
        _ if !lifetimes.is_old(&voucher.checked, now) => Turn::Known(Ok(())),
        (Some((_, till)), _) if now < till => Turn::Wait,
        (_, Some(trouble)) if !lifetimes.is_recheck_due(&voucher.checked, now) => Turn::Known(Err(trouble)),
        _ => Turn::Ask,
    }
}

/// One turn of asking.
struct Asking<P> {
    parts: Arc<Parts<P>>,
    tenant: Arc<Tenant>,
    /// As it was before it was taken.
    voucher: Voucher,
    by: [u8; 32],
}

impl<P: Pages> Asking<P> {
    /// What was learned; nothing, where somebody else was first, or this voucher is none any more.
    async fn run(self, now: Timestamp) -> Option<Result<(), RecheckTrouble>> {
        let Self { parts, tenant, voucher, by } = &self;
        let take = Draft::default().writing(vouchers::take(voucher, by, now + TURN, now));
        match parts.journal.commit(&tenant.id, take).await {
            Ok(_receipt) => {}
            Err(CommitError::GuardFailed(_)) => return None,
            Err(CommitError::Unavailable(error)) => return Some(Err(store(&error))),
        }
        let learned = ask(parts, tenant, voucher, now).await;
        let facts = Facts { voucher, by, said: &learned.said, known: learned.subject.as_ref() };
        self.write(&facts).await
    }

    /// A provider that rotated its token gave it once: what was learned is not given up because the store is slow. What ends, ends now: tokens
    /// may have been minted while it was asked.
    async fn write(&self, facts: &Facts<'_>) -> Option<Result<(), RecheckTrouble>> {
        let Self { parts, tenant, .. } = self;
        for attempt in 1..=ATTEMPTS {
            let (outcome, draft) = decide(facts, parts.clock.now(), &mut Entropy::draw(&*parts.rng));
            match parts.journal.commit(&tenant.id, draft).await {
                Ok(_receipt) => return (*facts.said != Said::Deregistered).then_some(outcome),
                Err(CommitError::GuardFailed(_)) => return None,
                Err(CommitError::Unavailable(error)) if attempt == ATTEMPTS => return Some(Err(store(&error))),
                Err(CommitError::Unavailable(_)) => sleep(LOOK * attempt).await,
            }
        }
        None
    }
}

fn store(error: &dyn std::error::Error) -> RecheckTrouble {
    tracing::error!(%error, "what an identity provider says of a person could not be read or written");
    RecheckTrouble::Store
}

#[cfg(test)]
mod tests;
