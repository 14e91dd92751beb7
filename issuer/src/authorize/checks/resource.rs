//! The resources (RFC 8707 §2): each a registered one. Where the tenant has one only, that one is meant by silence; there is never a
//! token that is good everywhere.

use std::sync::Arc;

use chancery_core::pages::quoted;
use chancery_registry::Resource;

use crate::authorize::arrival::Arrival;
use crate::refusal::{ByRow, Refused};

pub(in crate::authorize) fn registered<'a>(arrival: &Arrival<'a>) -> Result<Vec<&'a Arc<Resource>>, Refused> {
    let asked: Vec<_> = arrival.form.all("resource").collect();
    if asked.is_empty() {
        return the_only_one(arrival).map(|only| vec![only]).row("RI-03");
    }
    let mut resources: Vec<&Arc<Resource>> = Vec::new();
    for asked in asked {
        let resource = arrival.tenant.resource_asked(asked).ok_or_else(|| unknown(asked))?; // RI-01, RI-04
        if !resources.iter().any(|known| known.id == resource.id) {
            resources.push(resource);
        }
    }
    Ok(resources)
}

fn the_only_one<'a>(arrival: &Arrival<'a>) -> Result<&'a Arc<Resource>, Refused> {
    match arrival.tenant.resources.as_slice() {
        [only] => Ok(only),
        _ => Err(Refused::invalid_target("say by resource which server the token is for: the URL that its metadata gives")),
    }
}

fn unknown(asked: &str) -> Refused {
    Refused::invalid_target(format!("the resource {} is not registered here; send it exactly as its metadata gives it", quoted(asked)))
}
