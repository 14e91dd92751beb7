//! What comes instead of a list of tools, in words for whoever asked for one.

use std::time::Duration;

use http::StatusCode;

use crate::exit::{Exit, Failure};

/// Why a server could not be read. What it said itself is fit to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// No connection came about, or no program was started.
    Unreached(String),
    /// It broke off.
    Broken(String),
    Silent(Duration),
    /// It wants a credential, or does not like the one it was shown; what it challenged with, and where that says its metadata lies, which
    /// alone is as it was said.
    Closed(StatusCode, Option<String>, Option<String>),
    /// Where it sends whoever asks.
    Redirected(Option<String>),
    /// A status that is none of MCP's, and what kind of body came with it.
    Status(StatusCode, Option<String>),
    /// What it answered is no JSON-RPC.
    NoMcp(String),
    /// It answered with an error.
    Said(String),
    /// More than anybody reads.
    TooMuch(String),
}

impl Trouble {
    /// Whether a server of before 2026-07-28 could mean no more by it than that it does not know the question.
    pub fn may_be_of_before(&self) -> bool {
        matches!(self, Self::Said(_) | Self::Status(..) | Self::NoMcp(_) | Self::Silent(_) | Self::Broken(_))
    }

    /// For whoever asked; `whom` is the server.
    pub fn failure(self, whom: &str) -> Failure {
        let failed = |what: &str| Failure::new(Exit::Upstream, format!("{whom} {what}"));
        match self {
            Self::Unreached(why) => failed("cannot be reached").because(why).remedy(
                "start it, check the address and this machine's way to it; where an authority of your own vouches for it, name that with --ca FILE",
            ),
            Self::Broken(why) => {
                failed("broke off before it said what tools it has").because(why).remedy("look at that server's own log, then try again")
            }
            Self::Silent(time) => failed("does not answer")
                .because(format!("nothing whole came within {} seconds", time.as_secs()))
                .remedy("look at that server's own log; give it more time with --timeout SECONDS"),
            Self::Closed(status, challenge, _) => closed(failed("lets nobody in without a credential that it takes"), status, challenge),
            Self::Redirected(to) => failed("sends whoever asks elsewhere")
                .because(to.map_or_else(|| "it answers with a redirect".to_owned(), |to| format!("to {to}")))
                .remedy("give the final address: neither `import` nor the gateway follows redirects"),
            Self::Status(status, kind) => by_status(failed("does not say what tools it has"), status, kind),
            Self::NoMcp(what) => failed("does not answer as an MCP server").because(what).remedy(
                "give the address of its MCP endpoint, such as https://host.example/mcp; it must speak Streamable HTTP",
            ),
            Self::Said(why) => failed("does not say what tools it has").because(why).remedy("look at that server's own log"),
            Self::TooMuch(why) => failed("says more than is read").because(why).remedy("write the resource by hand (docs/upstreams.md)"),
        }
    }
}

fn closed(failure: Failure, status: StatusCode, challenge: Option<String>) -> Failure {
    let challenge = challenge.map(|challenge| format!(", and asks for {challenge}")).unwrap_or_default();
    failure.because(format!("it answers with status {}{challenge}", status.as_u16())).remedy(
        "give one that it takes: --header Authorization=env:VARIABLE, where the variable holds the whole value, such as `Bearer …`; or \
         --header X-Api-Key=file:PATH. A server that wants tokens of an OAuth server of its own must be given one that you got there",
    )
}

fn by_status(failure: Failure, status: StatusCode, kind: Option<String>) -> Failure {
    let kind = kind.map(|kind| format!(", with {kind}")).unwrap_or_default();
    let remedy = match status.as_u16() {
        404 | 405 => "check the path: MCP servers often have theirs at /mcp; those that speak the older HTTP+SSE transport are not read",
        421 => "give the address under the host name that the server knows itself by",
        429 => "it has too many requests: try again later",
        500.. => "look at that server's own log",
        _ => "check that the address is that of an MCP endpoint (Streamable HTTP)",
    };
    failure.because(format!("it answers with status {}{kind}", status.as_u16())).remedy(remedy)
}
