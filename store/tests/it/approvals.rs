//! What a person allowed: remembered once for each client and resource, listed, and ended with whatever ends it.

use chancery_core::{AgentId, ClientId, GrantId, ResourceId, SubjectId};
use chancery_store::repo::approvals::{self, Approval};
use chancery_store::repo::grants::Grant;
use chancery_store::repo::{families, grants};
use chancery_store::{CommitError, Write};

use crate::every_driver;
use crate::site::{MINUTE, NOW, Site, fresh};

every_driver!(
    an_approval_is_remembered_in_the_place_of_the_one_before,
    an_approval_goes_with_whatever_ends_it,
    what_clients_hold_is_listed_once_for_each_content,
    a_grant_that_came_meanwhile_is_not_overlooked,
);

const OVERTAKEN: Result<(), CommitError> = Err(CommitError::GuardFailed(0));

pub fn approval(site: &Site, subject: SubjectId, client: &ClientId) -> Approval {
    Approval {
        tenant: site.tenant,
        subject,
        client: client.clone(),
        resource: fresh(ResourceId::mint),
        agent: None,
        scope: "bank:read openid".parse().expect("scopes"),
        redirect_host: "app.example".to_owned(),
        client_name: "Żółw".to_owned(),
        at: NOW,
        expires_at: NOW + MINUTE,
    }
}

async fn of_client(site: &Site, approval: &Approval) -> Vec<Approval> {
    approvals::of_client(&site.store, &site.tenant, &approval.subject, &approval.client).await.expect("the store answers")
}

async fn an_approval_is_remembered_in_the_place_of_the_one_before(site: Site) {
    let (person, client) = (fresh(SubjectId::mint), fresh(ClientId::mint));
    let first = approval(&site, person, &client);
    site.write([approvals::remember(&first)]).await;
    assert_eq!(of_client(&site, &first).await, std::slice::from_ref(&first));
    site.write([approvals::alive(&first, NOW)]).await;
    assert_eq!(site.commit([approvals::alive(&first, first.expires_at)]).await.map(drop), OVERTAKEN);

    let agent = Some(fresh(AgentId::mint));
    let second =
        Approval { agent, scope: "bank:move".parse().expect("a scope"), at: NOW + MINUTE, expires_at: NOW + MINUTE * 2, ..first.clone() };
    let elsewhere = approval(&site, person, &client);
    site.write([approvals::remember(&second), approvals::remember(&elsewhere)]).await;

    assert_eq!(site.commit([approvals::alive(&first, NOW)]).await.map(drop), OVERTAKEN, "another stands in its place");
    site.write([approvals::alive(&second, NOW)]).await;
    let mut both = [second.clone(), elsewhere];
    both.sort_by_key(|approval| approval.resource.to_string());
    let mut read = of_client(&site, &first).await;
    read.sort_by_key(|approval| approval.resource.to_string());
    assert_eq!(read, both);
    assert_eq!(approvals::of_subject(&site.store, &site.tenant, &person).await.map(|all| all.len()), Ok(2));
    let stranger = Approval { subject: fresh(SubjectId::mint), ..first };
    assert_eq!(of_client(&site, &stranger).await, []);
}

async fn an_approval_goes_with_whatever_ends_it(site: Site) {
    let agent = fresh(AgentId::mint);
    let ends: [fn(&Approval, &Grant) -> Write; 5] = [
        |it, _| approvals::end(&it.tenant, &it.subject, &it.client),
        |it, _| approvals::end_of_subject(&it.tenant, &it.subject),
        |it, _| approvals::end_of_client(&it.tenant, &it.client),
        |it, _| approvals::end_of_agent(&it.tenant, &it.agent.expect("an agent")),
        |it, grant| approvals::end_of_grant(&it.tenant, &grant.id),
    ];
    for end in ends {
        let agent_s = Approval { agent: Some(agent), ..approval(&site, fresh(SubjectId::mint), &fresh(ClientId::mint)) };
        let other = approval(&site, fresh(SubjectId::mint), &fresh(ClientId::mint));
        let grant = Grant { subject: agent_s.subject.to_string(), client: agent_s.client.clone(), ..site.grant() };
        site.write([approvals::remember(&agent_s), approvals::remember(&other), grants::insert(&grant)]).await;

        site.write([end(&agent_s, &grant)]).await;

        assert_eq!(of_client(&site, &agent_s).await, []);
        assert_eq!(of_client(&site, &other).await, [other]);
    }
}

async fn what_clients_hold_is_listed_once_for_each_content(site: Site) {
    let first = site.grant();
    let second = Grant { id: fresh(GrantId::mint), created_at: NOW + MINUTE, ..first.clone() };
    let over = Grant { id: fresh(GrantId::mint), ended_at: Some(NOW), ..first.clone() };
    let other = Grant { id: fresh(GrantId::mint), resources: Vec::new(), ..first.clone() };
    let family = site.family(&second);
    site.write([&first, &second, &over, &other].map(grants::insert)).await;
    site.write([families::insert(&family)]).await;

    let held = grants::held_of_subject(&site.store, &site.tenant, &first.subject, NOW).await.expect("the store answers");

    assert_eq!(held.len(), 2, "{held:?}");
    let whole = held.iter().find(|held| held.resources == first.resources).expect("it is listed");
    assert_eq!((whole.since, whole.used_at), (NOW, Some(family.used_at)));
    assert!(held.iter().any(|held| held.resources.is_empty() && held.used_at.is_none()));
    let later = grants::held_of_subject(&site.store, &site.tenant, &first.subject, first.expires_at).await;
    assert_eq!(later, Ok(Vec::new()));
}

async fn a_grant_that_came_meanwhile_is_not_overlooked(site: Site) {
    let first = site.grant();
    let second = Grant { id: fresh(GrantId::mint), ..first.clone() };
    let whose = (first.subject.as_str(), &first.client);
    site.write([grants::insert(&first)]).await;
    let known = grants::alive_of_subject_to_client(&site.store, &site.tenant, whose, NOW).await.expect("the store answers");
    assert_eq!(known, [first.id]);

    site.write([grants::insert(&second)]).await;
    let end = |count| grants::end_of_subject_to_client(&site.tenant, whose, count, NOW, "a test wants it");
    assert_eq!(site.commit([end(known.len())]).await.map(drop), OVERTAKEN);
    site.write([end(2)]).await;

    assert_eq!(grants::alive_of_subject_to_client(&site.store, &site.tenant, whose, NOW).await, Ok(Vec::new()));
}
