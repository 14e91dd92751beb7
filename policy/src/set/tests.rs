use super::*;

/// A text and what is said of it, `-` where Cedar knows no remedy.
#[rustfmt::skip]
const BROKEN: &[(&str, &[&str])] = &[
    ("forbid(principal, action, resource)",
        &["line 1: unexpected end of input: expected `;` or identifier | -"]),
    ("\nforbid(principal, action == Chancery::Action::\"call_tol\", resource);",
        &["line 2: unrecognized action `Chancery::Action::\"call_tol\"` | did you mean `Chancery::Action::\"call_tool\"`?"]),
    ("forbid(principal, action, resource == Chancery::Resorce::\"bank\");",
        &["line 1: unrecognized entity type `Chancery::Resorce` | did you mean `Chancery::Resource`?"]),
    ("forbid(principal, action, resource)\nwhen { context.target == \"transfer\" };",
        &["line 2: attribute `target` in context for Chancery::Action::\"issue_token\" not found | context has client, agent, roles, scope, acr, amr, auth_age, hour and weekday; address, where the policy does not name issue_token; and target and arguments, where it names the actions call_tool, read_resource or get_prompt"]),
    ("forbid(principal, action, resource) when { context.agent == \"reporter\" };",
        &["line 1: unable to guarantee safety of access to optional attribute `agent` in context for Chancery::Action::\"call_tool\" | try testing for the attribute's presence with `context has agent && ..`"]),
    // Groups are the provider's words; what policies read are the roles that the file makes of them.
    ("forbid(principal, action, resource) unless { context.groups.contains(\"teller\") };",
        &["line 1: attribute `groups` in context for Chancery::Action::\"call_tool\" not found | context has client, agent, roles, scope, acr, amr, auth_age, hour and weekday; address, where the policy does not name issue_token; and target and arguments, where it names the actions call_tool, read_resource or get_prompt"]),
    ("forbid(principal, action, resource) when { context.hour < \"9\" };",
        &["line 1: unexpected type: expected Long but saw String | -"]),
    ("forbid(principal == ?principal, action, resource);",
        &["line 1: a policy with a slot (`?principal`, `?resource`) is a template, and nothing fills it | name the principal or resource itself, or leave the scope open and use `when`"]),
    ("forbid(principal, action, resource) when { context.hour > 5 && false };",
        &["line 1: policy is impossible: the policy expression evaluates to false for all valid requests | -"]),
    ("forbid(principal, action == Chancery::Action::\"call_tool\", resource) when { context.target == \"tr\u{430}nsfer\" };",
        &["line 1: string `\"tr\u{430}nsfer\"` contains mixed scripts | -"]),
    ("@id(\"a\") forbid(principal, action, resource);\n@id(\"a\") permit(principal, action, resource);",
        &["line 2: another policy has the @id `a` too | give each policy its own: refusals name policies by it"]),
    ("forbid(principal, action, resource) when { context.hour < \"9\" };\nforbid(principal, action, resource) when { context.nobody };",
        &["line 1: unexpected type: expected Long but saw String | -",
          "line 2: attribute `nobody` in context for Chancery::Action::\"call_tool\" not found | context has client, agent, roles, scope, acr, amr, auth_age, hour and weekday; address, where the policy does not name issue_token; and target and arguments, where it names the actions call_tool, read_resource or get_prompt"]),
];

#[test]
fn what_is_wrong_is_said_with_its_line() {
    for (text, expected) in BROKEN {
        let errors = PolicySet::parse(text).expect_err(text);
        let said: Vec<_> = errors.iter().map(|error| format!("{error} | {}", error.remedy.as_deref().unwrap_or("-"))).collect();
        assert_eq!(said, *expected, "{text}");
    }
}

#[test]
fn a_set_knows_which_resources_and_agents_it_names() {
    let set = PolicySet::parse(
        r#"forbid(principal, action, resource == Chancery::Resource::"bank");
           forbid(principal == Chancery::Agent::"reporter", action, resource) unless { resource == Chancery::Resource::"news" };"#,
    )
    .expect("policies");
    assert_eq!(set.resources_named().iter().collect::<Vec<_>>(), ["bank", "news"]);
    assert_eq!(set.agents_named().iter().collect::<Vec<_>>(), ["reporter"]);
}
