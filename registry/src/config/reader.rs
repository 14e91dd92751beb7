//! Reading the tree: a [`Section`] hands out the values of a mapping by key and refuses the keys that nobody asked for; a [`Cursor`]
//! stands at one value and turns it into what it should be, or says what is wrong with it.
//!
//! Every reading function gives `None` for a value that it has complained about, and goes on with the next.

use super::nearest::nearest;
use super::problem::{Complaint, Place, Problems};
use super::yaml::{Key, Node, Value};

/// One value, and the way to it.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    pub place: Place,
    file: &'a str,
    node: &'a Node,
    problems: &'a Problems,
    /// How a right line looks.
    example: &'static str,
}

/// One key of a mapping: the file it stands in, its name, its value.
pub(super) type Entry<'a> = (&'a str, &'a Key, &'a Node);

/// A mapping whose keys are known.
pub(super) struct Section<'a> {
    pub place: Place,
    entries: Vec<Entry<'a>>,
    problems: &'a Problems,
    asked: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(place: Place, entries: Vec<Entry<'a>>, problems: &'a Problems) -> Self {
        Self { place, entries, problems, asked: Vec::new() }
    }

    /// Reads a mapping whole: what `read` does not ask for is refused.
    pub(super) fn read<T>(mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let value = read(&mut self);
        #[cfg(test)]
        self.problems.note(&self.place, &self.asked);
        self.refuse_unknown();
        value
    }

    /// The value of a key that must be there. `example` is a whole line that would be right.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &'static str,
        read: impl FnOnce(&Cursor<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.find(key, example) {
            Some(cursor) => read(&cursor),
            None => {
                self.problems.add(&self.place_of(key), Complaint::new("this key is missing", format!("add it, such as `{example}`")));
                None
            }
        }
    }

    /// The value of a key that may be left out: `Some(None)` then.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        example: &'static str,
        read: impl FnOnce(&Cursor<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.find(key, example) {
            Some(cursor) => read(&cursor).map(Some),
            None => Some(None),
        }
    }

    /// The items of a list, which may be left out, and may stand in several files at the top.
    pub(super) fn items(&mut self, key: &'static str, example: &'static str) -> Vec<Cursor<'a>> {
        self.all(key, example).iter().filter_map(Cursor::list).flatten().collect()
    }

    /// The values of a key that may stand in each of several files.
    pub(super) fn all(&mut self, key: &'static str, example: &'static str) -> Vec<Cursor<'a>> {
        self.asked.push(key);
        self.entries.iter().filter(|(_, found, _)| found.name == key).map(|entry| self.cursor(entry, example)).collect()
    }

    /// Complains of a key, or of its absence.
    pub(super) fn complain(&self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(&self.place_of(key), Complaint::new(what, remedy));
    }

    fn find(&mut self, key: &'static str, example: &'static str) -> Option<Cursor<'a>> {
        let mut found = self.all(key, example).into_iter();
        let first = found.next()?;
        for again in found {
            let what = format!("this key stands in {}:{} already", first.place.file, first.place.line);
            again.complain(what, "leave one of the two out; only lists may be spread over files");
        }
        Some(first)
    }

    fn cursor(&self, (file, key, node): &Entry<'a>, example: &'static str) -> Cursor<'a> {
        let at = if matches!(node.value, Value::Nothing) { key.at } else { node.at };
        Cursor { place: Place::new(file, at, self.path(&key.name)), file, node, problems: self.problems, example }
    }

    fn refuse_unknown(&self) {
        for (file, key, _) in self.entries.iter().filter(|(_, key, _)| !self.asked.contains(&&*key.name)) {
            let remedy = match nearest(&key.name, &self.asked) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known here: {}", self.asked.join(", ")),
            };
            self.problems.add(&Place::new(file, key.at, self.path(&key.name)), Complaint::new("this key is not known", remedy));
        }
    }

    /// Where a key that is not there is missing from.
    pub(super) fn place_of(&self, key: &str) -> Place {
        Place { key: self.path(key), ..self.place.clone() }
    }

    fn path(&self, key: &str) -> String {
        if self.place.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place.key) }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn complain(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.problems.add(&self.place, Complaint::new(what, remedy));
    }

    /// Not empty, and trimmed.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim()),
            Value::Text(_) => self.expected("text", Value::Nothing.kind()),
            other => self.expected("text", other.kind()),
        }
    }

    /// Text as it stands, line breaks and all.
    pub(super) fn long_text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            other => self.expected("text", other.kind()),
        }
    }

    /// Text of a certain form.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, Complaint>) -> Option<T> {
        parse(self.text()?).map_err(|complaint| self.problems.add(&self.place, complaint)).ok()
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match &self.node.value {
            Value::Bool(flag) => Some(*flag),
            other => self.expected("true or false", other.kind()),
        }
    }

    /// A whole number from 1 to `most`.
    pub(super) fn number(&self, most: u32) -> Option<u32> {
        let Value::Number(number) = &self.node.value else { return self.expected("a number", self.node.value.kind()) };
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=most).contains(number));
        if number.is_none() {
            self.complain("this number cannot be used here", format!("write a whole one from 1 to {most}"));
        }
        number
    }

    pub(super) fn list(&self) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else { return self.expected("a list", self.node.value.kind()) };
        let item = |(at, node): (usize, &'a Node)| self.below(node, format!("{}[{at}]", self.place.key));
        Some(items.iter().enumerate().map(item).collect())
    }

    /// A mapping whose keys are names of the writer's own.
    pub(super) fn entries(&self) -> Option<Vec<(&'a str, Self)>> {
        let Value::Map(entries) = &self.node.value else { return self.expected("a mapping", self.node.value.kind()) };
        Some(entries.iter().map(|(key, node)| (&*key.name, self.below(node, format!("{}.{}", self.place.key, key.name)))).collect())
    }

    /// A mapping whose keys are known.
    pub(super) fn section<T>(&self, read: impl FnOnce(&mut Section<'a>) -> Option<T>) -> Option<T> {
        let Value::Map(entries) = &self.node.value else { return self.expected("a mapping", self.node.value.kind()) };
        let entries = entries.iter().map(|(key, node)| (self.file, key, node)).collect();
        Section::new(self.place.clone(), entries, self.problems).read(read)
    }

    fn below(&self, node: &'a Node, key: String) -> Self {
        Self { place: Place::new(self.file, node.at, key), node, ..self.clone() }
    }

    fn expected<T>(&self, expected: &str, found: &str) -> Option<T> {
        let what = if found == Value::Nothing.kind() {
            "a value is missing here".to_owned()
        } else {
            format!("{expected} is expected here, not {found}")
        };
        let quotes = if expected == "text" { ", in quotes if need be" } else { "" };
        self.complain(what, format!("write it like `{}`{quotes}", self.example));
        None
    }
}
