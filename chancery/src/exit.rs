//! How a command ends: the exit codes, and failures that say what happened, why, and what to do.

use std::fmt;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

/// The exit codes, as `chancery --help` prints them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    Done = 0,
    /// The journey of `demo --once` failed, or something failed that has no code of its own.
    Failed = 1,
    /// The command line is wrong (clap's own code).
    Usage = 2,
    File = 3,
    Address = 4,
    Storage = 5,
    Provider = 6,
    Server = 7,
    Refused = 8,
    CutShort = 9,
    Unwell = 10,
    Upstream = 11,
}

/// What `--help` says about them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed (the journey of `demo --once`, or a failure without a code of its own)
  2  the command line is wrong
  3  the configuration file, or a secret it names, is missing or wrong
  4  the address cannot be listened on (taken, not local, not allowed)
  5  the data folder, database or key file cannot be used
  6  an identity provider cannot be reached (`serve --require-providers`)
  7  the running server does not answer on its socket
  8  the server refused what was asked
  9  a second signal ended the process before it had drained
  10 `doctor` found something wrong
  11 an MCP server cannot be reached, or does not say what it has (`import`)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Failure {
    pub exit: Exit,
    /// What happened, in one line.
    pub what: String,
    /// Why: what was seen.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: String::new(), remedy: String::new() }
    }

    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = why.to_string();
        self
    }

    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        for (name, text) in [("why", &self.why), ("do", &self.remedy)] {
            if !text.is_empty() {
                write!(f, "\n  {name}: {}", text.replace('\n', "\n       "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let failure = Failure::new(Exit::Address, "cannot listen on 127.0.0.1:8080").because("it is in use").remedy("choose another");
        assert_eq!(failure.to_string(), "cannot listen on 127.0.0.1:8080\n  why: it is in use\n  do: choose another");
    }

    #[test]
    fn every_exit_code_is_documented() {
        for code in 0..=Exit::Upstream as u8 {
            assert!(EXIT_CODES.contains(&format!("\n  {code:<2} ")), "{code}");
        }
    }
}
