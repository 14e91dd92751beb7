//! Reading what an MCP server offers, and drafting a resource of it.
//!
//! 1. [`talk`] speaks to it as a client of either era would, over [`http`] or [`stdio`].
//! 2. Of one that wants a token, [`metadata`] tells who would issue it.
//! 3. What it said is kept in a form that is bounded and harms nobody ([`Tool`]).
//! 4. [`draft`] proposes scopes, and writes YAML in which the server has written nothing.
//! 5. The YAML is read back, and must mean what was meant.

pub mod draft;
pub mod http;
pub mod metadata;
pub mod stdio;
pub mod talk;
pub mod trouble;

mod spelling;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chancery_core::Slug;
use serde_json::Value;

use draft::Upstream;
pub use spelling::ascii;

/// The longest name of a tool: as long as MCP has them, and short enough for a key of YAML (1024 characters) when it is spelled out.
const LONGEST_NAME: usize = 128;
const LONGEST_SPELLED: usize = 900;

/// What a server says of itself.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The protocol version that it was spoken to in.
    pub version: String,
    /// What it calls itself, fit to be shown.
    pub title: Option<String>,
    pub tools: BTreeMap<String, Tool>,
    /// Tools whose names no file can hold.
    pub unnamed: usize,
    /// What it greeted with: whether it has tools, resources, prompts.
    pub names_tools: bool,
    pub resources: bool,
    pub prompts: bool,
}

/// One of its tools, by its own word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tool {
    /// On one line, fit to be shown.
    pub description: Option<String>,
    pub says: Says,
}

/// What it says of what a tool does. None of it is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Says {
    Reads,
    Writes,
    Destroys,
    Nothing,
    /// That it reads, and that it destroys.
    Both,
    /// It lists the tool more than once.
    Twice,
}

impl Offer {
    /// Takes what stands in a list of tools.
    pub(crate) fn take(&mut self, listed: &Value) {
        let name = listed["name"]
            .as_str()
            .filter(|name| !name.is_empty() && name.chars().count() <= LONGEST_NAME && spelling::quoted(name).len() <= LONGEST_SPELLED);
        let Some(name) = name else {
            self.unnamed += 1;
            return;
        };
        let tool = Tool { description: listed["description"].as_str().and_then(spelling::shown), says: Says::of(&listed["annotations"]) };
        match self.tools.entry(name.to_owned()) {
            Entry::Vacant(place) => drop(place.insert(tool)),
            Entry::Occupied(mut place) => place.get_mut().says = Says::Twice,
        }
    }

    pub(crate) fn heard(&self) -> usize {
        self.tools.len() + self.unnamed
    }
}

impl Says {
    fn of(annotations: &Value) -> Self {
        match (annotations["readOnlyHint"].as_bool(), annotations["destructiveHint"].as_bool()) {
            (Some(true), Some(true)) => Self::Both,
            (Some(true), _) => Self::Reads,
            (_, Some(true)) => Self::Destroys,
            (Some(false), _) => Self::Writes,
            (None, _) => Self::Nothing,
        }
    }

    /// As programs are told.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Destroys => "destroys",
            Self::Nothing => "nothing",
            Self::Both => "reads and destroys",
            Self::Twice => "several things",
        }
    }
}

/// What runs something else, so that its own name says little; a version may follow (`python3.12`).
const INTERPRETERS: [&str; 14] =
    ["bash", "bun", "bunx", "deno", "dotnet", "java", "node", "npx", "perl", "python", "ruby", "sh", "uv", "uvx"];

/// A name where nobody gave one: the first word of the host that says anything, or the program's own; of an interpreter, what it runs.
pub fn named(upstream: &Upstream) -> String {
    let words: Vec<String> = match upstream {
        Upstream::Address { url, .. } => {
            let host = url::Url::parse(url).ok().and_then(|url| url.domain().map(str::to_owned)).unwrap_or_default();
            host.split('.').map(str::to_owned).collect()
        }
        Upstream::Program { command, .. } => {
            let words = command.iter().filter(|word| !word.starts_with('-') && *word != "run");
            let mut stems: Vec<String> = words.map(|word| stem(word)).take(2).collect();
            let is_interpreter = stems.first().is_some_and(|stem| INTERPRETERS.contains(&stem.trim_end_matches(char::is_numeric)));
            if is_interpreter {
                stems.reverse();
            } else {
                stems.truncate(1);
            }
            stems
        }
    };
    let says_something = |word: &&String| {
        !["www", "mcp", "api", "localhost"].contains(&word.as_str())
            && word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.parse::<Slug>().is_ok()
    };
    words.iter().find(says_something).cloned().unwrap_or_else(|| "server".to_owned())
}

/// Of a program, a script or a package, the name without its folder, its kind and its version, as resources are named.
fn stem(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    file.split(['.', '@']).next().unwrap_or_default().to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_server_has_a_name_that_a_resource_may_have() {
        for (url, name) in [
            ("https://mcp.github.example/mcp", "github"),
            ("http://127.0.0.1:9001/mcp", "server"),
            ("http://[::1]/mcp", "server"),
            ("http://localhost:9001/mcp", "server"),
            ("https://Bank-2.corp.example", "bank-2"),
            ("https://b_k.corp.example", "corp"),
            ("nonsense", "server"),
        ] {
            let upstream = Upstream::Address { url: url.to_owned(), header: None, authority: None };
            assert_eq!(named(&upstream), name, "{url}");
        }
        for (command, name) in [
            ("/usr/bin/npx", "npx"),
            ("/opt/My_Server.py", "my-server"),
            ("/", "server"),
            ("/usr/bin/7z", "server"),
            ("/opt/files /srv/notes", "files"),
            ("/usr/bin/python3 srv.py", "srv"),
            ("/usr/bin/python3.12 -m my_notes", "my-notes"),
            ("/usr/bin/npx -y @corp/server-files@2026.7.1 /srv", "server-files"),
            ("/usr/bin/uv run /opt/bank.py", "bank"),
            ("/usr/bin/node", "node"),
        ] {
            let words = command.split(' ').map(str::to_owned).collect();
            let upstream = Upstream::Program { command: words, settings: BTreeMap::new(), env: BTreeMap::new() };
            assert_eq!(named(&upstream), name, "{command}");
        }
    }
}
