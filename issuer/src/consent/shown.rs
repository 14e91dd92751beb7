//! What the consent page says (OA-22; MCP Security Best Practices, Confused Deputy): who asks, where the answer goes, for what, in
//! whose name, through which agent.

use chancery_core::{ConsentPage, ResourceAsk, ScopeAsk};
use chancery_registry::{Client, Tenant};
use chancery_store::repo::grants::AllowedResource;

use super::page::Page;
use crate::identity_scope::wants_id_token;
use crate::redirect_uri::{document_host, is_loopback, is_one_hosts, shown_host};
use crate::visit::Visitor;

/// `person` is whom the page names, as its seal does.
pub(super) fn consent_page(page: &Page, client: &Client, (tenant, person): (&Tenant, Option<&Visitor>), sealed: String) -> ConsentPage {
    let returns_to = &page.request.return_to.uri;
    // How an organisation calls its agents is for its people, so for a session that we know.
    let agent = person.and(page.request.agent).and_then(|agent| tenant.agent(&agent));
    ConsentPage {
        tenant: tenant.name.to_string(),
        client_name: client.name.clone(),
        client_id: client.id.to_string(),
        client_host: document_host(client.id.as_str()), // CI-09
        impersonable: document_host(client.id.as_str()).is_some() && client.redirect_uris.iter().all(|uri| is_loopback(uri)), // CI-09
        redirect_host: shown_host(returns_to),          // MC-07
        redirect_uri: returns_to.to_string(),           // mcp_1d_40
        loopback: is_loopback(returns_to),              // OA-03
        unvouched: !client.is_who_it_says(),
        person: person.map(|visitor| visitor.label.clone()),
        agent: agent.map(|agent| agent.name.to_string()),
        resources: page.request.resources.iter().map(|allowed| resource_ask(allowed, tenant)).collect(),
        lasts: tenant.lifetimes.refresh_absolute,
        remembered: is_one_hosts(returns_to),
        apps: crate::apps::address(tenant),
        action: format!("{}/consent", tenant.issuer),
        sealed,
    }
}

/// A resource and its scopes in the operator's words.
pub(crate) fn resource_ask(allowed: &AllowedResource, tenant: &Tenant) -> ResourceAsk {
    let known = tenant.resource(&allowed.resource_id);
    let scopes = known.iter().flat_map(|resource| &resource.scopes).filter(|(scope, _)| allowed.scope.contains(scope));
    let mut asks: Vec<_> = scopes.map(|(scope, words)| ScopeAsk { scope: scope.to_string(), words: words.clone() }).collect();
    if wants_id_token(&allowed.scope) {
        asks.push(ScopeAsk { scope: "openid".to_owned(), words: "Know that it is you, by an id that is yours here".to_owned() });
    }
    let name = known.map_or_else(|| allowed.resource.to_string(), |resource| resource.title.clone());
    ResourceAsk { name, url: allowed.resource.to_string(), scopes: asks }
}
