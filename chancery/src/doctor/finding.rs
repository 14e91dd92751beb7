//! What was found, and how it is told: as it is found, so that who waits sees where it is.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::exit::Exit;
use crate::print;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Good,
    /// It works, or may work; somebody should look.
    Doubtful,
    Wrong,
}

/// One thing that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    pub of: String,
    pub verdict: Verdict,
    pub saw: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub should: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fix: String,
}

impl Finding {
    pub fn good(of: impl Into<String>, saw: impl Into<String>) -> Self {
        Self { of: of.into(), verdict: Verdict::Good, saw: saw.into(), should: String::new(), fix: String::new() }
    }

    pub fn doubtful(of: impl Into<String>, saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Doubtful, ..Self::good(of, saw) }
    }

    pub fn wrong(of: impl Into<String>, saw: impl Into<String>) -> Self {
        Self { verdict: Verdict::Wrong, ..Self::good(of, saw) }
    }

    pub fn should(mut self, should: impl Into<String>) -> Self {
        self.should = should.into();
        self
    }

    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }
}

/// Tells findings, and remembers the worst.
pub struct Report {
    json: bool,
    worst: Verdict,
    told: [usize; 3],
}

impl Report {
    pub const fn new(json: bool) -> Self {
        Self { json, worst: Verdict::Good, told: [0; 3] }
    }

    /// What is looked at now, for who watches.
    pub fn going(&self, to: &str) {
        if !self.json && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr(), "     … {to}");
        }
    }

    /// A reader that has gone away hears nothing; the exit code is still right.
    pub fn tell(&mut self, finding: Finding) {
        self.worst = self.worst.max(finding.verdict);
        self.told[finding.verdict as usize] += 1;
        if self.json {
            let _ = print::json(&finding);
            return;
        }
        let word = match finding.verdict {
            Verdict::Good => "ok  ",
            Verdict::Doubtful => "look",
            Verdict::Wrong => "BAD ",
        };
        let mut text = format!("{word} {}: {}", finding.of, indented(&finding.saw));
        for (name, words) in [("should", &finding.should), ("fix", &finding.fix)] {
            if !words.is_empty() {
                text.push_str(&format!("\n       {name}: {}", indented(words)));
            }
        }
        let _ = print::line(&text);
    }

    /// The last line, and the exit code.
    pub fn end(self) -> Exit {
        let [good, doubtful, wrong] = self.told;
        if !self.json {
            let _ = print::line(&format_args!("{good} as they should be, {doubtful} to look at, {wrong} wrong"));
        }
        if self.worst == Verdict::Wrong { Exit::Unwell } else { Exit::Done }
    }
}

fn indented(text: &str) -> String {
    text.replace('\n', "\n       ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_that_is_wrong_is_what_the_exit_code_says() {
        let mut report = Report::new(true);
        report.tell(Finding::good("the file", "fine"));
        report.tell(Finding::doubtful("the server", "not running"));
        assert_eq!(report.worst, Verdict::Doubtful);
        report.tell(Finding::wrong("the store", "gone").should("be there").fix("put it back"));
        report.tell(Finding::good("the keys", "fine"));
        assert_eq!(report.end(), Exit::Unwell);
    }
}
