//! The authorization code grant (RFC 6749 §4.1.3; OAuth 2.1 §4.1.3; PKCE: RFC 7636 §4.5).
//!
//! A code is 256 random bits, stored as its hash. It is redeemed by one guarded write, so of any number of parallel redemptions one
//! succeeds. A second request that is good in every other way means that somebody else has the code as well: everything issued from it
//! ends. The verifier is looked at before that, so that who found an old code in a log can end nothing.

use chancery_audit::Draft;
use chancery_core::{Event, FamilyId, Field, Kind, TenantId, Timestamp};
use chancery_crypto::digest::sha256;
use chancery_registry::GrantType;
use chancery_store::repo::codes::{self, Code, Redeemable};
use chancery_store::repo::families::{self, Family};
use chancery_store::repo::grants::Grant;
use chancery_store::{Store, StoreError};
use chancery_tokens::end_of_grant;

use super::standing;
use super::vouched::{self, Word, vouched};
use super::wanted::Wanted;
use super::{Asking, Granted, Learned, Outcome, one_of, used};
use crate::back_channel::session_for;
use crate::binding::Misfit;
use crate::form::Form;
use crate::identity_scope::{identity_of, wants_id_token};
use crate::mint::IdToken;
use crate::moment::Moment;
use crate::pkce::{Challenge, Verifier};
use crate::refusal::{ByRow, Refused};

/// What the client asked, read once.
pub(crate) struct Request {
    hash: [u8; 32],
    verifier: Option<Verifier>,
    redirect_uri: Option<String>,
    resource: Option<String>,
}

/// What one read of the store knows about it.
pub(super) struct Facts {
    pub found: Option<Redeemable>,
    pub learned: Learned,
}

pub(super) fn decide(asked: &Request, asking: Asking<'_>, facts: &Facts, moment: &mut Moment) -> Result<Outcome, Refused> {
    let Redeemable { code, grant, checked, person } = known(facts).row("OA-09")?;
    belongs_to(code, asking).row("OA-09")?;
    same_redirect_uri(code, asked).row("OA-10")?;
    held_by(code, asking).row("DP-06")?;
    proven(code, grant, asked, moment).row("PK-04")?;
    first_time(code, grant, moment).row("OA-08")?;
    alive(code, grant, moment.now).row("OA-09")?;
    let word = Word { checked: checked.as_ref(), person: person.as_ref(), learned: facts.learned };
    if let Some(need) = vouched(grant, &word, asking, moment).row("SB-08")? {
        return Ok(Outcome::Need(need));
    }
    let allowed = one_of(&grant.resources, asked.resource.as_deref()).row("RI-02")?;
    let access = standing::of(grant, person.as_ref(), asking).row("OA-09")?;
    standing::leaves_something(&grant.resources, &access, grant, asking, moment).row("OA-09")?;
    let wanted = Wanted::of(allowed, &allowed.scope, (grant, access), asking).row("RI-01")?;
    let permit = wanted.permit(moment)?;

    let access = wanted.mint(&permit, moment)?;
    let family = refreshes(asking).then(|| family_of(grant, asking, moment));
    let id = wants_id_token(&allowed.scope).then(|| IdToken::beside(&access, code.nonce.clone(), sid(grant, asking)));
    let event = wanted.issued(Kind::TokenIssued, &permit, &access, moment);
    let event = event.with_some(Field::Family, family.as_ref().map(|family| family.id));
    let redeemed = codes::redeem(&code.tenant, &code.hash, family.as_ref().map(|family| &family.id), moment.now); // OA-08
    let writes = [redeemed].into_iter().chain(family.iter().map(families::insert)).collect();
    let granted = Granted::tokens(access, permit.scope().union(&identity_of(&allowed.scope)))
        .with_id_token(id)
        .with(Draft { writes, events: vec![event], ..Draft::default() })
        .with(used(asking, moment.now));
    let granted = match family {
        Some(family) => granted.with_refresh_token(family.id, family.generation),
        None => granted,
    };
    Ok(granted.into())
}

/// A client that did not register for it could not use one.
fn refreshes(asking: Asking<'_>) -> bool {
    asking.by.client().grant_types.contains(&GrantType::RefreshToken)
}

/// Clients that will hear of its end are told which session it is.
fn sid(grant: &Grant, asking: Asking<'_>) -> Option<String> {
    let hears = asking.by.client().about.backchannel_logout_uri.is_some();
    grant.session.filter(|_| hears).map(|session| session_for(&session, asking.by.id())) // BL-03
}

fn known(facts: &Facts) -> Result<&Redeemable, Refused> {
    facts.found.as_ref().ok_or_else(|| Refused::invalid_grant("there is no such code, or it is long gone; authorize again"))
}

/// A code of another client stays good for its owner.
fn belongs_to(code: &Code, asking: Asking<'_>) -> Result<(), Refused> {
    if code.client == *asking.by.id() { Ok(()) } else { Err(Refused::invalid_grant("this code was issued to another client")) }
}

/// OAuth 2.1 no longer sends it here; what OAuth 2.0 clients send must be what they asked to return to.
fn same_redirect_uri(code: &Code, asked: &Request) -> Result<(), Refused> {
    match &asked.redirect_uri {
        Some(other) if *other != code.redirect_uri => {
            Err(Refused::invalid_grant("redirect_uri is not the one of the authorization request; send that one, or none"))
        }
        _ => Ok(()),
    }
}

