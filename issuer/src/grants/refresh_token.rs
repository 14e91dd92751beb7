//! The refresh token grant (RFC 6749 §6; OAuth 2.1 §4.3; rotation).
//!
//! A family is one row with a generation, and the token of generation g is a MAC over (family, g). So a retry gets the same successor,
//! a replay is recognised by its age, and nothing that could be stolen is stored. Of any number of parallel refreshes of one token one
//! advances the family; the others find it advanced, decide again, and get the same successor.
//!
//! A family that is bound to a key stays at its generation: whoever stole its token cannot use it, and who never gets another cannot lose
//! the newest one (RFC 9449 §5; design §4). One that was bound later has older tokens, and they tell of a thief as ever: it may be the
//! thief who bound it.

use std::time::Duration;

use chancery_audit::Draft;
use chancery_core::{Event, Field, Kind, ScopeSet, TenantId, Timestamp};
use chancery_store::repo::families::{self, Family, Refreshable};
use chancery_store::repo::grants::Grant;
use chancery_store::{Store, StoreError, Write};
use chancery_tokens::{Presented, RefreshTokenKeys, end_of_grant};

use super::standing::{self, GROUPS_REMOVED};
use super::vouched::{self, Word, vouched};
use super::wanted::Wanted;
use super::{Asking, Granted, Learned, Outcome, one_of};
use crate::binding::Misfit;
use crate::form::Form;
use crate::identity_scope::{heard, identity_of, without_identity};
use crate::moment::Moment;
use crate::refusal::{ByRow, Refused};

/// How long the token before the newest is answered with the newest again: tools that share a store race.
const RETRY_WINDOW: Duration = Duration::from_secs(60);

/// How soon a client refreshes that takes a step-up's challenge for an expired token: at once.
const STEP_UP_WINDOW: Duration = Duration::from_secs(10);

/// What the client asked, read once.
pub(crate) struct Request {
    token: Presented,
    scope: Option<ScopeSet>,
    resource: Option<String>,
}

/// What one read of the store knows about it.
pub(super) struct Facts {
    pub found: Option<Refreshable>,
    pub learned: Learned,
}

/// Where the presented token stands in its family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    /// It is the newest, and makes way for its successor.
    Next,
    /// Its successor is the newest, and is given out once more.
    Again,
    /// It is the newest, and stays so.
    Kept,
}

pub(super) fn decide(asked: &Request, asking: Asking<'_>, facts: &Facts, moment: &mut Moment) -> Result<Outcome, Refused> {
    let Refreshable { family, grant, checked, person } = known(facts).row("OA-14")?;
    belongs_to(family, asking).row("OA-14")?;
    alive(family, grant, asking, moment.now).row("OA-14")?;
    held(family, grant, (asked.token, asking), moment).row("DP-05")?;
    let turn = turn_of(family, grant, asked.token, moment).row("OA-13")?;
    let word = Word { checked: checked.as_ref(), person: person.as_ref(), learned: facts.learned };
    nothing_to_step_up_to(asked, family, asking, moment.now)?; // mcp_3_2
    if let Some(need) = vouched(grant, &word, asking, moment).row("SB-08")? {
        return Ok(Outcome::Need(need));
    }
    let access = standing::of(grant, person.as_ref(), asking).row("OA-14")?;
    standing::leaves_something(&family.scopes, &access, grant, asking, moment).row("OA-14")?;
    let allowed = one_of(&family.scopes, asked.resource.as_deref()).row("RI-02")?;
    let scope = narrowed(&allowed.scope, asked.scope.as_ref()).row("OA-14")?;
    let narrower = standing::takes_some(&without_identity(scope), &access).then_some(GROUPS_REMOVED);
    let wanted = Wanted::of(allowed, scope, (grant, access), asking).row("RI-01")?;
    let permit = wanted.permit(moment)?;

    let access = wanted.mint(&permit, moment)?;
    let event = wanted.issued(Kind::TokenRefreshed, &permit, &access, moment).with(Field::Family, family.id);
    let event = event.with_some(Field::Reason, narrower);
    let granted = Granted::tokens(access, permit.scope().union(&identity_of(scope)))
        .with_refresh_token(family.id, turn.successor(family))
        .with(Draft::default().writing(turn.write(family, asking, moment.now)).recording(event.with(Field::Outcome, turn.word())));
    Ok(granted.into())
}

fn known(facts: &Facts) -> Result<&Refreshable, Refused> {
    facts.found.as_ref().ok_or_else(|| Refused::invalid_grant("this refresh token is long gone; authorize again"))
}

fn belongs_to(family: &Family, asking: Asking<'_>) -> Result<(), Refused> {
    if family.client == *asking.by.id() { Ok(()) } else { Err(Refused::invalid_grant("this refresh token was issued to another client")) }
}

fn alive(family: &Family, grant: &Grant, asking: Asking<'_>, now: Timestamp) -> Result<(), Refused> {
    if grant.ended_at.is_some() {
        return Err(vouched::ended(grant));
    }
    let idle = now >= family.used_at + asking.tenant.lifetimes.refresh_idle;
    if idle || now >= family.expires_at || !grant.is_alive(now) {
        return Err(Refused::invalid_grant("this refresh token has expired; authorize again"));
    }
    Ok(())
}

