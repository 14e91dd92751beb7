//! Software statements (RFC 7591 §2.3; DR-04): somebody whom the file lists says what a piece of software is, and signs it.

use chancery_core::Timestamp;
use chancery_core::oauth::Code;
use chancery_crypto::jose::peek;
use chancery_registry::Tenant;
use serde_json::{Map, Value};

use crate::refusal::Refused;
use crate::server::Server;

/// A statement that holds.
pub(super) struct Statement {
    pub issuer: String,
    pub claims: Map<String, Value>,
}

pub(super) async fn verified(server: &Server, tenant: &Tenant, statement: &str, now: Timestamp) -> Result<Statement, Refused> {
    let named = peek(statement).map_err(|error| invalid("it is no signed JWT").because(error.to_string()))?.issuer;
    let listed = tenant.registration.statements.iter().find(|known| named.as_ref() == Some(&known.issuer));
    let listed = listed.ok_or_else(|| invalid("nobody here takes its issuer's word"))?;
    let payload = server.issuer_keys.verify(statement, (&listed.issuer, Some(&listed.keys)), now).await;
    let payload = payload.map_err(|error| invalid("its signature could not be verified").because(error.to_string()))?;
    let claims: Map<String, Value> = payload.claims().map_err(|error| invalid("it has no claims").because(error.to_string()))?;
    if claims.get("exp").is_some_and(|exp| exp.as_i64().is_none_or(|exp| exp <= now.seconds())) {
        return Err(invalid("it has expired"));
    }
    // An ID token of the same issuer says nothing about software.
    let software = claims.get("software_id").and_then(Value::as_str).ok_or_else(|| invalid("it has no software_id"))?;
    if listed.software.as_ref().is_some_and(|approved| !approved.contains(software)) {
        let description = "this software is not approved here; ask who runs this server";
        return Err(Refused::new(Code::UnapprovedSoftwareStatement, description).by_row("DR-04"));
    }
    Ok(Statement { issuer: listed.issuer.clone(), claims })
}

fn invalid(why: &str) -> Refused {
    Refused::new(Code::InvalidSoftwareStatement, format!("the software statement is not taken: {why}")).by_row("DR-04")
}
