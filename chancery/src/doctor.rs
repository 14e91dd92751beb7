//! The doctor: goes to everything that a configuration speaks of, one after the other, and says at each what it saw, what should be, and
//! what to do. It changes nothing; it begins no sign-in and calls no tool.

pub mod file;
pub mod finding;
pub mod ground;
pub mod program;
pub mod provider;
pub mod resource;
pub mod upstream;
pub mod visit;

use chancery_core::Clock;
use chancery_registry::Config;

pub use finding::{Finding, Report, Verdict};
pub use visit::Visitor;

/// What goes out, and by which clock.
pub struct Doctor<'a> {
    pub visitor: Visitor,
    pub clock: &'a dyn Clock,
}

impl Doctor<'_> {
    /// Identity providers, the issuer's metadata, each resource and all that stands behind it.
    pub async fn visit(&self, config: &Config, report: &mut Report) {
        for provider in config.providers() {
            report.going(&format!("identity provider {}", provider.name));
            for finding in self.provider(&provider).await {
                report.tell(finding);
            }
        }
        report.going(&config.base_url);
        let (served, finding) = self.issuer(&config.issuer()).await;
        report.tell(finding);
        for resource in config.resources() {
            if served {
                report.going(&resource.url);
                for finding in self.resource(&resource, &config.issuer()).await {
                    report.tell(finding);
                }
            }
            if let Some(upstream) = &resource.upstream {
                let of = format!("resource {}", resource.name);
                report.going(&upstream.url);
                match &upstream.stdio {
                    Some(stdio) => report.tell(program::look(&of, stdio, &config.server.stdio)),
                    None => self.upstreams(&of, upstream).await.into_iter().for_each(|finding| report.tell(finding)),
                }
            }
        }
    }
}
