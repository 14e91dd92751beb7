//! This server as a client meets it: a challenge, the resource's metadata (RFC 9728), the issuer's (RFC 8414).

use chancery_registry::config::ResourceOutline;
use http::StatusCode;
use http::header::WWW_AUTHENTICATE;

use super::{Doctor, Finding};

impl Doctor<'_> {
    /// Whether somebody serves there, and what.
    pub async fn issuer(&self, issuer: &str) -> (bool, Finding) {
        let address = well_known("oauth-authorization-server", issuer);
        let seen = match self.visitor.get(&address).await {
            Ok(seen) => seen,
            Err(why) => {
                let fix = "start it with `chancery serve`; if it runs, look at what stands between `base_url` and `server.listen`";
                return (
                    false,
                    Finding::doubtful("this server", format!("{address}: {why}")).should("be reached at its base_url").fix(fix),
                );
            }
        };
        let of = "the issuer's metadata";
        match seen.document() {
            Ok(document) if document["issuer"] == issuer => (true, Finding::good(of, format!("{address} names {issuer}"))),
            Ok(document) => {
                let saw = format!("{address} names {}", document["issuer"]);
                (
                    true,
                    Finding::wrong(of, saw)
                        .should(format!("name {issuer}"))
                        .fix("correct `base_url`, or what stands in front of the server"),
                )
            }
            Err(why) => {
                let fix = "if another program answers there, put this server there; if it is this one, `chancery apply` the file that has this tenant";
                (true, Finding::wrong(of, format!("{address}: {why}")).should("be a JSON document").fix(fix))
            }
        }
    }

    pub async fn resource(&self, resource: &ResourceOutline, issuer: &str) -> Vec<Finding> {
        let of = format!("resource {}", resource.name);
        let metadata = well_known("oauth-protected-resource", &resource.url);
        if resource.upstream.is_none() {
            return vec![self.document(&of, &resource.url, &metadata, Some(issuer)).await.1];
        }
        let (challenged, named) = self.challenge(&of, &resource.url).await;
        let address = named.unwrap_or(metadata);
        vec![challenged, self.document(&of, &resource.url, &address, Some(issuer)).await.1]
    }

    /// A resource of which nothing is known but its URL: what a client that has nothing else would find out.
    pub async fn stranger(&self, url: &str) -> Vec<Finding> {
        let (challenged, named) = self.challenge(url, url).await;
        let (found, document) = self.document(url, url, &named.unwrap_or_else(|| well_known("oauth-protected-resource", url)), None).await;
        let mut findings = vec![challenged, document];
        if let Some(issuer) = found {
            findings.push(self.issuer(&issuer).await.1);
        }
        findings
    }

    /// A call without a token (RFC 9728 §5.1), and where it says the metadata is.
    async fn challenge(&self, of: &str, url: &str) -> (Finding, Option<String>) {
        let of = format!("{of}, challenge");
        let should = "answer 401 with a WWW-Authenticate that has resource_metadata";
        let seen = match self.visitor.initialize(url).await {
            Ok(seen) => seen,
            Err(why) => {
                return (Finding::wrong(of, format!("{url}: {why}")).should(should).fix("start the server, or correct the URL"), None);
            }
        };
        let challenge = seen.header(&WWW_AUTHENTICATE).unwrap_or_default();
        let named = challenge.split("resource_metadata=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        match (seen.status, &named) {
            (StatusCode::UNAUTHORIZED, Some(_)) => (Finding::good(of, "401, and it says where its metadata is"), named),
            (StatusCode::OK, _) => {
                (Finding::wrong(of, "it serves calls without a token").should(should).fix("put it behind the gateway"), None)
            }
            (status, _) => {
                let saw = format!("status {}, {}", status.as_u16(), if challenge.is_empty() { "no challenge" } else { challenge });
                (Finding::wrong(of, saw).should(should).fix("correct the URL; `chancery plan` says which resources are served"), named)
            }
        }
    }

    /// The metadata, and the first issuer it names.
    async fn document(&self, of: &str, url: &str, address: &str, issuer: Option<&str>) -> (Option<String>, Finding) {
        let of = format!("{of}, metadata");
        let document = match self.visitor.get(address).await.and_then(|seen| seen.document()) {
            Ok(document) => document,
            Err(why) => {
                let fix = "have this server answer there: proxy that path to it, or copy the document";
                return (None, Finding::wrong(of, format!("{address}: {why}")).should("be the resource's metadata").fix(fix));
            }
        };
        let named = document["authorization_servers"][0].as_str().map(str::to_owned);
        if document["resource"] != url {
            let saw = format!("{address} is that of {}", document["resource"]);
            return (named, Finding::wrong(of, saw).should(format!("be that of {url}, byte for byte")).fix("correct the resource's `url`"));
        }
        let finding = match (&named, issuer) {
            (Some(named), Some(issuer)) if named != issuer => Finding::wrong(of, format!("it names the issuer {named}"))
                .should(format!("name {issuer} first"))
                .fix("have this server answer for that address, and nobody else"),
            (Some(named), _) => Finding::good(of, format!("{address} names {named}")),
            (None, _) => Finding::wrong(of, "it names no authorization server").should("name the issuer in authorization_servers"),
        };
        (named, finding)
    }
}

/// A well-known address: the name goes between host and path (RFC 8414 §3.1, RFC 9728 §3.1).
pub fn well_known(name: &str, url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (host, path) = rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
    format!("{scheme}://{host}/.well-known/{name}{}", if path == "/" { "" } else { &path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_well_known_name_goes_between_host_and_path() {
        assert_eq!(well_known("x", "https://gw.example/mcp/bank"), "https://gw.example/.well-known/x/mcp/bank");
        assert_eq!(well_known("x", "https://gw.example/"), "https://gw.example/.well-known/x");
        assert_eq!(well_known("x", "http://127.0.0.1:1"), "http://127.0.0.1:1/.well-known/x");
    }
}
