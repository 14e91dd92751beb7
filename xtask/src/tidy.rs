//! The house, checked: docs/house.md says which room may depend on which and which crate has one home; no file is longer than a page may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{links, workspace};

/// Over this many lines a file has two duties.
const WALL: usize = 500;

pub fn problems(root: &Path) -> Vec<String> {
    let house = House::read(root);
    let mut problems = Vec::new();
    let rooms = workspace::rooms(root);
    for room in &rooms {
        let manifest = workspace::manifest(&root.join(room).join("Cargo.toml"));
        let shipped = dependencies(&manifest, "dependencies");
        let in_tests = dependencies(&manifest, "dev-dependencies");
        problems.extend(house.wrong_arrows(room, &shipped));
        problems.extend(house.wrong_homes(room, &shipped));
        problems.extend(wrong_test_arrows(room, &rooms, &in_tests, &shipped));
    }
    problems.extend(long_files(root));
    problems.extend(vague_names(root));
    problems.extend(links::broken(root));
    problems
}

const VAGUE: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "manager"];

/// What docs/house.md allows.
struct House {
    arrows: BTreeMap<String, BTreeSet<String>>,
    homes: BTreeMap<String, String>,
}

impl House {
    fn read(root: &Path) -> Self {
        let page = workspace::read(&root.join("docs/house.md"));
        let arrows = rows_under(&page, "| room |").map(|cells| (cells[0].clone(), list(&cells[1]))).collect();
        let homes = rows_under(&page, "| crate |").map(|cells| (cells[0].clone(), cells[1].clone())).collect();
        Self { arrows, homes }
    }

    fn wrong_arrows(&self, room: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
        let Some(allowed) = self.arrows.get(room) else { return vec![format!("{room}: docs/house.md has no row for this room")] };
        let rooms = dependencies.iter().filter_map(|name| room_of(name));
        rooms.filter(|to| !allowed.contains(*to)).map(|to| format!("{room}: depends on {to}, which docs/house.md does not allow")).collect()
    }

    fn wrong_homes(&self, room: &str, dependencies: &BTreeSet<String>) -> Vec<String> {
        let away = |name: &&String| self.homes.get(*name).is_some_and(|home| home != room && !["testkit", "bench"].contains(&room));
        dependencies
            .iter()
            .filter(away)
            .map(|name| format!("{room}: names the crate {name}, which has its home in {}", self.homes[name]))
            .collect()
    }
}

/// Tests may look from outside by testkit and name rooms that lie lower than their own; nothing ships testkit.
fn wrong_test_arrows(room: &str, rooms: &[String], in_tests: &BTreeSet<String>, shipped: &BTreeSet<String>) -> Vec<String> {
    let height = |name: &str| rooms.iter().position(|room| room == name);
    let mut problems = Vec::new();
    if shipped.contains("chancery-testkit") {
        problems.push(format!("{room}: ships testkit; only tests may name it"));
    }
    let above = |to: &&str| *to != "testkit" && height(to) >= height(room);
    let wrong = in_tests.iter().filter_map(|name| room_of(name)).filter(above);
    problems.extend(wrong.map(|to| format!("{room}: its tests name {to}, a room above it; they go through testkit")));
    problems
}

fn long_files(root: &Path) -> Vec<String> {
    let length = |path: &Path| workspace::read(path).lines().count();
    let files = workspace::rooms(root).into_iter().flat_map(|room| workspace::files(&root.join(room), ".rs"));
    files
        .map(|path| (length(&path), path))
        .filter(|(lines, _)| *lines > WALL)
        .map(|(lines, path)| format!("{}: {lines} lines, the wall is {WALL}: two duties, or one long one?", path.display()))
        .collect()
}

/// Names that say nothing of what is inside.
fn vague_names(root: &Path) -> Vec<String> {
    let vague = |path: &Path| path.components().any(|part| VAGUE.contains(&part.as_os_str().to_string_lossy().trim_end_matches(".rs")));
    let files = workspace::rooms(root).into_iter().flat_map(|room| workspace::files(&root.join(room), ".rs"));
    files.filter(|path| vague(path)).map(|path| format!("{}: name it after what it owns", path.display())).collect()
}

fn dependencies(manifest: &toml::Table, section: &str) -> BTreeSet<String> {
    manifest.get(section).and_then(|section| section.as_table()).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

fn room_of(package: &str) -> Option<&str> {
    if package == "chancery" { Some(package) } else { package.strip_prefix("chancery-") }
}

/// The rows of the Markdown table whose heading starts so, as trimmed cells.
fn rows_under<'a>(page: &'a str, heading: &'a str) -> impl Iterator<Item = Vec<String>> + 'a {
    let table = page.lines().skip_while(move |line| !line.starts_with(heading)).skip(2);
    table
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
}

fn list(cell: &str) -> BTreeSet<String> {
    cell.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_as_its_page_says() {
        let problems = problems(&workspace::root());
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn an_arrow_the_page_does_not_have_is_refused() {
        let house = House::read(&workspace::root());
        let gateway_reads_the_store = BTreeSet::from(["chancery-store".to_owned()]);
        assert_eq!(house.wrong_arrows("gateway", &gateway_reads_the_store).len(), 1);
        let issuer_knows_a_provider = BTreeSet::from(["chancery-federation".to_owned()]);
        assert_eq!(house.wrong_arrows("issuer", &issuer_knows_a_provider).len(), 1);
        assert_eq!(house.wrong_arrows("a-room-nobody-drew", &BTreeSet::new()).len(), 1);
    }

    #[test]
    fn tests_may_name_lower_rooms_only() {
        let rooms = ["core", "crypto", "console"].map(str::to_owned);
        let crypto = BTreeSet::from(["chancery-crypto".to_owned()]);
        assert!(wrong_test_arrows("console", &rooms, &crypto, &BTreeSet::new()).is_empty());
        assert_eq!(wrong_test_arrows("core", &rooms, &crypto, &BTreeSet::new()).len(), 1);
    }

    #[test]
    fn a_crate_away_from_its_home_is_refused() {
        let house = House::read(&workspace::root());
        assert_eq!(house.wrong_homes("gateway", &BTreeSet::from(["rusqlite".to_owned()])).len(), 1);
        assert!(house.wrong_homes("store", &BTreeSet::from(["rusqlite".to_owned()])).is_empty());
    }
}
