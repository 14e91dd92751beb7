use chancery_core::oauth::Code;
use chancery_policy::Action;
use chancery_registry::SignInDemand;

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
        let facts = Facts { policy: &self.policy, agents: &self.agents, resource: &self.resource, caller, address: None };
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

#[test]
fn su_05_a_weak_sign_in_and_a_lack_of_scope_make_one_challenge() {
    let mut site = Site::new("");
    site.resource.sign_in = SignInDemand { acr: vec![], max_age: Some(600) };
    let transfer = site.resource.tools.get_mut("transfer").expect("a tool");
    transfer.sign_in = SignInDemand { acr: vec!["phr".to_owned()], max_age: Some(60) };
    let signed_in = |ago: u64, acr: &str| chancery_core::Authentication {
        auth_time: Some(NOW - std::time::Duration::from_secs(ago)),
        acr: Some(acr.to_owned()),
        amr: vec![],
    };
    let by = |scope: &str, authentication| Caller { authentication, ..caller("usr_1", scope) };
    let both = Some(Box::new(scopes("bank:move bank:read")));

    for (who, call, wanted) in [
        (by("bank:read", Some(signed_in(61, "phr"))), call("transfer"), (vec!["phr"], 60)),
        (by("bank:read bank:move", Some(signed_in(1, "pwd"))), call("transfer"), (vec!["phr"], 60)),
        (by("bank:read bank:move", None), call("account_balance"), (vec![], 600)),
        (by("bank:read bank:move", Some(signed_in(601, "pwd"))), message("resources/read"), (vec![], 600)),
    ] {
        let refusal = site.decide(&who, &call).expect_err("a weak sign-in");
        let code = Some(Code::InsufficientUserAuthentication);
        assert_eq!((refusal.reason, &refusal.wire), ("insufficient_user_authentication", &Wire::Challenge { code, scope: both.clone() }));
        let acr = wanted.0.iter().map(|acr| (*acr).to_owned()).collect();
        assert_eq!(refusal.wanted, Some(Box::new(crate::refusal::Wanted::SignIn(SignInDemand { acr, max_age: Some(wanted.1) }))));
    }
    site.decide(&by("bank:read bank:move", Some(signed_in(60, "phr"))), &call("transfer")).expect("a permit");
    site.decide(&by("bank:read", None), &message("tools/list")).expect("whoever connects sees what there is");
}

#[test]
fn a_policy_on_arguments_judges_what_every_reader_reads() {
    let small = r#"@id("small") forbid(principal, action == Chancery::Action::"call_tool", resource) when { context.target == "transfer" }
        unless { context.arguments.integers.hasTag("amount") && context.arguments.integers.getTag("amount") <= 10 };"#;
    let site = Site::new(small);
    let transfer = |arguments: &str| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"transfer","arguments":{arguments}}}}}"#);
        site.decide(&caller("usr_1", "bank:read bank:move"), &call).map(|_| ()).map_err(|refusal| refusal.reason)
    };
    assert_eq!(transfer(r#"{"amount":10}"#), Ok(()));
    assert_eq!(transfer(r#"{"amount":11}"#), Err("denied_by_policy"));
    assert_eq!(transfer("{}"), Err("denied_by_policy"));
    assert_eq!(transfer(r#"{"amount":10,"amount":11}"#), Err("invalid_params"));
    assert_eq!(transfer(r#"{"amount":10,"Amount":11}"#), Err("invalid_params"));
    assert_eq!(transfer(r#"{"amount":10,"":{"amount":10}}"#), Err("invalid_params"));
    assert_eq!(transfer("[10]"), Err("invalid_params"));

    let nested = r#"forbid(principal, action == Chancery::Action::"call_tool", resource)
        unless { context.arguments.integers.hasTag("to.amount") && context.arguments.integers.getTag("to.amount") <= 10 };"#;
    let site = Site::new(nested);
    let transfer = |arguments: &str| {
        let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"transfer","arguments":{arguments}}}}}"#);
        site.decide(&caller("usr_1", "bank:read bank:move"), &call).map(|_| ()).map_err(|refusal| refusal.reason)
    };
    assert_eq!(transfer(r#"{"to":{"amount":10}}"#), Ok(()));
    assert_eq!(transfer(r#"{"to":{"amount":99999.00001}}"#), Err("denied_by_policy"));
    assert_eq!(transfer(r#"{"to.amount":1,"to":{"amount":99999.00001}}"#), Err("invalid_params"));
    assert_eq!(transfer(r#"{"to.amount":1}"#), Err("invalid_params"));
    assert_eq!(transfer(r#"{"to":{"amount":1,"iso":"DE","iſo":"RU"}}"#), Err("invalid_params"));
}
