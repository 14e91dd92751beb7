//! Protocol rows: `specs/rows.toml` says what is taken on; a row needs a line of code that carries its id (`// OA-08`, or the id in
//! an endpoint's table) and a test whose name starts with it (`oa_08_…`). Both ways: an id in the code must be a row.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::{conformance, workspace};

const PAGE: &str = "docs/conformance.md";

#[derive(Deserialize)]
struct Rows {
    row: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
    class: String,
    says: String,
    waits_for: Option<String>,
}

/// Where each id stands in the code.
#[derive(Default)]
struct Found {
    checks: BTreeMap<String, BTreeSet<String>>,
    tests: BTreeMap<String, BTreeSet<String>>,
}

pub fn problems(root: &Path) -> Vec<String> {
    let rows = read(root);
    let found = Found::in_code(root);
    let mut problems = untied(&rows, &found);
    if fs::read_to_string(root.join(PAGE)).unwrap_or_default() != page(&rows, &found, root) {
        problems.push(format!("{PAGE} is not what the code says: run `cargo xtask rows`"));
    }
    problems
}

pub fn write(root: &Path) -> Result<(), String> {
    let text = page(&read(root), &Found::in_code(root), root);
    fs::write(root.join(PAGE), text).map_err(|error| format!("{PAGE}: {error}"))
}

fn read(root: &Path) -> Vec<Row> {
    let rows: Rows =
        toml::from_str(&workspace::read(&root.join("specs/rows.toml"))).unwrap_or_else(|error| panic!("specs/rows.toml: {error}"));
    rows.row
}

fn untied(rows: &[Row], found: &Found) -> Vec<String> {
    let known: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let chapters: BTreeSet<&str> = known.iter().map(|id| &id[..2]).collect();
    let mut problems = Vec::new();
    for row in rows.iter().filter(|row| row.waits_for.is_none()) {
        if !found.checks.contains_key(&row.id) {
            problems.push(format!("{}: no line of code carries it", row.id));
        }
        if !found.tests.contains_key(&row.id) {
            problems.push(format!("{}: no test is named after it", row.id));
        }
    }
    // A test may begin with two letters and two digits and mean none of our chapters (`of_50_units_…`); a line's id is always meant.
    let tests = found.tests.iter().filter(|(id, _)| chapters.contains(&id[..2]));
    let unknown = found.checks.iter().chain(tests).filter(|(id, _)| !known.contains(id.as_str()));
    problems.extend(unknown.map(|(id, at)| format!("{id}: not in specs/rows.toml, but in {}", join(at))));
    problems
}

impl Found {
    fn in_code(root: &Path) -> Self {
        let mut found = Self::default();
        for room in workspace::rooms(root).iter().filter(|room| *room != "xtask") {
            for path in workspace::files(&root.join(room), ".rs") {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.read_file(&name, &workspace::read(&path));
            }
        }
        for path in workspace::files(&root.join("testkit/clients"), ".mjs") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            found.read_file(&name, &workspace::read(&path));
        }
        found
    }

    fn read_file(&mut self, name: &str, text: &str) {
        let only_tests = name.contains("/tests/") || name.ends_with("tests.rs") || name.starts_with("testkit/");
        let shipped = if only_tests { "" } else { before_its_tests(text) };
        for line in shipped.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for id in ids_in(line) {
                self.checks.entry(id).or_default().insert(name.to_owned());
            }
        }
        for (_, after) in text.lines().filter_map(|line| line.split_once("fn ")) {
            if let Some(id) = id_of_test(after) {
                let test = after.split(['(', '<']).next().unwrap_or(after);
                self.tests.entry(id).or_default().insert(test.to_owned());
            }
        }
    }
}

