//! A stranger's words in a file of the operator's: quoted so that they are what they are and nothing else, or shown so that nothing hides.

use chancery_registry::shown_name;

/// A string in double quotes, which YAML and its readers take for these characters and no others. All of it is visible ASCII: what is not
/// is spelled out, so that nothing ends a line, turns it around, or looks like something else.
pub fn quoted(text: &str) -> String {
    let spelled = |character: char| match character {
        '"' | '\\' => format!("\\{character}"),
        ' '..='~' => character.to_string(),
        '\0'..='\u{ffff}' => format!("\\u{:04X}", u32::from(character)),
        _ => format!("\\U{:08X}", u32::from(character)),
    };
    format!("\"{}\"", text.chars().map(spelled).collect::<String>())
}

/// One line of at most 80 characters with nothing in it that cannot be seen; for comments and messages.
pub fn shown(text: &str) -> Option<String> {
    let beginning: String = text.chars().take(4_096).collect();
    shown_name(&beginning).map(|text| text.replace('"', "'"))
}

/// A message of a library's in which a peer may have had its say, whole.
pub fn plain(text: &str) -> String {
    text.chars().map(|character| if (' '..='~').contains(&character) { character } else { '?' }).collect()
}

/// JSON whose strings hold nothing but ASCII.
pub fn ascii(json: &str) -> String {
    let spelled = |character: char| match character {
        '\0'..='~' => character.to_string(),
        _ => character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    json.chars().map(spelled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_visible_ascii() {
        assert_eq!(quoted("a\"b\\c\n\u{85}\u{202e}\u{1f4d3}~\u{7f}"), r#""a\"b\\c\u000A\u0085\u202E\U0001F4D3~\u007F""#);
        assert_eq!(ascii("\"\u{202e}\u{1f4d3}\""), r#""\u202e\ud83d\udcd3""#);
    }

    #[test]
    fn what_is_shown_is_one_line_that_closes_no_quotes() {
        assert_eq!(shown(" Reads\r\n\u{2028}a \u{202e}\"balance\" \u{7}").as_deref(), Some("Reads a 'balance'"));
        assert_eq!(shown("\n\u{200b}"), None);
        assert!(shown(&"x".repeat(100_000)).is_some_and(|text| text.len() == 80));
    }
}
