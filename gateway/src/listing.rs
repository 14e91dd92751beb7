//! What a list shows: the tools, resources and prompts that this caller may use, and nothing else (MCP 2026-07-28, Tools: a list may
//! vary by what is presented; mcp_1a_14).
//!
//! An entry is cut out of the upstream's own text; what stays is byte for byte as it came. Where a list varies by caller no cache may
//! share it, so it is marked private.

mod body;
mod visible;

use std::ops::Range;

use serde_json::value::RawValue;

pub use body::{Instead, Shown, is_of_another_type};
pub use visible::Visible;

use crate::members::{members, text};

/// What a list is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listed {
    Tools,
    Resources,
    Prompts,
}

impl Listed {
    const ALL: [Self; 3] = [Self::Tools, Self::Resources, Self::Prompts];

    /// The member that says which an entry is.
    const fn name(self) -> &'static str {
        if matches!(self, Self::Resources) { "uri" } else { "name" }
    }
}

/// Who sees what.
pub trait Shows {
    fn shows(&self, listed: Listed, name: &str) -> bool;

    /// Whether lists say how they may be cached (from MCP 2026-07-28 on).
    fn marks(&self) -> bool;
}

/// The messages in this text, with lists cut down; `None` where nothing is to be changed.
///
/// # Errors
/// It is not JSON, or two readers could read it differently.
pub fn cut_down(json: &str, by: &impl Shows) -> Result<Option<String>, serde_json::Error> {
    let whole: &RawValue = serde_json::from_str(json)?;
    let messages = if whole.get().starts_with('[') { serde_json::from_str(whole.get())? } else { vec![whole] };
    let mut edits = Vec::new();
    for message in messages {
        cut(json, message, by, &mut edits)?;
    }
    Ok((!edits.is_empty()).then(|| edited(json, edits)))
}

type Edit = (Range<usize>, String);

fn cut(json: &str, message: &RawValue, by: &impl Shows, edits: &mut Vec<Edit>) -> Result<(), serde_json::Error> {
    let [result] = members(message.get(), &["result"])?;
    let Some(result) = result.filter(|result| result.get().starts_with('{')) else { return Ok(()) };
    let [tools, resources, prompts, scope] = members(result.get(), &["tools", "resources", "prompts", "cacheScope"])?;

    let mut lists = 0;
    for (listed, entries) in Listed::ALL.into_iter().zip([tools, resources, prompts]) {
        let Some(entries) = entries.filter(|entries| entries.get().starts_with('[')) else { continue };
        lists += 1;
        let all: Vec<&RawValue> = serde_json::from_str(entries.get())?;
        let shown: Vec<&str> = all.iter().filter(|entry| is_shown(entry, listed, by)).map(|entry| entry.get()).collect();
        if shown.len() < all.len() {
            edits.push((range(json, entries.get()), format!("[{}]", shown.join(","))));
        }
    }
    match scope {
        _ if lists == 0 => {}
        Some(scope) if scope.get() == PRIVATE => {}
        Some(scope) => edits.push((range(json, scope.get()), PRIVATE.to_owned())), // mcp_1a_14
        None if by.marks() => {
            let inside = range(json, result.get()).start + 1;
            edits.push((inside..inside, format!("\"cacheScope\":{PRIVATE},"))); // mcp_1a_14
        }
        None => {}
    }
    Ok(())
}

const PRIVATE: &str = "\"private\"";

/// What nobody can read is not shown.
fn is_shown(entry: &RawValue, listed: Listed, by: &impl Shows) -> bool {
    let named = members(entry.get(), &[listed.name()]).ok().and_then(|[name]| text(name?));
    named.is_some_and(|name| by.shows(listed, &name))
}

/// Where a part of a text stands in it.
fn range(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

fn edited(json: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut text = String::with_capacity(json.len() + 32);
    let mut at = 0;
    for (range, new) in edits {
        text.push_str(&json[at..range.start]);
        text.push_str(&new);
        at = range.end;
    }
    text.push_str(&json[at..]);
    text
}

#[cfg(test)]
mod tests;
