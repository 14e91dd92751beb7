//! The draft: a resource in YAML. What a server said stands in it as strings in quotes or as a comment on one line, so it writes no YAML.
//!
//! Which scope a tool gets is proposed by the server's own hints, for want of better, and always towards the greater one: what does not
//! say that it reads, writes. No hint lifts a check: `read_only`, which lets a call go on before its event is durable, is a comment that
//! a person takes the `#` from. Tools that are not named are refused (`strict`), those that come tomorrow too.

use std::collections::BTreeMap;

use chancery_core::Secret;
use chancery_registry::Config;
use chancery_registry::config::{Problem, STAND_IN, SecretRef};

use super::spelling::{quoted, shown};
use super::{Offer, Says, Tool};

/// What an operator says of the resource, which is all that the server does not.
pub struct Draft {
    pub name: String,
    pub upstream: Upstream,
}

/// Where it lies.
pub enum Upstream {
    Address { url: String, header: Option<(String, SecretRef)>, authority: Option<SecretRef> },
    Program { command: Vec<String>, settings: BTreeMap<String, String>, env: BTreeMap<String, SecretRef> },
}

impl Draft {
    /// What a person would call the server that is meant.
    pub fn whom(&self) -> &str {
        match &self.upstream {
            Upstream::Address { url, .. } => url,
            Upstream::Program { command, .. } => command.first().map_or("the program", String::as_str),
        }
    }

    pub fn scope(&self, tool: &Tool, name: &str) -> String {
        format!("{}:{}", self.name, if reads(tool, name) { "read" } else { "write" })
    }

    pub fn text(&self, offer: &Offer) -> String {
        let name = &self.name;
        let (read, write) = (quoted(&format!("{name}:read")), quoted(&format!("{name}:write")));
        let mut text = self.head(offer);
        text += &format!("resources:\n  - name: {}\n    title: {}    # people read it where they are asked\n", quoted(name), quoted(name));
        text += &self.upstream();
        text += &format!(
            "    scopes:    # in words for the page where people are asked; make finer ones of them\n      {read}: {}\n      {write}: {}\n",
            quoted(&format!("Read from {name}")),
            quoted(&format!("Change things in {name}")),
        );
        let also = match (offer.resources, offer.prompts) {
            (true, true) => "; its resources and prompts take it too",
            (true, false) => "; its resources take it too",
            (false, true) => "; its prompts take it too",
            (false, false) => "",
        };
        text += &format!("    default_scope: {read}    # what a client gets that asks for nothing{also}\n");
        text += "    strict: true    # a tool that is not named here is refused, whatever the server adds\n";
        if offer.tools.is_empty() {
            text += if offer.unnamed == 0 { "    tools: {}    # it has none\n" } else { "    tools: {}\n" };
        } else {
            text += "    tools:\n";
        }
        if offer.unnamed > 0 {
            text += &format!("      # CHECK: {} left out, since their names cannot stand in a file: they are refused.\n", offer.unnamed);
        }
        offer.tools.iter().for_each(|(name, tool)| text += &self.tool(name, tool));
        text
    }

