use chancery_registry::{Client, ScopeLimit, Tenant};

use super::*;
use crate::binding::Binding;
use crate::client_auth::AuthenticatedClient;
use crate::fixtures::{BANK, EXCHANGE, NOW, by, form, moment, reporter, tenant, with_policy};

fn limited(tenant: &Tenant, scopes: &str) -> AuthenticatedClient {
    let limit = ScopeLimit::Only(scopes.parse().expect("scopes"));
    by(&Arc::new(Client { scopes: limit, ..(*reporter(tenant)).clone() }))
}

fn asked(tenant: &Tenant, by: &AuthenticatedClient, pairs: &[(&str, &str)]) -> Result<Granted, Refused> {
    let request = Request::read(&form(pairs.iter().copied()))?;
    decide(&request, Asking { tenant, by, binding: &Binding::None }, &mut moment())
}

#[test]
fn at_03_an_agent_that_acts_as_itself_is_the_subject_and_nobody_acts_for_it() {
    let tenant = tenant();
    let granted = asked(&tenant, &limited(&tenant, "bank:read"), &[("resource", BANK)]).expect("a token");
    let claims = granted.tokens.access().claims();
    let agent = &tenant.agents[0];
    assert_eq!((claims.sub.as_str(), claims.agent, &claims.act), (&*agent.id.to_string(), Some(agent.id), &None));
    assert_eq!((claims.aud.as_str(), claims.scope.to_string(), claims.grants.len()), (BANK, "bank:read".to_owned(), 0));
    assert_eq!(granted.tokens.refresh(), None);
    assert_eq!((granted.draft.writes.len(), granted.draft.events.len()), (0, 1));
    assert_eq!(granted.draft.events[0].field(Field::Subject), Some(&*agent.id.to_string()));
}

#[test]
fn oa_15_a_client_gets_what_an_operator_wrote_and_no_more() {
    let tenant = tenant();
    let by = limited(&tenant, "bank:read exchange:convert");
    let code = |pairs: &[(&str, &str)]| asked(&tenant, &by, pairs).map(|_| ()).map_err(|refused| refused.error().code());
    assert_eq!(code(&[("resource", BANK), ("scope", "bank:move")]), Err(Code::InvalidScope));
    assert_eq!(code(&[("resource", BANK), ("scope", "bank:read bank:move")]), Err(Code::InvalidScope));
    assert_eq!(code(&[("resource", BANK), ("scope", "exchange:convert")]), Err(Code::InvalidScope));
    assert_eq!(code(&[("resource", EXCHANGE), ("scope", "exchange:convert")]), Ok(()));
    let nothing = limited(&tenant, "bank:read");
    assert!(asked(&tenant, &nothing, &[("resource", EXCHANGE)]).is_err_and(|refused| refused.error().code() == Code::InvalidScope));
}

#[test]
fn ri_01_the_resource_is_named_where_there_are_several() {
    let mut tenant = tenant();
    let by = limited(&tenant, "bank:read");
    let code = |tenant: &Tenant, pairs: &[(&str, &str)]| asked(tenant, &by, pairs).map(|_| ()).map_err(|refused| refused.error().code());
    assert_eq!(code(&tenant, &[]), Err(Code::InvalidTarget));
    assert_eq!(code(&tenant, &[("resource", "https://other.example/mcp")]), Err(Code::InvalidTarget));
    tenant.resources.truncate(1);
    assert_eq!(code(&tenant, &[]), Ok(()));
}

#[test]
fn policy_decides_and_the_log_hears_of_it() {
    let tenant = with_policy(tenant(), r#"@id("no") @advice("wait") forbid(principal is Chancery::Agent, action, resource);"#);
    let refused = asked(&tenant, &limited(&tenant, "bank:read"), &[("resource", BANK)]).map(|_| ()).expect_err("refused");
    assert_eq!(refused.error().code(), Code::AccessDenied);
    assert!(refused.is_event());
}

#[test]
fn an_agent_that_is_gone_is_not_replaced_by_its_client() {
    let mut tenant = tenant();
    let by = limited(&tenant, "bank:read");
    tenant.agents.clear();
    let refused = asked(&tenant, &by, &[("resource", BANK)]).map(|_| ()).expect_err("refused");
    assert_eq!(refused.error().code(), Code::AccessDenied);
    assert_eq!(NOW, moment().now);
}
