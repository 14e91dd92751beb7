//! A tenant's Cedar policies: those under `policies` and those in `.cedar` files make one set.

use std::collections::BTreeSet;

use chancery_core::Slug;
use chancery_policy::{PolicyError, PolicySet};

use super::declared::Declared;
use super::nearest::nearest;
use super::problem::{Complaint, Place, Problems};
use super::reader::Section;
use super::yaml::At;
use crate::definition::{Definition, PolicyDefinition};

/// One text of policies; the place is that of its first line.
struct Source<'a> {
    at: Place,
    text: &'a str,
}

impl<'a> Source<'a> {
    /// YAML says where the first line with something on it stands, and leaves the empty ones before it in the text.
    fn new(at: &Place, text: &'a str) -> Option<Self> {
        let written = text.trim_start_matches('\n');
        let skipped = if is_cedar(&at.file) { text.len() - written.len() } else { 0 };
        let text = written.trim_end();
        (!text.is_empty()).then(|| Self { at: Place { line: at.line + skipped, ..at.clone() }, text })
    }
}

/// What policies may name.
#[derive(Default)]
pub(super) struct Known {
    pub resources: BTreeSet<Slug>,
    pub agents: BTreeSet<Slug>,
}

pub(super) fn policies<'a>(
    section: &mut Section<'a>,
    files: &'a [(String, String)],
    known: &Known,
    problems: &Problems,
) -> Option<Declared> {
    let written = section.all("policies", "policies: |");
    let mut sources: Vec<_> = written.iter().filter_map(|cursor| Source::new(&cursor.place, cursor.long_text()?)).collect();
    let cedar = files.iter().filter(|(name, _)| is_cedar(name));
    sources.extend(cedar.filter_map(|(name, text)| Source::new(&Place::new(name, At::START, String::new()), text)));
    let first = sources.first()?.at.clone();

    let text = sources.iter().map(|source| source.text).collect::<Vec<_>>().join("\n");
    match PolicySet::parse(&text) {
        Ok(set) => strangers(&set, known, &sources, problems),
        Err(errors) => errors.into_iter().for_each(|error| problems.add(&place(&sources, error.line), complaint(error))),
    }
    let name = "policies".parse().expect("a name");
    Some(Declared::new(name, Definition::Policy(PolicyDefinition { text }), first))
}

pub(super) fn is_cedar(file: &str) -> bool {
    file.ends_with(".cedar")
}

/// A `forbid` about a resource that is not there forbids nothing, and nobody would notice.
fn strangers(set: &PolicySet, known: &Known, sources: &[Source<'_>], problems: &Problems) {
    let kinds = [("Resource", set.resources_named(), &known.resources), ("Agent", set.agents_named(), &known.agents)];
    for (kind, named, known) in kinds {
        let known: Vec<_> = known.iter().map(Slug::as_str).collect();
        for name in named.iter().filter(|name| !known.contains(&name.as_str())) {
            let remedy = match nearest(name, &known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("correct the name, or add it; there are: {}", known.join(", ")),
            };
            let what = format!("this policy is about the {} `{name}`, which is not there", kind.to_lowercase());
            problems.add(&mention(sources, &format!("{kind}::\"{name}\"")), Complaint::new(what, remedy));
        }
    }
}

fn complaint(error: PolicyError) -> Complaint {
    Complaint::new(error.message, error.remedy.unwrap_or_else(|| "see https://docs.cedarpolicy.com for what a policy may say".to_owned()))
}

/// Where a line of the joined text stands.
fn place(sources: &[Source<'_>], mut line: usize) -> Place {
    for source in sources {
        let lines = source.text.split('\n').count();
        if line <= lines {
            return Place { line: source.at.line + line - 1, ..source.at.clone() };
        }
        line -= lines;
    }
    sources[0].at.clone()
}

fn mention(sources: &[Source<'_>], words: &str) -> Place {
    let found = sources.iter().find_map(|source| source.text.find(words).map(|at| (source, source.text[..at].matches('\n').count())));
    found.map_or_else(|| sources[0].at.clone(), |(source, lines)| Place { line: source.at.line + lines, ..source.at.clone() })
}