    /// Reads its own text as `plan` would, and holds it against what was meant.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, offer: &Offer, text: &str) -> Result<(), Vec<Problem>> {
        let around = "tenant: a\nbase_url: https://a.example\nidentity_providers: [ { name: a, issuer: https://b.example, client_id: a, client_secret: env:- } ]\n";
        let files = [("around".to_owned(), around.to_owned()), ("draft".to_owned(), text.to_owned())];
        let nothing = |_: &SecretRef, _| Ok(Secret::new(STAND_IN.to_owned()));
        let config = Config::read(&files, &nothing)?;
        let meant = |(name, tool): (&String, &Tool)| (name.clone(), (self.scope(tool, name), false));
        let wanted: BTreeMap<String, (String, bool)> = offer.tools.iter().map(meant).collect();
        let as_meant = match config.resources().as_slice() {
            [one] => {
                let tools = one.tools.iter().map(|(name, tool)| (name.clone(), (tool.scope.to_string(), tool.read_only)));
                one.name == self.name && one.strict && tools.collect::<BTreeMap<_, _>>() == wanted
            }
            _ => false,
        };
        if as_meant { Ok(()) } else { Err(Vec::new()) }
    }

    fn head(&self, offer: &Offer) -> String {
        let title = offer.title.as_ref().map(|title| format!(" (\"{title}\")")).unwrap_or_default();
        format!(
            "# Drafted by `chancery import` from what {}{title} says of itself, over MCP {}.\n\
             # Nothing of it was tried: whether a tool reads or writes is that server's own claim, and servers are wrong or lie.\n\
             # A person must check each line that says CHECK. Then put this among the `resources` of chancery.yaml, or beside it as a\n\
             # file of its own where the configuration is a folder; `chancery plan` says what it changes.\n",
            shown(self.whom()).unwrap_or_default(),
            offer.version,
        )
    }

    fn upstream(&self) -> String {
        match &self.upstream {
            Upstream::Address { url, header, authority } => {
                let mut text = format!("    upstream:\n      url: {}\n", quoted(url));
                match header {
                    Some((name, value)) => {
                        let value = quoted(&value.to_string());
                        text += &format!("      header: {{ name: {}, value: {value} }}    # what it let `import` in by\n", quoted(name));
                    }
                    None => {
                        text += "      # CHECK: it let `import` in without any credential. If it checks none, let nobody but the gateway reach it.\n";
                        text += "      # credential: none    # else it is shown a token of ours for it alone, which names the user, client and agent\n";
                    }
                }
                if let Some(authority) = authority {
                    text += &format!("      authority: {}    # nobody else may vouch for it\n", quoted(&authority.to_string()));
                }
                text
            }
            Upstream::Program { command, settings, env } => {
                let (first, rest) = command.split_first().map_or((String::new(), &[][..]), |(first, rest)| (quoted(first), rest));
                let list = |items: Vec<String>| items.join(", ");
                let mut text =
                    format!("    upstream:\n      stdio:\n        command: {first}    # each node must allow it: `server.stdio`\n");
                if !rest.is_empty() {
                    text += &format!("        args: [ {} ]\n", list(rest.iter().map(|arg| quoted(arg)).collect()));
                }
                if !env.is_empty() {
                    let pair = |(name, value): (&String, &SecretRef)| format!("{}: {}", quoted(name), quoted(&value.to_string()));
                    text += &format!("        env: {{ {} }}\n", list(env.iter().map(pair).collect()));
                }
                if !settings.is_empty() {
                    let pair = |(name, value): (&String, &String)| format!("{}: {}", quoted(name), quoted(value));
                    text += &format!("        settings: {{ {} }}\n", list(settings.iter().map(pair).collect()));
                }
                text
            }
        }
    }

    fn tool(&self, name: &str, tool: &Tool) -> String {
        let mut text = String::new();
        if let Some(description) = &tool.description {
            text += &format!("      # it says: \"{description}\"\n");
        }
        text +=
            &format!("      {}:\n        scope: {}    # CHECK: {}\n", quoted(name), quoted(&self.scope(tool, name)), because(tool, name));
        if reads(tool, name) {
            text += "        # read_only: true    # only where you know that it changes nothing, whatever it says\n";
        }
        text
    }
}

/// Whether a person could tell the name from another by eye.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_graphic())
}

fn reads(tool: &Tool, name: &str) -> bool {
    tool.says == Says::Reads && is_plain(name)
}

fn because(tool: &Tool, name: &str) -> &'static str {
    match tool.says {
        _ if !is_plain(name) => "its name may look like another one; it is spelled out",
        Says::Reads => "it says that it only reads",
        Says::Writes => "it says that it changes things",
        Says::Destroys => "it says that it destroys things",
        Says::Nothing => "it does not say whether it changes anything",
        Says::Both => "it says that it only reads, and that it destroys things",
        Says::Twice => "the server lists it more than once",
    }
}

#[cfg(test)]
mod tests;
