use std::collections::{BTreeMap, BTreeSet};

use chancery_core::Secret;
use serde_json::{Map, json};

use super::super::problem::Problems;
use super::super::reader::Section;
use super::super::yaml::At;
use super::super::{Place, entries, read, tree};
use super::*;

/// The keys of each mapping, by the way to it.
type Keys = BTreeMap<String, BTreeSet<String>>;

/// A file with every key that the schema has, and those keys.
fn whole(schema: &Value, path: &str, keys: &mut Keys) -> Value {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], json!(false), "{path}: an editor would not tell what is unknown");
        keys.insert(path.to_owned(), properties.keys().cloned().collect());
        let below = |(key, schema): (&String, &Value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            (key.clone(), whole(schema, &path, keys))
        };
        return Value::Object(properties.iter().map(below).collect::<Map<_, _>>());
    }
    match schema["type"].as_str() {
        Some("object") => json!({ "x": whole(&schema["additionalProperties"], &format!("{path}.x"), keys) }),
        Some("array") => json!([whole(&schema["items"], &format!("{path}[0]"), keys)]),
        Some("boolean") => json!(true),
        Some("integer") => json!(1),
        _ => json!("x"),
    }
}

#[test]
fn the_schema_has_the_keys_that_the_reader_reads_and_no_others() {
    let mut said = Keys::new();
    let text = whole(&schema(), "", &mut said).to_string(); // JSON is YAML

    let files = [("all.yaml".to_owned(), text)];
    let problems = Problems::default();
    let tree = tree(&files[0], &problems).expect("a tree");
    let start = Place::new("all.yaml", At::START, String::new());
    let secret = |_: &_, _| Ok(Secret::new("0123456789abcdef0123456789abcdef".to_owned()));
    Section::new(start, entries("all.yaml", &tree, &problems), &problems).read(|section| read(section, &files, &secret, &problems));

    let read: Keys = problems.asked().into_iter().map(|(path, keys)| (path, keys.into_iter().map(str::to_owned).collect())).collect();
    for (path, keys) in &read {
        assert_eq!(said.get(path), Some(keys), "the reader's keys below {path:?} are not the schema's");
    }
    assert_eq!(said.keys().collect::<Vec<_>>(), read.keys().collect::<Vec<_>>(), "one of them goes deeper");
}

#[test]
fn nothing_may_be_left_empty_and_secrets_are_references() {
    let schema = schema();
    assert!(!schema.to_string().contains("\"null\""), "{schema}");
    let secret = &schema["properties"]["identity_providers"]["items"]["properties"]["client_secret"];
    assert_eq!((&secret["type"], &secret["pattern"]), (&json!("string"), &json!("^(env|file):.")));
    assert_eq!(schema["properties"]["registration"]["properties"]["dynamic"]["enum"], json!(["open", "closed", "token", "approval"]));
}
