use chancery_core::oauth::Code;
use chancery_policy::Action;

use super::*;
use crate::fixtures::{NOW, bank, caller, entropy, scopes};
use crate::message::Messages;
use crate::refusal::{About, Wire};

struct Site {
    policy: PolicySet,
    agents: Vec<Arc<Agent>>,
    resource: Resource,
}

impl Site {
    fn new(policy: &str) -> Self {
        let agent = Agent { id: agent_id(), name: "reporter".parse().expect("a name"), owner: "finance".to_owned() };
        Self { policy: PolicySet::parse(policy).expect("policies"), agents: vec![Arc::new(agent)], resource: bank() }
    }

    fn decide(&self, caller: &Caller, body: &str) -> Result<Vec<Permit>, Refusal> {
        let facts = Facts { policy: &self.policy, agents: &self.agents, resource: &self.resource, caller };
        decide(&Messages::read(body.as_bytes()).expect("messages").all, &facts, NOW, &mut entropy(3))
    }
}

fn agent_id() -> AgentId {
    AgentId::mint(NOW, &mut entropy(9))
}

fn call(tool: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
}

fn message(method: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"uri":"x:y","name":"n"}}}}"#)
}

#[test]
fn a_permit_names_the_caller_and_the_resource_of_each_message() {
    let permits = Site::new("")
        .decide(&caller("usr_1", "bank:read"), &format!("[{},{}]", call("account_balance"), message("ping")))
        .expect("permits");
    let actions: Vec<_> = permits.iter().map(Permit::action).collect();
    assert_eq!(actions, [Action::CallTool, Action::UseResource]);
    assert!(permits.iter().all(|permit| permit.subject() == "usr_1" && *permit.resource() == bank().url));
    assert_ne!(permits[0].decision(), permits[1].decision());
}

#[test]
fn mc_01_a_lack_of_scope_asks_for_what_is_needed_and_what_is_there() {
    let refusal = Site::new("").decide(&caller("usr_1", "bank:read other"), &call("transfer")).expect_err("no scope to move money");
    assert_eq!(refusal.reason, "insufficient_scope");
    let scope = Some(Box::new(scopes("bank:move bank:read other")));
    assert_eq!(refusal.wire, Wire::Challenge { code: Some(Code::InsufficientScope), scope });
    assert!(refusal.words.contains("'bank:move'"), "{}", refusal.words);
    let about = About { method: "tools/call".to_owned(), target: Some("transfer".to_owned()) };
    assert_eq!(refusal.about, Some(Box::new(about)));
}

#[test]
fn mcp_1a_8_a_batch_asks_for_all_it_needs_in_one_challenge() {
    let batch = format!("[{},{}]", message("ping"), call("transfer"));
    let refusal = Site::new("").decide(&caller("usr_1", ""), &batch).expect_err("no scope");
    let scope = Some(Box::new(scopes("bank:move bank:read")));
    assert_eq!(refusal.wire, Wire::Challenge { code: Some(Code::InsufficientScope), scope });
}

#[test]
fn what_the_map_does_not_name_needs_the_default_scope() {
    let site = Site::new("");
    for body in [call("unmapped"), message("resources/read"), message("prompts/get"), message("x/y")] {
        assert!(site.decide(&caller("usr_1", "bank:read"), &body).is_ok(), "{body}");
        assert_eq!(site.decide(&caller("usr_1", ""), &body).expect_err(&body).reason, "insufficient_scope", "{body}");
    }
    for body in [message("initialize"), message("tools/list"), r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned()] {
        assert!(site.decide(&caller("usr_1", ""), &body).is_ok(), "{body}");
    }
}

#[test]
fn a_strict_resource_lets_mapped_tools_pass_only() {
    let mut site = Site::new("");
    site.resource.strict = true;
    assert!(site.decide(&caller("usr_1", "bank:read"), &call("account_balance")).is_ok());
    let refusal = site.decide(&caller("usr_1", "bank:read bank:move"), &call("unmapped")).expect_err("not mapped");
    assert_eq!(refusal.reason, "tool_not_mapped");
    assert!(refusal.words.contains(&refusal.decision.expect("a decision").to_string()), "{}", refusal.words);
}

#[test]
fn mcp_3_15_a_policys_no_is_told_in_band_with_its_decision_and_its_advice() {
    let site = Site::new(
        r#"@id("no-transfers") @advice("ask treasury")
           forbid(principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank")
           when { context.target == "transfer" };"#,
    );
    let alice = caller("usr_1", "bank:read bank:move");
    assert!(site.decide(&alice, &call("account_balance")).is_ok());
    let refusal = site.decide(&alice, &call("transfer")).expect_err("forbidden");
    assert_eq!(refusal.wire, Wire::InBand(-32010));
    let decision = refusal.decision.expect("a decision");
    assert_eq!(*refusal.words, *format!("no-transfers forbids this: ask treasury (decision {decision})"));
    // In a batch every message must pass.
    assert_eq!(
        site.decide(&alice, &format!("[{},{}]", call("account_balance"), call("transfer"))).expect_err("forbidden").reason,
        "denied_by_policy"
    );
}

#[test]
fn a_resource_may_demand_an_agent_that_is_registered() {
    let mut site = Site::new("");
    let (person, mut agent) = (caller("usr_1", "bank:read"), caller("usr_1", "bank:read"));
    agent.agent = Some(agent_id());
    assert!(site.decide(&person, &call("account_balance")).is_ok());
    site.resource.require_agent = true;
    assert_eq!(site.decide(&person, &call("account_balance")).expect_err("no agent").reason, "agent_required");
    assert_eq!(site.decide(&agent, &call("account_balance")).expect("a permit")[0].agent(), Some(agent_id()));
    site.agents.clear();
    assert_eq!(site.decide(&agent, &call("account_balance")).expect_err("no such agent").reason, "unknown_agent");
}
