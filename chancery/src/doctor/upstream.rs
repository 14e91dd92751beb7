//! What stands behind the gateway, at each of its addresses, asked as the gateway asks: by the same authority, with the same certificate and
//! header. Only a token of ours there is none, so to be refused is fine where it would want one.

use chancery_console::api::message::UpstreamHealth;
use chancery_gateway::way_to;
use chancery_registry::config::STAND_IN;
use chancery_registry::{Upstream, UpstreamAuth};

use super::{Doctor, Finding, Visitor};

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
    /// `of` is the resource.
    pub async fn upstreams(&self, of: &str, upstream: &Upstream) -> Vec<Finding> {
        if lacks_secrets(upstream) {
            return vec![Finding::doubtful(format!("{of}, upstream"), "not asked, since secrets are missing")];
        }
        let visitor = match way_to(upstream, &self.visitor.0) {
            Ok(way) => Visitor(way),
            Err(why) => {
                let fix = "correct `upstream.authority` and `upstream.certificate`";
                return vec![Finding::wrong(format!("{of}, upstream"), why).should("be a certificate and its key in PEM").fix(fix)];
            }
        };
        let shown = match (&upstream.credential, upstream.secrets.header()) {
            (UpstreamAuth::Header(name), Some(secret)) => Some((&**name, secret)),
            _ => None,
        };
        let mut findings = Vec::new();
        for (at, url) in upstream.addresses().enumerate() {
            let of = format!("{of}, {}", if at == 0 { "upstream" } else { "replica" });
            findings.push(match visitor.initialize_showing(url, shown).await {
                Ok(seen) => answered(of, (url, seen.status.as_u16()), upstream),
                Err(why) => Finding::wrong(of, format!("{url}: {why}")).should("be reached from here").fix(way_out(at, url)),
            });
        }
        findings
    }
}

/// Where they are missing, something else stands in their place.
fn lacks_secrets(upstream: &Upstream) -> bool {
    let public = [&upstream.tls.authority, &upstream.tls.certificate].into_iter().flatten();
    let secret = [upstream.secrets.header(), upstream.secrets.key()].into_iter().flatten().map(chancery_core::Secret::expose);
    public.chain(secret).any(|text| text == STAND_IN)
}

fn way_out(at: usize, url: &str) -> String {
    let place = if at == 0 { "upstream.url" } else { "upstream.replicas" };
    let trust =
        if url.starts_with("https:") { "; for its certificate see `upstream.authority`, for ours `upstream.certificate`" } else { "" };
    format!("start that server, or correct `{place}`{trust}")
}

fn answered(of: String, (url, status): (&str, u16), upstream: &Upstream) -> Finding {
    let is_known = upstream.tls.certificate.is_some();
    match (status, &upstream.credential) {
        (200..=299, UpstreamAuth::Header(name)) => Finding::good(of, format!("{url} answers who shows `{name}`")),
        (200..=299, _) if is_known => Finding::good(of, format!("{url} answers who shows the certificate")),
        (200..=299, UpstreamAuth::Token) => Finding::doubtful(of, format!("{url} answers, and asks for no token"))
            .should("take calls from the gateway alone")
            .fix("have it check the token it is sent (its issuer is this server), or let nobody else reach it"),
        (200..=299, UpstreamAuth::Nothing) => {
            Finding::doubtful(of, format!("{url} answers whoever reaches it, as `credential: none` says"))
                .should("take calls from the gateway alone")
                .fix("let nobody else reach it, or have it ask for a header or a certificate")
        }
        (401 | 403, UpstreamAuth::Token) => Finding::good(of, format!("{url} answers, and asks for a token")),
        (401 | 403, UpstreamAuth::Header(name)) => Finding::wrong(of, format!("{url} refuses what `{name}` says, with status {status}"))
            .should("take what it is shown")
            .fix("correct `upstream.header`; the value must be the one that the server knows"),
        (401 | 403, UpstreamAuth::Nothing) => Finding::wrong(of, format!("{url} refuses who shows nothing, with status {status}"))
            .should("take calls, as `credential: none` says")
            .fix("give it what it asks for: a `header`, or our token (leave `credential` out)"),
        (404 | 405, _) => Finding::wrong(of, format!("{url} answers with status {status}"))
            .should("be an MCP endpoint (Streamable HTTP)")
            .fix("correct the path in the address"),
        (500.., _) => Finding::wrong(of, format!("{url} answers with status {status}")).should("work").fix("see that server's log"),
        _ => Finding::doubtful(of, format!("{url} answers an MCP client's first message with status {status}"))
            .should("take it, or ask for a token")
            .fix("check that it speaks MCP over Streamable HTTP"),
    }
}
