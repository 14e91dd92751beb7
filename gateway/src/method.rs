//! What each MCP method needs and how it is recorded, in one table.

use chancery_policy::Action;

/// Which scope a message needs besides a live token for the resource.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// None: what a client sends to connect and to see what there is.
    Token,
    /// The resource's default scope.
    DefaultScope,
    /// What the resource's map says of the tool.
    ToolScope,
}

/// How a message is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    /// By an open and a close event.
    Events,
    /// Counted per caller and method.
    Counted,
}

/// One method.
#[derive(Debug)]
pub struct Method {
    /// What it is counted as.
    pub name: &'static str,
    pub action: Action,
    pub needs: Needs,
    /// The member of `params` that says what it is aimed at, where that decides.
    pub target: Option<&'static str>,
    pub recorded: Log,
}

impl Method {
    /// Whether its answer may hold a list of what not everybody sees.
    pub fn lists(&self) -> bool {
        matches!(self.name, "tools/list" | "resources/list" | "prompts/list" | STREAM_NAME)
    }
}

/// A stream may bring what was asked for by another request, where it is resumed.
const STREAM_NAME: &str = "stream";

/// The row of a method; those that nobody here knows need the default scope.
pub fn of(method: &str) -> &'static Method {
    METHODS.iter().find(|row| row.name == method).unwrap_or(if method.starts_with("notifications/") { &NOTIFICATION } else { &OTHER })
}

#[rustfmt::skip]
const METHODS: &[Method] = &[
    //  method                      action                needs                target        recorded
    row("tools/call",               Action::CallTool,     Needs::ToolScope,    Some("name"), Log::Events),
    row("resources/read",           Action::ReadResource, Needs::DefaultScope, Some("uri"),  Log::Events),
    row("prompts/get",              Action::GetPrompt,    Needs::DefaultScope, Some("name"), Log::Events),
    row("initialize",               Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("server/discover",          Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("ping",                     Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("logging/setLevel",         Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("tools/list",               Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("resources/list",           Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("resources/templates/list", Action::UseResource,  Needs::Token,        None,         Log::Counted),
    row("prompts/list",             Action::UseResource,  Needs::Token,        None,         Log::Counted),
];

#[rustfmt::skip]
pub const NOTIFICATION: Method = row("notifications", Action::UseResource, Needs::Token,        None, Log::Counted);
#[rustfmt::skip]
pub const RESPONSE: Method =     row("response",      Action::UseResource, Needs::Token,        None, Log::Counted);
/// The stream that a GET opens.
#[rustfmt::skip]
pub const STREAM: Method =       row(STREAM_NAME,        Action::UseResource, Needs::Token,        None, Log::Counted);
/// The end of a session, by DELETE.
#[rustfmt::skip]
pub const SESSION_END: Method =  row("session_end",   Action::UseResource, Needs::Token,        None, Log::Counted);
#[rustfmt::skip]
const OTHER: Method =            row("other",         Action::UseResource, Needs::DefaultScope, None, Log::Counted);

const fn row(name: &'static str, action: Action, needs: Needs, target: Option<&'static str>, recorded: Log) -> Method {
    Method { name, action, needs, target, recorded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_data_needs_a_scope_and_what_nobody_knows_does_too() {
        assert_eq!(of("tools/call").needs, Needs::ToolScope);
        for method in ["resources/read", "prompts/get", "completion/complete", "tasks/result", "resources/subscribe", "x", ""] {
            assert_eq!(of(method).needs, Needs::DefaultScope, "{method}");
        }
        for method in ["initialize", "tools/list", "ping", "notifications/initialized"] {
            assert_eq!(of(method).needs, Needs::Token, "{method}");
        }
    }

    #[test]
    fn a_name_matches_in_its_own_case_only() {
        assert_eq!(of("Tools/Call").needs, Needs::DefaultScope);
    }
}
