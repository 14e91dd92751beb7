//! What a stranger calls itself, made fit to be shown to people: no character that hides, reorders or imitates others.

const LONGEST: usize = 80;

/// The name as it may be shown, if anything of it is left.
///
/// Control, format and bidirectional characters are left out. Where letters of a script that looks like Latin stand beside Latin ones, or
/// are other shapes of them, each shows as `?`: a name in one script stays as it is.
pub fn shown_name(asked: &str) -> Option<String> {
    let plain: String = asked.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    let mixed = plain.chars().any(|c| c.is_ascii_alphabetic()) && plain.chars().any(is_look_alike);
    let shown = plain.chars().map(|c| if is_other_shape(c) || (mixed && is_look_alike(c)) { '?' } else { c });
    let shown: String = shown.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
    let shown = shown.trim().to_owned();
    (!shown.is_empty()).then_some(shown)
}

/// Characters that cannot be seen, or that change where others are seen.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{10ffff}')
        || (c != ' ' && c.is_control())
}

/// Greek, Cyrillic, Armenian, Cherokee, Coptic, Lisu: their letters are taken for Latin ones.
fn is_look_alike(c: char) -> bool {
    matches!(c, '\u{370}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1c80}'..='\u{1c8f}' | '\u{1d00}'..='\u{1dbf}'
        | '\u{1f00}'..='\u{1fff}' | '\u{2c80}'..='\u{2cff}' | '\u{2de0}'..='\u{2dff}' | '\u{a4d0}'..='\u{a4ff}'
        | '\u{a640}'..='\u{a69f}' | '\u{ab70}'..='\u{abbf}')
}

/// Latin letters and digits in another dress: full width, mathematical, in circles.
fn is_other_shape(c: char) -> bool {
    matches!(c, '\u{2100}'..='\u{214f}' | '\u{2460}'..='\u{24ff}' | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}'
        | '\u{1f100}'..='\u{1f1ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_line_that_hides_nothing() {
        for (asked, shown) in [
            (" De\u{0}s\nk ", "Des k"),
            ("Clau\u{200b}de", "Claude"),
            ("gro.live\u{202e}txt.exe", "gro.livetxt.exe"),
            ("\u{2066}Desk\u{2069}", "Desk"),
            ("Bank of \u{e0041}Acme", "Bank of Acme"),
        ] {
            assert_eq!(shown_name(asked).as_deref(), Some(shown), "{asked:?}");
        }
        assert_eq!(shown_name("\u{7}\u{200b}"), None);
        assert_eq!(shown_name(&"a".repeat(500)).map(|name| name.len()), Some(LONGEST));
    }

    #[test]
    fn letters_that_imitate_others_show() {
        assert_eq!(shown_name("Cl\u{430}ude").as_deref(), Some("Cl?ude"));
        assert_eq!(shown_name("\u{1d402}laude").as_deref(), Some("?laude"));
        assert_eq!(shown_name("\u{ff23}laude").as_deref(), Some("?laude"));
        for honest in ["Блокнот", "Σημειώσεις", "メモ帳", "Éditeur Zürich", "مفكرة", "Notes 📓"] {
            assert_eq!(shown_name(honest).as_deref(), Some(honest));
        }
    }
}
