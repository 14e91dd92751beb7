//! How two definitions differ, member by member, in words that hold no secret.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One object that an apply would create, change or remove.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ObjectChange {
    pub kind: &'static str,
    pub name: String,
    #[serde(flatten)]
    pub what: What,
}

/// What would happen to an object.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case", tag = "change", content = "differences")]
pub enum What {
    Create,
    Update(Vec<Difference>),
    Delete,
}

/// One member that would be another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    /// The way to it, such as `tools.transfer.scope`.
    pub member: String,
    /// As JSON; none where there was nothing.
    pub before: Option<String>,
    /// As JSON; none where there would be nothing.
    pub after: Option<String>,
}

impl Difference {
    /// Of a secret one learns that it changes.
    pub(super) fn secret(before: bool, after: bool) -> Self {
        let hidden = |there: bool, words: &str| there.then(|| words.to_owned());
        Self { member: "secret".to_owned(), before: hidden(before, "(a secret)"), after: hidden(after, "(another secret)") }
    }
}

impl ObjectChange {
    /// `+ resource bank`, `~ client desk: redirect_uris, secret`, `- agent reporter`.
    pub(super) fn line(&self) -> String {
        let Self { kind, name, what } = self;
        let kind = kind.replace('_', " ");
        match what {
            What::Create => format!("+ {kind} {name}"),
            What::Delete => format!("- {kind} {name}"),
            What::Update(differences) => {
                let members: Vec<_> = differences.iter().map(|difference| &*difference.member).collect();
                format!("~ {kind} {name}: {}", members.join(", "))
            }
        }
    }
}

impl fmt::Display for ObjectChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let What::Update(differences) = &self.what else { return writeln!(f, "{}", self.line()) };
        writeln!(f, "~ {} {}", self.kind.replace('_', " "), self.name)?;
        differences.iter().try_for_each(|difference| writeln!(f, "    {difference}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "(nothing)".to_owned());
        write!(f, "{}: {} → {}", self.member, side(&self.before), side(&self.after))
    }
}

/// The members in which two definitions differ, in their order. Lists are compared whole: their order means something.
pub(super) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare("", Some(before), Some(after), &mut differences);
    differences
}

fn compare(member: &str, before: Option<&Value>, after: Option<&Value>, differences: &mut Vec<Difference>) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                let path = if member.is_empty() { key.clone() } else { format!("{member}.{key}") };
                compare(&path, old.get(key), new.get(key), differences);
            }
        }
        _ if before == after => (),
        _ => differences.push(Difference {
            member: member.to_owned(),
            before: before.map(Value::to_string),
            after: after.map(Value::to_string),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_members() {
        let before = json!({"title": "Bank", "strict": false, "tools": {"a": {"scope": "x"}, "b": {"scope": "y"}}, "uris": ["1", "2"]});
        let after = json!({"title": "Bank", "strict": true, "tools": {"a": {"scope": "z"}, "c": {"scope": "y"}}, "uris": ["2", "1"]});
        let lines: Vec<_> = between(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "strict: false → true",
                r#"tools.a.scope: "x" → "z""#,
                r#"tools.b: {"scope":"y"} → (nothing)"#,
                r#"tools.c: (nothing) → {"scope":"y"}"#,
                r#"uris: ["1","2"] → ["2","1"]"#,
            ]
        );
        assert!(between(&before, &before).is_empty());
    }
}
