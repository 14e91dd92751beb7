//! A platform's own token as the bearer of a registration: the CI system says whose workload it is, and a rule of the file says what such
//! workloads may have. No ticket, and no secret that waits in a vault for its pipeline.
//!
//! 1. The rule is chosen by `iss`, and the token is verified with that issuer's keys.
//! 2. It is for us, it is valid now, and it says what the rule wants; one of several rules of an issuer is enough.
//! 3. It is used once: its id is consumed in the registration's Unit.

use chancery_core::Timestamp;
use chancery_core::oauth::Code;
use chancery_crypto::digest::{hex, sha256};
use chancery_crypto::jose::peek;
use chancery_registry::{Platform, Tenant, Workload};
use chancery_store::repo::consumed;
use serde_json::{Map, Value};

use super::admission::{Admission, Use};
use crate::refusal::Refused;
use crate::server::Server;

/// What is consumed of it.
const KIND: &str = "platform_token";
/// Clocks differ.
const LEEWAY: i64 = 60;
/// A token that is good for longer is not one of a job.
const LONGEST_LIFE: i64 = 24 * 3600;

/// The rule of whoever issued this token, if there is one. Nothing of the token is believed yet.
pub(super) fn of<'a>(tenant: &'a Tenant, token: &str) -> Option<&'a Platform> {
    let issuer = peek(token).ok()?.issuer?;
    tenant.registration.platforms.iter().find(|rule| rule.issuer == issuer)
}

pub(super) async fn admitted(
    server: &Server,
    tenant: &Tenant,
    (rule, token): (&Platform, &str),
    now: Timestamp,
) -> Result<Admission, Refused> {
    let payload = server.issuer_keys.verify(token, (&rule.issuer, rule.keys.as_ref()), now).await;
    let payload = payload.map_err(|error| refused("its signature could not be verified").because(error.to_string()))?;
    let claims: Map<String, Value> = payload.claims().map_err(|error| refused("it has no claims").because(error.to_string()))?;
    let until = valid_until(&claims, now)?;
    let rules = tenant.registration.platforms.iter().filter(|other| other.issuer == rule.issuer);
    let mut fitting = rules.filter(|rule| is_for_us(&claims, rule, tenant) && rule.admits(&workload(&claims, rule)));
    let rule = fitting.next().ok_or_else(|| refused("it is not for this issuer, or no rule fits what it says of the workload"))?;

    let id = claims.get("jti").and_then(Value::as_str).map_or_else(|| hex(&sha256(token.as_bytes())), str::to_owned);
    let key = hex(&sha256(format!("{} {id}", rule.issuer).as_bytes()));
    let take = consumed::consume(&tenant.id, KIND, &key, until);
    let admission = Admission::by_platform(tenant, rule, Use { take, give_back: consumed::give_back(&tenant.id, KIND, &key) })?;
    Ok(Admission { workload: Some(workload(&claims, rule)), ..admission })
}

/// When it ends, of one that is valid now.
fn valid_until(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refused> {
    let at = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (now, expires) = (now.seconds(), at("exp").ok_or_else(|| refused("it never ends"))?);
    if expires + LEEWAY <= now {
        return Err(refused("it has expired; ask the platform for a new one"));
    }
    if at("nbf").or_else(|| at("iat")).is_some_and(|from| from > now + LEEWAY) {
        return Err(refused("it is not valid yet"));
    }
    if expires > now + LONGEST_LIFE {
        return Err(refused("it is good for longer than a day"));
    }
    Ok(Timestamp::from_seconds(expires + LEEWAY))
}

/// A token that the workload got for somebody else would be good here too, if this were not looked at.
fn is_for_us(claims: &Map<String, Value>, rule: &Platform, tenant: &Tenant) -> bool {
    let wanted = rule.audience.as_deref().unwrap_or_else(|| tenant.issuer.as_str());
    match claims.get("aud") {
        Some(Value::String(audience)) => audience == wanted,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == wanted),
        _ => false,
    }
}

/// What the token says of the workload, as far as the rule looks at it.
fn workload(claims: &Map<String, Value>, rule: &Platform) -> Workload {
    let said = |name: &String| Some((name.clone(), claims.get(name).and_then(text)?));
    Workload { issuer: rule.issuer.clone(), claims: rule.claims.keys().filter_map(said).collect() }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn refused(why: &str) -> Refused {
    Refused::new(Code::InvalidToken, format!("the platform's token lets nobody in here: {why}"))
}
