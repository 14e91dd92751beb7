//! The list of what a person allowed. What an app may do is told by its living grants; what it is called, by the page on which the person
//! allowed it.

use std::collections::BTreeMap;
use std::time::Duration;

use chancery_core::{AllowedApp, ClientId, ResourceId, Timestamp};
use chancery_registry::Tenant;
use chancery_store::repo::approvals::Approval;
use chancery_store::repo::grants::{AllowedResource, Held};

use crate::consent::resource_ask;

/// Last used, first listed.
pub(super) fn apps(tenant: &Tenant, held: &[Held], approvals: &[Approval], now: Timestamp) -> Vec<AllowedApp> {
    let mut of_client: BTreeMap<&ClientId, Vec<&Held>> = BTreeMap::new();
    for held in held {
        of_client.entry(&held.client).or_default().push(held);
    }
    // Remembered, though every grant that was made of it has ended by itself.
    for approval in approvals.iter().filter(|approval| now < approval.expires_at) {
        of_client.entry(&approval.client).or_default();
    }
    let mut apps: Vec<_> = of_client.into_iter().map(|(client, held)| app(tenant, client, &held, approvals, now)).collect();
    apps.sort_by_key(|app| app.used.unwrap_or(app.since));
    apps
}

fn app(tenant: &Tenant, client: &ClientId, held: &[&Held], approvals: &[Approval], now: Timestamp) -> AllowedApp {
    let approvals: Vec<_> = approvals.iter().filter(|approval| approval.client == *client).collect();
    let newest = approvals.iter().max_by_key(|approval| approval.at);
    let ago = |at: Timestamp| now.since(at);
    let since = held.iter().map(|held| held.since).chain(approvals.iter().map(|approval| approval.at)).min();
    let agents = held.iter().filter_map(|held| tenant.agent(&held.agent?)).map(|agent| agent.name.to_string());
    AllowedApp {
        id: client.to_string(),
        name: newest.map_or_else(|| client.to_string(), |approval| approval.client_name.clone()),
        host: newest.map(|approval| approval.redirect_host.clone()),
        agent: agents.min(),
        resources: together(held, &approvals, tenant).iter().map(|allowed| resource_ask(allowed, tenant)).collect(),
        since: since.map_or(Duration::ZERO, ago),
        used: held.iter().filter_map(|held| held.used_at).max().map(ago),
    }
}

/// Everything the app may do at each resource, by whichever grant, and by an approval that would give it a grant unasked.
fn together(held: &[&Held], approvals: &[&Approval], tenant: &Tenant) -> Vec<AllowedResource> {
    let mut at: BTreeMap<ResourceId, AllowedResource> = BTreeMap::new();
    let mut add = |allowed: AllowedResource| {
        let known = at.entry(allowed.resource_id).or_insert_with(|| allowed.clone());
        known.scope = known.scope.union(&allowed.scope);
    };
    held.iter().flat_map(|held| &held.resources).cloned().for_each(&mut add);
    for approval in approvals {
        if let Some(resource) = tenant.resource(&approval.resource) {
            add(AllowedResource { resource: resource.url.clone(), resource_id: resource.id, scope: approval.scope.clone() });
        }
    }
    at.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{DESK, NOW, alice, allowed, tenant};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn held(scope: &str, since: Duration, used_at: Option<Timestamp>) -> Held {
        Held { client: ClientId::claimed(DESK), agent: None, resources: vec![allowed(&tenant(), 0, scope)], since: NOW - since, used_at }
    }

    fn approval(client: &str) -> Approval {
        Approval {
            tenant: tenant().id,
            subject: alice().subject,
            client: ClientId::claimed(client),
            resource: tenant().resources[0].id,
            agent: None,
            scope: "bank:read".parse().expect("a scope"),
            redirect_host: "desk.example".to_owned(),
            client_name: "Desk".to_owned(),
            at: NOW - DAY,
            expires_at: NOW + DAY,
        }
    }

    #[test]
    fn an_app_is_listed_once_with_all_that_it_may_do() {
        let held = [held("bank:read", DAY * 3, None), held("bank:move", DAY * 2, Some(NOW - DAY))];
        let apps = apps(&tenant(), &held, &[approval(DESK)], NOW);
        let [app] = apps.as_slice() else { panic!("{apps:?}") };
        assert_eq!((app.name.as_str(), app.host.as_deref()), ("Desk", Some("desk.example")));
        assert_eq!((app.since, app.used), (DAY * 3, Some(DAY)));
        let [resource] = app.resources.as_slice() else { panic!("{app:?}") };
        assert_eq!(resource.scopes.iter().map(|ask| ask.scope.as_str()).collect::<Vec<_>>(), ["bank:move", "bank:read"]);
    }

    #[test]
    fn an_approval_without_a_grant_is_listed_while_it_counts() {
        assert_eq!(apps(&tenant(), &[], &[approval("cli_other")], NOW).len(), 1);
        assert_eq!(apps(&tenant(), &[], &[approval("cli_other")], NOW + DAY).len(), 0);
        let unnamed = apps(&tenant(), &[held("bank:read", DAY, None)], &[], NOW);
        assert_eq!((unnamed[0].name.as_str(), unnamed[0].host.as_deref()), (DESK, None));
    }
}
