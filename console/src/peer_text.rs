//! Text that a peer may have written, made safe to read. The template escapes it; here it loses what cannot be seen: controls,
//! marks that turn the direction of what follows, characters of no width (Unicode TR 36).

/// A stretch of text, as code or plain.
pub(crate) struct Span {
    pub(crate) code: bool,
    pub(crate) text: String,
}

pub(crate) type Paragraph = Vec<Span>;

/// One line of at most `most` characters. What cannot be seen shows as `�`, so that two names which differ also look different.
pub(crate) fn line(text: &str, most: usize) -> String {
    let mut seen = text.trim().chars().map(|c| if unseen(c) { '\u{FFFD}' } else { c });
    let mut out: String = seen.by_ref().take(most).collect();
    if seen.next().is_some() {
        out.push('…');
    }
    out
}

/// A paragraph for each line; what stands between backticks is code.
pub(crate) fn paragraphs(text: &str) -> Vec<Paragraph> {
    text.lines().map(|one| line(one, 2000)).filter(|one| !one.is_empty()).map(|one| spans(&one)).collect()
}

fn spans(text: &str) -> Paragraph {
    text.split('`').enumerate().map(|(at, part)| Span { code: at % 2 == 1, text: part.to_owned() }).collect()
}

fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oa_22_what_cannot_be_seen_is_shown() {
        assert_eq!(line(" Desk\n", 60), "Desk");
        assert_eq!(line("pay\u{200b}pal", 60), "pay\u{FFFD}pal");
        assert_eq!(line("\u{202e}knab", 60), "\u{FFFD}knab");
        assert_eq!(line("Zażółć 銀行 👋", 60), "Zażółć 銀行 👋");
    }

    #[test]
    fn oa_22_a_long_name_is_cut_where_it_shows() {
        assert_eq!(line("abcdef", 3), "abc…");
        assert_eq!(line("abc", 3), "abc");
    }
}
