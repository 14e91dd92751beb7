//! The file, and the secrets it names.

use std::path::Path;

use super::{Finding, Report};
use crate::files::{self, Read};

/// What could be read of it; without its secrets, where only those are missing.
pub enum Known {
    Whole(Box<Read>),
    WithoutSecrets(Box<chancery_registry::Config>),
}

impl Known {
    pub fn config(&self) -> &chancery_registry::Config {
        match self {
            Self::Whole(read) => &read.config,
            Self::WithoutSecrets(config) => config,
        }
    }
}

/// Nothing, where nothing else can be looked at.
pub fn look(path: &Path, report: &mut Report) -> Option<Known> {
    let of = format!("the file {}", path.display());
    let failure = match files::read(path) {
        Ok(read) => {
            report.tell(Finding::good(of, format!("tenant {} at {}", read.config.tenant, read.config.base_url)));
            return Some(Known::Whole(Box::new(read)));
        }
        Err(failure) => failure,
    };
    let saw = if failure.why.is_empty() { failure.what } else { failure.why };
    let fix = if failure.remedy.is_empty() { "correct each line above".to_owned() } else { failure.remedy };
    report.tell(Finding::wrong(of, saw).should("be read without a complaint").fix(fix));
    files::read_without_secrets(path).ok().map(|config| Known::WithoutSecrets(Box::new(config)))
}
