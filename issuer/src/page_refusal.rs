//! A refusal that a person reads on our own page, since nobody may be redirected (OA-01, OA-02) or nobody would understand.

use chancery_audit::Draft;
use chancery_core::Event;

pub(crate) struct PageRefusal {
    /// What happened, in one sentence.
    pub title: &'static str,
    /// Why, and what was seen against what was expected. What stands between backticks shows as code.
    pub text: String,
    /// What to do.
    pub remedy: &'static str,
    pub row: &'static str,
    /// Our word for it in counts.
    pub reason: &'static str,
    pub draft: Box<Draft>,
}

impl PageRefusal {
    pub fn new(reason: &'static str, title: &'static str, text: impl Into<String>, remedy: &'static str) -> Self {
        Self { title, text: text.into(), remedy, row: "", reason, draft: Box::default() }
    }

    pub fn by_row(mut self, row: &'static str) -> Self {
        self.row = row;
        self
    }

    pub fn recording(mut self, event: Event) -> Self {
        self.draft.events.push(event);
        self
    }
}

/// What a peer sent, as a page may quote it: one line, cut, and unable to end the code span that it stands in.
pub(crate) fn quoted(peer: &str) -> String {
    const MOST: usize = 300;
    let shown = |c: char| if c.is_ascii_graphic() && c != '`' { c } else { '\u{FFFD}' };
    let mut text: String = peer.chars().take(MOST).map(shown).collect();
    if peer.chars().nth(MOST).is_some() {
        text.push('…');
    }
    format!("`{text}`")
}

#[cfg(test)]
impl std::fmt::Debug for PageRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.reason, self.row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oa_02_what_is_quoted_stays_in_its_quotes() {
        assert_eq!(quoted("https://a.example/cb"), "`https://a.example/cb`");
        assert_eq!(quoted("x`\nCall us"), "`x\u{FFFD}\u{FFFD}Call\u{FFFD}us`");
        assert_eq!(quoted(&"a".repeat(301)).chars().count(), 303);
    }
}
