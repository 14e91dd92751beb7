//! One file a table: the row as a struct, its statements, and functions that give writes or read rows. Tenant leads every key.

pub mod approvals;
pub mod clients;
pub mod codes;
pub mod consumed;
pub mod ended;
pub mod enrolments;
pub mod events;
pub mod families;
pub mod grants;
pub mod keys;
pub mod logged_out;
pub mod logouts;
pub mod objects;
pub mod registration_tokens;
pub mod sessions;
pub mod sign_ins;
pub mod subjects;
pub mod tenants;
pub mod vouchers;

/// A closed set of words in a text column.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name { $($(#[$what])* $variant),* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::repo::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word).ok_or($crate::repo::UnknownWord)
            }
        }

        impl From<$name> for crate::Value {
            fn from(word: $name) -> Self {
                Self::Text(word.as_str().to_owned())
            }
        }
    };
}
pub(crate) use words;

/// A word this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a word of this column")]
pub struct UnknownWord;

/// The pattern of a `LIKE … ESCAPE '\\'` that finds this text within a JSON string, wherever it stands.
fn anywhere(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let mut pattern = String::from("%");
    for c in json.trim_matches('"').chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::anywhere;

    #[test]
    fn a_pattern_finds_what_was_written_and_nothing_like_it() {
        assert_eq!(anywhere("alice"), "%alice%");
        assert_eq!(anywhere("a_b%c"), r"%a\_b\%c%");
        assert_eq!(anywhere("a\"b"), r#"%a\\"b%"#);
    }
}
