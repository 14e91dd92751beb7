use serde_json::{Value, json};

use super::*;

const EVIL: [&str; 12] = [
    "x\n    strict: false\n  - name: other",
    "x\r\n---\r\nserver: { listen: 0.0.0.0:1 }",
    "\u{85}\u{2028}\u{2029}\u{0}\u{1b}[2J\u{7f}",
    "\u{202e}ylno_daer\u{2066}\u{200b}",
    "\"}, \"y\": { scope: \"bank:read\", read_only: true } #",
    "' # \\ \\n %YAML &a *a !!int {{ ${HOME} }} | >",
    "<<",
    "~",
    "true",
    "b\u{430}lance",
    "\u{1f4d3}\u{feff}",
    " balance ",
];

fn draft() -> Draft {
    let upstream = Upstream::Address { url: "https://bank.example/mcp".to_owned(), header: None, authority: None };
    Draft { name: "bank".to_owned(), upstream }
}

fn offer(tools: &[Value]) -> Offer {
    let mut offer = Offer { version: "2025-11-25".to_owned(), ..Offer::default() };
    tools.iter().for_each(|tool| offer.take(tool));
    offer
}

fn checked(draft: &Draft, offer: &Offer) -> String {
    let text = draft.text(offer);
    if let Err(problems) = draft.check(offer, &text) {
        panic!("{}\n{text}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
    text
}

/// What YAML makes of it: the text without its comments, which begin where white space and a # stand outside of quotes.
fn without_comments(text: &str) -> String {
    let line = |line: &str| {
        let (mut quoted, mut escaped, mut before) = (false, false, ' ');
        let end = line.char_indices().find(|(_, character)| {
            let ends = *character == '#' && !quoted && before == ' ';
            quoted ^= *character == '"' && !escaped;
            escaped = *character == '\\' && !escaped;
            before = *character;
            ends
        });
        line[..end.map_or(line.len(), |(at, _)| at)].trim_end().to_owned()
    };
    text.lines().map(line).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_hostile_server_writes_no_yaml() {
    for evil in EVIL {
        let hints = json!({ "readOnlyHint": true });
        let offer = Offer {
            title: super::super::spelling::shown(evil),
            ..offer(&[
                json!({ "name": evil, "description": evil, "annotations": hints }),
                json!({ "name": "transfer", "description": evil }),
            ])
        };
        let text = checked(&draft(), &offer);
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{evil:?}: {text}");
        assert!(!text.chars().any(|character| "\u{202e}\u{2066}\u{200b}\u{2028}\u{2029}\u{feff}\u{85}".contains(character)), "{evil:?}");
        assert!(without_comments(&text).is_ascii(), "a name that cannot be seen stands in the file: {text}");
        let lines = |text: &str| without_comments(text).lines().count();
        assert_eq!(lines(&text), lines(&draft().text(&self::offer(&[json!({ "name": "a" }), json!({ "name": "b" })]))), "{evil:?}: {text}");
    }
}

#[test]
fn a_name_that_looks_like_another_gets_the_greater_scope() {
    let tool = |name| json!({ "name": name, "annotations": { "readOnlyHint": true } });
    let text = checked(&draft(), &offer(&[tool("balance"), tool("b\u{430}lance"), tool("balance ")]));
    assert!(text.contains("\"balance\":\n        scope: \"bank:read\"    # CHECK: it says that it only reads\n"), "{text}");
    assert!(text.contains("\"b\\u0430lance\":\n        scope: \"bank:write\"    # CHECK: its name may look like another one"), "{text}");
    assert!(text.contains("\"balance \":\n        scope: \"bank:write\""), "{text}");
}

#[test]
fn what_does_not_say_that_it_reads_writes() {
    for (hints, scope, why) in [
        (json!(null), "write", "does not say"),
        (json!({}), "write", "does not say"),
        (json!({ "readOnlyHint": "true" }), "write", "does not say"),
        (json!({ "readOnlyHint": true }), "read", "only reads"),
        (json!({ "readOnlyHint": true, "destructiveHint": false }), "read", "only reads"),
        (json!({ "readOnlyHint": true, "destructiveHint": true }), "write", "only reads, and that it destroys"),
        (json!({ "readOnlyHint": false }), "write", "changes things"),
        (json!({ "destructiveHint": true }), "write", "destroys"),
        (json!({ "destructiveHint": false, "idempotentHint": true }), "write", "does not say"),
    ] {
        let text = checked(&draft(), &offer(&[json!({ "name": "a", "annotations": hints })]));
        let line = text.lines().find(|line| line.trim_start().starts_with("scope: ")).expect("a scope");
        assert!(line.contains(&format!("bank:{scope}")) && line.contains("CHECK") && line.contains(why), "{hints}: {line}");
    }
}

#[test]
fn a_hint_lifts_no_check() {
    let text = checked(&draft(), &offer(&[json!({ "name": "a", "annotations": { "readOnlyHint": true } })]));
    assert!(text.contains("\n        # read_only: true    # only where you know"), "{text}");
    assert!(!without_comments(&text).contains("read_only"), "{text}");
    let taken = text.replace("# read_only: true ", "read_only: true ");
    assert!(draft().check(&offer(&[]), &taken).is_err_and(|problems| problems.is_empty()), "the line works once its # is gone: {taken}");
}

#[test]
fn a_tool_that_is_listed_twice_gets_the_greater_scope_once() {
    let reads = json!({ "name": "a", "annotations": { "readOnlyHint": true } });
    for tools in [[reads.clone(), json!({ "name": "a" })], [json!({ "name": "a" }), reads.clone()], [reads.clone(), reads.clone()]] {
        let text = checked(&draft(), &offer(&tools));
        assert_eq!(text.matches("\"a\":").count(), 1, "{text}");
        assert!(text.contains("scope: \"bank:write\"    # CHECK: the server lists it more than once"), "{text}");
    }
}

#[test]
fn ten_thousand_tools_are_a_file_that_is_read() {
    let tools: Vec<_> = (0..10_000).map(|at| json!({ "name": format!("tool_{at}"), "description": "Does.\nMore." })).collect();
    let text = checked(&draft(), &offer(&tools));
    assert_eq!(text.matches("scope: \"bank:write\"").count(), 10_000);
}

#[test]
fn names_that_no_file_can_hold_are_left_out_and_counted() {
    let long = "a".repeat(128);
    let tools = [json!({ "name": long }), json!({ "name": format!("{long}a") }), json!({ "name": "" }), json!({ "name": 7 }), json!("x")];
    let offer = offer(&[&tools[..], &[json!({ "name": "\u{1f4d3}".repeat(128) }), json!({ "name": "\u{430}".repeat(128) })]].concat());
    let text = checked(&draft(), &offer);
    assert_eq!((offer.tools.len(), offer.unnamed), (2, 5));
    assert!(text.contains("# CHECK: 5 left out"), "{text}");
}

#[test]
fn a_server_without_tools_is_a_resource_all_the_same() {
    let text = checked(&draft(), &Offer { resources: true, prompts: true, ..offer(&[]) });
    assert!(text.contains("tools: {}") && text.contains("its resources and prompts take it too"), "{text}");
    checked(&draft(), &Offer { unnamed: 3, ..offer(&[]) });
}

#[test]
fn what_an_operator_says_stands_in_it_as_it_is() {
    let reference = |text: &str| text.parse::<SecretRef>().expect("a reference");
    let address = Upstream::Address {
        url: "https://bank.example/a'b%22\"".to_owned(),
        header: Some(("X-Api-Key".to_owned(), reference("env:KEY"))),
        authority: Some(reference("file:/etc/ca \"x\": #.pem")),
    };
    let text = checked(&Draft { upstream: address, ..draft() }, &offer(&[]));
    assert!(
        text.contains("header: { name: \"X-Api-Key\", value: \"env:KEY\" }")
            && text.contains("authority: \"file:/etc/ca \\\"x\\\": #.pem\"")
    );
    assert!(!text.contains("credential"), "{text}");

    let program = Upstream::Program {
        command: ["/usr/bin/npx", "-y", "a b\n\"c\"", ""].map(str::to_owned).to_vec(),
        settings: BTreeMap::from([("HOME".to_owned(), "/srv/\u{e9}: #".to_owned())]),
        env: BTreeMap::from([("TOKEN".to_owned(), reference("file:/run/token"))]),
    };
    let text = checked(&Draft { upstream: program, ..draft() }, &offer(&[]));
    assert!(text.contains(r#"args: [ "-y", "a b\u000A\"c\"", "" ]"#) && text.contains(r#"env: { "TOKEN": "file:/run/token" }"#), "{text}");
}

#[test]
fn what_no_file_may_say_is_told() {
    for (url, what) in
        [("ftp://bank.example", "http or https"), ("https://u:p@bank.example", "user name"), ("https://b.example/?x", "query")]
    {
        let draft = Draft { upstream: Upstream::Address { url: url.to_owned(), header: None, authority: None }, ..draft() };
        let problems = draft.check(&offer(&[]), &draft.text(&offer(&[]))).expect_err(url);
        assert!(problems.iter().any(|problem| problem.what.contains(what)), "{problems:?}");
    }
}