/// Without a proof of its key the newest token is nobody's, and its owner loses nothing by who else holds it. An older one is of before
/// the family was bound, when any key would do: it is its owner's, shut out by a thief's key, or a thief's, shut out by its owner's.
fn held(family: &Family, grant: &Grant, (presented, asking): (Presented, Asking<'_>), moment: &mut Moment) -> Result<(), Refused> {
    let why = match asking.binding.fits(family.jkt.as_deref()) {
        Ok(()) => return Ok(()),
        Err(_) if presented.generation < family.generation => return Err(reused(family, grant, presented, moment).by_row("OA-13")),
        Err(Misfit::OtherKey) => {
            "this refresh token is bound to another key than that of the proof; sign with the one that it was first asked for with"
        }
        Err(Misfit::NoProof) => "this refresh token is bound to a key; send a proof of that key in a DPoP header",
    };
    Err(Refused::invalid_grant(why))
}

/// The presented token is the newest, or the one before it on a retry. Anything older was stolen, or is replayed by whom it was stolen
/// from; nobody can tell which, so both lose it.
fn turn_of(family: &Family, grant: &Grant, presented: Presented, moment: &mut Moment) -> Result<Turn, Refused> {
    match family.generation.checked_sub(presented.generation) {
        Some(0) if family.jkt.is_some() => Ok(Turn::Kept),
        Some(0) => Ok(Turn::Next),
        Some(1) if moment.now < family.rotated_at + RETRY_WINDOW => Ok(Turn::Again),
        Some(_) => Err(reused(family, grant, presented, moment)),
        // A token of ours that the family has not come to: the store was set back to an older state.
        None => {
            Err(Refused::invalid_grant("this refresh token is not known here; authorize again").because("generation ahead of its family"))
        }
    }
}

/// A client that was just asked for more scope or a better sign-in and only refreshes would be refused again, and give up. Told once that
/// its grant is no good, it authorizes anew; its next refresh is answered as ever, so nothing is lost where it was another's. Machines
/// are let alone: nobody sits there to authorize.
fn nothing_to_step_up_to(asked: &Request, family: &Family, asking: Asking<'_>, now: Timestamp) -> Result<(), Refused> {
    let lately = family.step_up_at.filter(|at| now < *at + STEP_UP_WINDOW);
    match lately.filter(|_| asked.scope.is_none() && asking.by.client().is_public()) {
        Some(at) => {
            Err(Refused::invalid_grant("this client was just asked for more than a refresh brings; authorize again, as the challenge says")
                .because("refreshed after a step-up was asked for")
                .with(Draft::default().writing(families::stepped_up(&family.tenant, &family.id, at))))
        }
        None => Ok(()),
    }
}

fn reused(family: &Family, grant: &Grant, presented: Presented, moment: &mut Moment) -> Refused {
    let event = Event::new(Kind::RefreshTokenReused, family.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, &family.client)
        .with(Field::Grants, grant.id)
        .with(Field::Family, family.id)
        .with(Field::Reason, format_args!("generation {} presented, {} is the newest", presented.generation, family.generation))
        .with(Field::Row, "OA-13");
    Refused::invalid_grant("this refresh token was used before; all that came of it has been ended, authorize again")
        .because("refresh token reused")
        .with(end_of_grant(&family.tenant, &grant.id, "refresh token reused", moment.now).recording(event))
}

/// Fewer scopes make a lesser token; the refresh token keeps what it had.
fn narrowed<'a>(allowed: &'a ScopeSet, asked: Option<&'a ScopeSet>) -> Result<&'a ScopeSet, Refused> {
    match asked {
        Some(wider) if !wider.is_subset(allowed) => {
            Err(Refused::invalid_scope("scope may name what was authorized or less; authorize again for more"))
        }
        Some(asked) => Ok(asked),
        None => Ok(allowed),
    }
}

impl Turn {
    const fn successor(self, family: &Family) -> u64 {
        match self {
            Self::Next => family.generation + 1,
            Self::Again | Self::Kept => family.generation,
        }
    }

    /// Either way the write's guard says that the family is where it was, and the grant alive.
    ///
    /// A retry binds nothing: whoever stole the token before the newest would shut out the owner of the newest, who has no older one to
    /// show for it. To bind, a key must come with the newest, which then is an older one in its owner's hands.
    fn write(self, family: &Family, asking: Asking<'_>, now: Timestamp) -> Write {
        let Family { tenant, id, generation, .. } = family;
        match self {
            Self::Next => families::advance(tenant, id, *generation, asking.refresh_key(), now),
            Self::Again | Self::Kept => families::retry(tenant, id, *generation, now),
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Next => "rotated",
            Self::Again => "repeated",
            Self::Kept => "kept",
        }
    }
}

impl Request {
    /// A refresh token whose MAC is not ours is nobody's.
    pub fn read(form: &Form, tenant: &TenantId, keys: &RefreshTokenKeys) -> Result<Self, Refused> {
        let token = keys.read(tenant, form.required("refresh_token")?);
        let scope = form.one("scope").map(|text| {
            let scope: Result<ScopeSet, _> = text.parse();
            scope.map(|scope| heard(&scope)).map_err(|_| Refused::invalid_scope("scope has characters that no scope has"))
        });
        Ok(Self {
            token: token.ok_or_else(|| Refused::invalid_grant("this is no refresh token of this server; authorize again")).row("OA-14")?,
            scope: scope.transpose().row("OA-14")?,
            resource: form.one("resource").map(str::to_owned),
        })
    }
}

impl Facts {
    pub async fn load(store: &Store, tenant: &TenantId, asked: &Request, learned: Learned) -> Result<Self, StoreError> {
        Ok(Self { found: families::with_grant(store, tenant, &asked.token.family).await?, learned })
    }

    /// The grant of a family that still lives.
    pub fn living(&self, now: Timestamp) -> Option<&Grant> {
        let Refreshable { family, grant, .. } = self.found.as_ref()?;
        (now < family.expires_at && grant.is_alive(now)).then_some(grant)
    }
}

#[cfg(test)]
mod tests;
