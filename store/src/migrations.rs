//! The schema and how it gets there: numbered files, run once each by refinery, with the few words that differ by database filled in.

use refinery::error::Kind;
use refinery::{Migration, Runner};

use crate::StoreError;

/// Every migration, oldest first. One that was released is never changed.
const MIGRATIONS: &[(&str, &str)] =
    &[("V1__spine", include_str!("../migrations/V1__spine.sql")), ("V2__logged_out", include_str!("../migrations/V2__logged_out.sql"))];

/// What the words in braces mean to one database.
pub(crate) struct Dialect(&'static [(&'static str, &'static str)]);

/// Rows lie in their primary key's order; types are enforced.
pub(crate) const SQLITE: Dialect = Dialect(&[
    ("{text}", "TEXT"),
    ("{int}", "INTEGER"),
    ("{blob}", "BLOB"),
    ("{sequence}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
    ("{now}", "(CAST(unixepoch('subsec') * 1000 AS INTEGER))"),
    ("{clustered}", " STRICT, WITHOUT ROWID"),
    ("{plain}", " STRICT"),
]);

/// Text is ordered by its bytes, as in SQLite, whatever the server's locale.
pub(crate) const POSTGRES: Dialect = Dialect(&[
    ("{text}", "TEXT COLLATE \"C\""),
    ("{int}", "BIGINT"),
    ("{blob}", "BYTEA"),
    ("{sequence}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    ("{now}", "(CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT))"),
    ("{clustered}", ""),
    ("{plain}", ""),
]);

impl Dialect {
    pub(crate) fn runner(&self) -> Runner {
        let migrations: Vec<Migration> = MIGRATIONS
            .iter()
            .map(|(name, template)| Migration::unapplied(name, &self.fill(template)).expect("migrations are named as refinery wants"))
            .collect();
        Runner::new(&migrations)
    }

    fn fill(&self, template: &str) -> String {
        self.0.iter().fold(template.to_owned(), |sql, (word, meaning)| sql.replace(word, meaning))
    }
}

/// What to say when the schema could not be brought up to date.
pub(crate) fn failed(what: &str, error: &refinery::Error) -> StoreError {
    let what = format!("{what} cannot be brought up to date");
    match error.kind() {
        Kind::MissingVersion(migration) => StoreError::opening(
            what,
            format!("a newer Chancery has written it ({migration})"),
            "Run that version or a newer one; an older one would not understand its rows",
        ),
        Kind::DivergentVersion(applied, _) => StoreError::opening(
            what,
            format!("its {applied} is not the one that this Chancery knows"),
            "It was made by a development version or changed by hand: use another database, or restore a backup",
        ),
        _ => {
            let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
            StoreError::opening(what, why, "The database user must own the schema, with the right to create tables")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_in_braces_is_left() {
        for dialect in [SQLITE, POSTGRES] {
            for (name, template) in MIGRATIONS {
                let sql = dialect.fill(template);
                assert!(!sql.lines().filter(|line| !line.starts_with("--")).any(|line| line.contains('{')), "{name}");
            }
        }
    }
}