/// Before the verifier is looked at, and whether it came before: who has not the key can neither burn the code nor end what came of it.
fn held_by(code: &Code, asking: Asking<'_>) -> Result<(), Refused> {
    asking.binding.fits(code.jkt.as_deref()).map_err(|misfit| {
        Refused::invalid_grant(match misfit {
            Misfit::OtherKey => {
                "this code is bound to another key than that of the proof; sign with the one that dpop_jkt named in the authorization request"
            }
            Misfit::NoProof => "this code is bound to a key (dpop_jkt); send a proof of that key in a DPoP header",
        })
    })
}

fn proven(code: &Code, grant: &Grant, asked: &Request, moment: &mut Moment) -> Result<(), Refused> {
    let Some(verifier) = &asked.verifier else {
        return Err(Refused::invalid_grant("code_verifier is missing; send the one that the code_challenge was made of"));
    };
    if Challenge::stored(code.challenge.clone()).is_met_by(verifier) {
        return Ok(());
    }
    let refused = Refused::invalid_grant("code_verifier does not fit the code_challenge; the code is void now, authorize again")
        .because("wrong code verifier");
    // Whoever guesses has one guess (PK-04). Nothing was issued from this code, so its grant has no use any more. A code that has
    // expired is no use to a guesser, nor is one whose grant is over: what he sends then ends nothing.
    if code.redeemed_at.is_some() || moment.now >= code.expires_at || !grant.is_alive(moment.now) {
        return Err(refused);
    }
    let event = Event::new(Kind::GrantEnded, code.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, &code.client)
        .with(Field::Grants, grant.id)
        .with(Field::Reason, "wrong code verifier")
        .with(Field::Row, "PK-04");
    let end = end_of_grant(&code.tenant, &code.grant_id, "wrong code verifier", moment.now);
    Err(refused.with(end.writing(codes::burn(&code.tenant, &code.hash, moment.now)).recording(event)))
}

fn first_time(code: &Code, grant: &Grant, moment: &mut Moment) -> Result<(), Refused> {
    if code.redeemed_at.is_none() {
        return Ok(());
    }
    let refused = Refused::invalid_grant("this code was used before; all that was issued from it has been ended, authorize again")
        .because("code replayed");
    if grant.ended_at.is_some() {
        return Err(refused);
    }
    let event = Event::new(Kind::AuthorizationCodeReplayed, code.tenant, moment.now, &mut moment.entropy)
        .with(Field::Subject, &grant.subject)
        .with(Field::Client, &code.client)
        .with(Field::Grants, grant.id)
        .with_some(Field::Family, code.family)
        .with(Field::Row, "OA-08");
    Err(refused.with(end_of_grant(&code.tenant, &code.grant_id, "code replayed", moment.now).recording(event)))
}

fn alive(code: &Code, grant: &Grant, now: Timestamp) -> Result<(), Refused> {
    if now >= code.expires_at {
        return Err(Refused::invalid_grant("this code has expired; authorize again and redeem the code at once"));
    }
    if grant.is_alive(now) { Ok(()) } else { Err(vouched::ended(grant)) }
}

/// The refresh tokens that begin here. They may ask for all of the grant, at one resource at a time (RI-02).
fn family_of(grant: &Grant, asking: Asking<'_>, moment: &mut Moment) -> Family {
    let now = moment.now;
    Family {
        tenant: grant.tenant,
        id: FamilyId::mint(now, &mut moment.entropy),
        grant_id: grant.id,
        client: asking.by.id().clone(),
        generation: 0,
        scopes: grant.resources.clone(),
        created_at: now,
        rotated_at: now,
        used_at: now,
        expires_at: grant.expires_at.min(now + asking.tenant.lifetimes.refresh_absolute),
        step_up_at: None,
        jkt: asking.refresh_key().map(str::to_owned), // DP-05
    }
}

pub(crate) fn code_verifier(form: &Form) -> Result<Option<Verifier>, Refused> {
    let verifier = form.one("code_verifier").map(|text| {
        let malformed = || Refused::invalid_request("code_verifier must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~");
        Verifier::parse(text).ok_or_else(malformed).row("PK-03")
    });
    verifier.transpose()
}

impl Request {
    pub fn read(form: &Form) -> Result<Self, Refused> {
        Ok(Self {
            hash: sha256(form.required("code")?.as_bytes()),
            verifier: code_verifier(form)?,
            redirect_uri: form.one("redirect_uri").map(str::to_owned),
            resource: form.one("resource").map(str::to_owned),
        })
    }
}

impl Facts {
    pub async fn load(store: &Store, tenant: &TenantId, asked: &Request, learned: Learned) -> Result<Self, StoreError> {
        Ok(Self { found: codes::with_grant(store, tenant, &asked.hash).await?, learned })
    }

    /// The grant of a code that could still be redeemed.
    pub fn living(&self, now: Timestamp) -> Option<&Grant> {
        let Redeemable { code, grant, .. } = self.found.as_ref()?;
        (code.redeemed_at.is_none() && now < code.expires_at && grant.is_alive(now)).then_some(grant)
    }
}

#[cfg(test)]
mod tests;