/// What of a file ships: all before its `mod tests`. An attribute on one item elsewhere takes nothing else with it.
fn before_its_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// Ids such as `OA-08` in a line.
fn ids_in(line: &str) -> Vec<String> {
    let bytes = line.as_bytes();
    let shaped = |at: usize| {
        let id = &bytes[at..at + 5];
        let alone = (at == 0 || !is_word(bytes[at - 1])) && bytes.get(at + 5).is_none_or(|next| !is_word(*next));
        alone
            && id[0].is_ascii_uppercase()
            && id[1].is_ascii_uppercase()
            && id[2] == b'-'
            && id[3].is_ascii_digit()
            && id[4].is_ascii_digit()
    };
    (0..bytes.len().saturating_sub(4)).filter(|at| shaped(*at)).map(|at| String::from_utf8_lossy(&bytes[at..at + 5]).into_owned()).collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// `oa_08_a_code_…` names row OA-08.
fn id_of_test(name: &str) -> Option<String> {
    let mut parts = name.splitn(3, '_');
    let (letters, digits) = (parts.next()?, parts.next()?);
    parts.next()?;
    let shaped = letters.len() == 2
        && letters.bytes().all(|b| b.is_ascii_lowercase())
        && digits.len() == 2
        && digits.bytes().all(|b| b.is_ascii_digit());
    shaped.then(|| format!("{}-{digits}", letters.to_uppercase()))
}

fn page(rows: &[Row], found: &Found, root: &Path) -> String {
    let (taken_on, waiting): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.waits_for.is_none());
    let holds = |row: &&&Row| found.checks.contains_key(&row.id) && found.tests.contains_key(&row.id);
    let holding = taken_on.iter().filter(holds).count();
    let mut page = String::from(
        "# Conformance\n\nMade by `cargo xtask rows` from `specs/rows.toml`, the lines that check and the tests that prove, and from what \
         `cargo xtask conformance` saw last. Do not edit.\n\n",
    );
    page.push_str(&conformance::section(root));
    page.push_str("## Rows\n\n");
    let _ = writeln!(
        page,
        "{} of {} rows hold, {} wait.\n\n| row | class | says | checked in | proved by |\n| --- | --- | --- | --- | --- |",
        holding,
        taken_on.len(),
        waiting.len()
    );
    let none = BTreeSet::new();
    for row in taken_on {
        let checks = found.checks.get(&row.id).unwrap_or(&none);
        let tests = found.tests.get(&row.id).unwrap_or(&none);
        let _ = writeln!(page, "| {} | {} | {} | {} | {} |", row.id, row.class, row.says, code(checks), code(tests));
    }
    page.push_str("\n## Waiting\n\n| row | class | says | waits for |\n| --- | --- | --- | --- |\n");
    for row in waiting {
        let _ = writeln!(page, "| {} | {} | {} | {} |", row.id, row.class, row.says, row.waits_for.as_deref().unwrap_or_default());
    }
    page
}

fn code(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_check_and_its_test() {
        let problems = problems(&workspace::root());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn ids_are_found_where_they_stand_alone() {
        assert_eq!(ids_in("known(facts)?; // OA-14, RV-02"), ["OA-14", "RV-02"]);
        assert_eq!(ids_in("\"MD-05\""), ["MD-05"]);
        assert!(ids_in("SHA-256 XOA-14 OA-140 oa-14").is_empty());
    }

    #[test]
    fn a_test_names_its_row() {
        assert_eq!(id_of_test("oa_13_a_replay(site: Site)").as_deref(), Some("OA-13"));
        assert_eq!(id_of_test("a_replay_ends_the_family()"), None);
    }

    #[test]
    fn an_attribute_of_one_item_takes_nothing_else_with_it() {
        let mut found = Found::default();
        found.read_file("issuer/src/x.rs", "#[cfg(test)]\nmod fixtures;\nfn f() { g(); } // OA-02\n#[cfg(test)]\nmod tests {} // OA-04");
        assert_eq!(found.checks.keys().collect::<Vec<_>>(), ["OA-02"]);
    }

    #[test]
    fn a_comment_on_a_line_of_its_own_checks_nothing() {
        let mut found = Found::default();
        found.read_file(
            "issuer/src/x.rs",
            "// OA-01 is checked elsewhere\nfn f() {\n    g(); // OA-02\n}\n#[cfg(test)]\nmod tests { fn oa_03_x() {} // OA-04\n}",
        );
        assert_eq!(found.checks.keys().collect::<Vec<_>>(), ["OA-02"]);
        assert_eq!(found.tests.keys().collect::<Vec<_>>(), ["OA-03"]);
    }
}
