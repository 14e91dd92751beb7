//! What stands behind the gateway, asked as a client without a token asks: to be refused is fine, to be there is what matters.

use chancery_console::api::message::UpstreamHealth;

use super::{Doctor, Finding};

/// What the server that runs found of an address, where it does not ask it for now.
pub fn left_alone(upstream: &UpstreamHealth) -> Option<Finding> {
    let UpstreamHealth { resource, address, resting } = upstream;
    let of = format!("resource {resource}, upstream, as the server met it");
    (!resting.is_empty()).then(|| {
        Finding::doubtful(of, format!("{address}: {resting}"))
            .should("answer the gateway's calls")
            .fix("see that server's log, and the way there from the gateway; it is tried again by itself")
    })
}

impl Doctor<'_> {
    pub async fn upstream(&self, resource: &str, url: &str) -> Finding {
        let of = format!("resource {resource}, upstream");
        let seen = match self.visitor.initialize(url).await {
            Ok(seen) => seen,
            Err(why) => {
                let fix = "start that server, or correct `upstream.url`";
                return Finding::wrong(of, format!("{url}: {why}")).should("be reached from here").fix(fix);
            }
        };
        match seen.status.as_u16() {
            200..=299 => Finding::doubtful(of, format!("{url} answers, and asks for no token"))
                .should("take calls from the gateway alone")
                .fix("have it check the token it is sent (its issuer is this server), or let nobody else reach it"),
            401 | 403 => Finding::good(of, format!("{url} answers, and asks for a token")),
            404 | 405 => Finding::wrong(of, format!("{url} answers with status {}", seen.status.as_u16()))
                .should("be an MCP endpoint (Streamable HTTP)")
                .fix("correct the path in `upstream.url`"),
            status @ 500.. => Finding::wrong(of, format!("{url} answers with status {status}")).should("work").fix("see that server's log"),
            status => Finding::doubtful(of, format!("{url} answers an MCP client's first message with status {status}"))
                .should("take it, or ask for a token")
                .fix("check that it speaks MCP over Streamable HTTP"),
        }
    }
}
