//! Logs: what operators read, on standard error. The audit log is another thing (chancery-audit).

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// What is logged unless `CHANCERY_LOG` says otherwise.
const DEFAULT: &str = "info,cedar_policy=warn,hyper=warn,tokio_postgres=warn";

/// How lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// Starts logging for the process. A second call changes nothing.
pub fn start(format: Format, default: Option<&str>) {
    let filter = EnvFilter::try_from_env("CHANCERY_LOG").unwrap_or_else(|_| EnvFilter::new(default.unwrap_or(DEFAULT)));
    let to_stderr = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = match format {
        Format::Text => to_stderr.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
        Format::Json => to_stderr.json().flatten_event(true).try_init(),
    };
}
