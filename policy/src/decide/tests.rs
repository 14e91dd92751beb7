use chancery_core::{ResourceId, ResourceUrl, ScopeSet, Slug, SubjectId};

use super::*;
use crate::{Action, AgentRef, ResourceRef};

/// 2025-11-24T16:00:00Z, a Monday.
const MONDAY_AT_16: Timestamp = Timestamp::from_seconds(1_764_000_000);

struct World {
    subject: String,
    client: ClientId,
    agent: AgentId,
    reporter: Slug,
    bank: (ResourceId, Slug, ResourceUrl),
    scope: ScopeSet,
}

impl World {
    fn new() -> Self {
        let mut entropy = entropy();
        Self {
            subject: SubjectId::mint(MONDAY_AT_16, &mut entropy).to_string(),
            client: ClientId::mint(MONDAY_AT_16, &mut entropy),
            agent: AgentId::mint(MONDAY_AT_16, &mut entropy),
            reporter: "reporter".parse().expect("a name"),
            bank: (
                ResourceId::mint(MONDAY_AT_16, &mut entropy),
                "bank".parse().expect("a name"),
                "https://gw.example/mcp/bank".parse().expect("a URL"),
            ),
            scope: "bank:read".parse().expect("a scope"),
        }
    }

    fn call<'a>(&'a self, tool: &'a str) -> Question<'a> {
        Question {
            action: Action::CallTool,
            subject: &self.subject,
            client: &self.client,
            agent: Some(AgentRef { id: &self.agent, name: &self.reporter }),
            resource: ResourceRef { id: &self.bank.0, name: &self.bank.1, url: &self.bank.2 },
            target: Some(tool),
            scope: &self.scope,
            roles: &[],
        }
    }

    fn token(&self) -> Question<'_> {
        Question { action: Action::IssueToken, target: None, ..self.call("") }
    }
}

fn entropy() -> Entropy {
    Entropy::from_bytes([7; Entropy::BYTES])
}

fn decide(policies: &str, question: &Question<'_>) -> Result<Permit, Denied> {
    PolicySet::parse(policies).expect("policies").decide(question, MONDAY_AT_16, &mut entropy())
}

const NO_TRANSFERS: &str = r#"
    @id("no-transfers") @advice("ask treasury to move the money")
    forbid(principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank")
    when { context.target == "transfer" };"#;

#[test]
fn scopes_alone_decide_where_no_policy_stands() {
    let world = World::new();
    for action in Action::ALL {
        let question = Question { action, ..world.call("transfer") };
        let permit = PolicySet::default_set().decide(&question, MONDAY_AT_16, &mut entropy()).expect("a permit");
        assert_eq!((permit.action(), permit.subject(), permit.client()), (action, &*world.subject, &world.client));
        assert_eq!((permit.resource(), permit.scope(), permit.agent()), (&world.bank.2, &world.scope, Some(world.agent)));
    }
}

#[test]
fn a_forbid_refuses_with_its_name_and_advice() {
    let world = World::new();
    let denied = decide(NO_TRANSFERS, &world.call("transfer")).expect_err("a refusal");
    assert_eq!(denied.policies, ["no-transfers"]);
    assert_eq!(denied.advice.as_deref(), Some("ask treasury to move the money"));
    assert_eq!(denied.to_string(), format!("denied by policy no-transfers (decision {})", denied.decision));

    assert!(decide(NO_TRANSFERS, &world.call("account_balance")).is_ok());
    assert!(decide(NO_TRANSFERS, &world.token()).is_ok());
}

#[test]
fn a_permit_of_the_tenants_own_does_not_undo_a_forbid() {
    let world = World::new();
    let both = format!("{NO_TRANSFERS}\npermit(principal, action, resource);");
    assert!(decide(&both, &world.call("transfer")).is_err());
}

#[test]
fn a_policy_without_a_name_is_named_by_its_line() {
    let world = World::new();
    let text = "\n\nforbid(principal, action, resource);\n@id(\"b\") @advice(\"later\") forbid(principal, action, resource);";
    let denied = decide(text, &world.token()).expect_err("a refusal");
    assert_eq!(denied.policies, ["b", "policy at line 3"]);
    assert_eq!(denied.advice.as_deref(), Some("later"));
}

/// What a policy may ask, each with a condition that holds for the call and one that does not.
#[test]
fn a_policy_sees_who_asks_for_what_and_when() {
    let world = World::new();
    let subject = &world.subject;
    for (holds, not) in [
        (format!("principal == Chancery::User::\"{subject}\""), "principal is Chancery::Agent".to_owned()),
        (format!("context.client == \"{}\"", world.client), "context.client == \"cli_x\"".to_owned()),
        ("context has agent && context.agent == \"reporter\"".to_owned(), "!(context has agent)".to_owned()),
        ("context.scope.contains(\"bank:read\")".to_owned(), "context.scope.contains(\"bank:write\")".to_owned()),
        ("context.hour == 16 && context.weekday == 1".to_owned(), "context.hour < 16 || context.weekday > 1".to_owned()),
    ] {
        let forbidding = |condition: &str| format!("forbid(principal, action, resource) when {{ {condition} }};");
        assert!(decide(&forbidding(&holds), &world.call("transfer")).is_err(), "{holds}");
        assert!(decide(&forbidding(&not), &world.call("transfer")).is_ok(), "{not}");
    }
}

#[test]
fn sb_10_an_agent_or_client_that_acts_as_itself_is_no_user() {
    let world = World::new();
    let (agent, client) = (world.agent.to_string(), world.client.to_string());
    let no_user = "forbid(principal is Chancery::User, action, resource);";
    let no_reporter = "forbid(principal == Chancery::Agent::\"reporter\", action, resource);";
    let no_client = "forbid(principal is Chancery::Client, action, resource);";

    let by_agent = Question { subject: &agent, ..world.token() };
    let by_client = Question { subject: &client, agent: None, ..world.token() };

    assert!(decide(no_user, &by_agent).is_ok() && decide(no_user, &by_client).is_ok());
    assert!(decide(no_reporter, &by_agent).is_err() && decide(no_client, &by_client).is_err());
    assert!(decide(no_user, &world.token()).is_err());
}

#[test]
fn a_policy_that_fails_while_it_is_evaluated_says_no() {
    let world = World::new();
    let overflow = "@id(\"sum\") forbid(principal, action, resource) when { context.hour + 9223372036854775807 > 0 };";
    let denied = decide(overflow, &world.token()).expect_err("a refusal");
    assert_eq!(denied.policies, ["sum"]);
    assert!(denied.advice.expect("advice").contains("could not be evaluated"));
}
