//! The README's first command.

use chancery_testkit::Folder;
use serde_json::Value;

use crate::process::{Ended, run};

fn lines(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn once_makes_the_journey_and_ends() {
    let folder = Folder::new();
    let demo = run(&folder, &["demo", "--once", "--port", "0"]);
    demo.with(0, &["WWW-Authenticate", "consenting", "account_balance", "\"aud\":", "call_closed", "consent_given"]);
}

#[test]
fn json_says_one_object_a_step() {
    let folder = Folder::new();
    let demo = run(&folder, &["demo", "--once", "--json", "--port", "0", "--as", "bob", "--data", "here"]);
    demo.with(0, &[]);
    let lines = lines(&demo);
    let steps: Vec<&Value> = lines.iter().filter(|line| line["number"].is_u64()).collect();
    assert_eq!(steps[0]["status"], 401);
    let arrived = lines.iter().find(|line| line["arrived"].is_object()).expect("it arrived");
    assert_eq!(arrived["arrived"]["token"]["claims"]["tenant"], "demo");
    assert!(lines.iter().any(|line| line["event"]["kind"] == "call_closed"));
    assert!(folder.path().join("here/chancery.db").exists());
}

#[test]
fn a_second_demo_on_its_data_arrives_too() {
    let folder = Folder::new();
    let port = crate::process::free_port().to_string();
    for _ in 0..2 {
        run(&folder, &["demo", "--once", "--port", &port]).with(0, &["call_closed"]);
    }
    assert!(folder.path().join(format!("chancery-demo-data/port-{port}/chancery.db")).exists());
}

#[test]
fn nobody_else_can_sign_in() {
    run(&Folder::new(), &["demo", "--once", "--as", "mallory"]).with(2, &["alice and bob"]);
}
