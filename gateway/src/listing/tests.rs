use super::*;

/// Shows what is called so.
pub struct Only(pub &'static [&'static str], pub bool);

impl Shows for Only {
    fn shows(&self, _: Listed, name: &str) -> bool {
        self.0.contains(&name)
    }

    fn marks(&self) -> bool {
        self.1
    }
}

const BALANCE: Only = Only(&["account_balance", "bank://accounts"], false);

#[test]
fn mcp_1a_14_what_is_not_shown_is_cut_out_and_the_rest_stays_as_it_came() {
    let tools = r#" {"jsonrpc":"2.0", "id":1,"result":{"tools":[ {"name":"account_balance", "x":1.0e2} , {"name":"transfer"}],"nextCursor":"é\u00e9"} } "#;
    let shown = cut_down(tools, &BALANCE).expect("JSON").expect("a change");
    assert_eq!(shown, r#" {"jsonrpc":"2.0", "id":1,"result":{"tools":[{"name":"account_balance", "x":1.0e2}],"nextCursor":"é\u00e9"} } "#);
    let resources = r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"uri":"bank://accounts","name":"a"},{"uri":"bank://x","name":"bank://accounts"}]}}"#;
    let shown = cut_down(resources, &BALANCE).expect("JSON").expect("a change");
    assert!(shown.contains("bank://accounts\",\"name\":\"a") && !shown.contains("bank://x"), "{shown}");
    let both = format!("[{},{}]", tools.trim(), resources);
    assert!(!cut_down(&both, &BALANCE).expect("JSON").expect("a change").contains("transfer"));
}

#[test]
fn what_shows_all_of_it_is_not_touched() {
    for same in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"account_balance"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":{"name":"transfer"}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"name":"transfer"}],"cacheScope":"public"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"tools"}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#,
    ] {
        assert_eq!(cut_down(same, &BALANCE).expect("JSON"), None, "{same}");
    }
}

#[test]
fn an_entry_that_nobody_can_read_is_not_shown() {
    let odd = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{},7,{"name":7},{"name":"transfer","name":"account_balance"},{"Name":"account_balance"},{"n\u0061me":"account_balance"}]}}"#;
    let shown = cut_down(odd, &BALANCE).expect("JSON").expect("a change");
    assert_eq!(shown, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"n\u0061me":"account_balance"}]}}"#);
}

#[test]
fn mcp_1a_14_a_list_is_for_its_caller_alone() {
    let list = |scope: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"account_balance"}}]{scope}}}}}"#);
    let marking = Only(BALANCE.0, true);
    let marked = |scope: &str, by: &Only| cut_down(&list(scope), by).expect("JSON");
    assert!(marked("", &marking).expect("a change").contains(r#""result":{"cacheScope":"private","tools""#));
    assert_eq!(marked("", &BALANCE), None);
    for by in [&marking, &BALANCE] {
        assert_eq!(marked(r#","cacheScope":"public","ttlMs":5"#, by), Some(list(r#","cacheScope":"private","ttlMs":5"#)));
        assert_eq!(marked(r#","cacheScope":"private""#, by), None);
    }
}

#[test]
fn what_two_readers_could_read_differently_is_no_list() {
    for bad in [
        "",
        "{",
        r#"{"result":{"tools":[]},"result":{"tools":[{"name":"transfer"}]}}"#,
        r#"{"result":{"tools":[],"Tools":[{"name":"transfer"}]}}"#,
        r#"{"result":{"tools":[],"t\u006fols":[{"name":"transfer"}]}}"#,
        "7",
    ] {
        assert!(cut_down(bad, &BALANCE).is_err(), "{bad}");
    }
}
