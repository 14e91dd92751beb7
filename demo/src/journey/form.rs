//! The one form of a page: enough of HTML for the pages of this house.

/// A form, with what would be posted by each of its buttons.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    pub action: String,
    pub hidden: Vec<(String, String)>,
    pub buttons: Vec<(String, String)>,
}

impl Form {
    pub fn find(html: &str) -> Option<Self> {
        let (tag, rest) = tags(html).find(|(tag, _)| tag.starts_with("form"))?;
        let inside = rest.split("</form>").next()?;
        let pairs = |kind: &'static str| {
            let found = tags(inside).filter(move |(tag, _)| tag.starts_with(kind));
            found.filter_map(|(tag, _)| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        };
        Some(Self { action: attribute(tag, "action")?, hidden: pairs("input").collect(), buttons: pairs("button").collect() })
    }

    /// What is posted when the button of this value is pressed.
    pub fn pressing(&self, value: &str) -> Option<Vec<(&str, &str)>> {
        let pressed = self.buttons.iter().find(|(_, of)| of == value)?;
        Some(self.hidden.iter().chain([pressed]).map(|(name, value)| (name.as_str(), value.as_str())).collect())
    }
}

/// Each tag without its brackets, and the text behind it.
fn tags(html: &str) -> impl Iterator<Item = (&str, &str)> {
    html.match_indices('<').filter_map(|(at, _)| html[at + 1..].split_once('>'))
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    Some(unescaped(value))
}

/// Named references for what must be escaped, and numeric ones.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').and_then(|(name, tail)| Some((character(name)?, tail))) {
            Some((character, tail)) => {
                out.push(character);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out + rest
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        numeric => {
            let digits = numeric.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_with_its_buttons() {
        let html = r#"<p>x</p><form method="post" action="/t/demo/consent?a=1&amp;b=2">
            <input type="hidden" name="page" value="a&#34;b&#x27;c&amp;d&e" autocomplete="off">
            <button class="primary" name="decision" value="approve">Allow</button>
            <button name="decision" value="deny">Deny</button></form><input name="outside" value="1">"#;
        let form = Form::find(html).unwrap();
        assert_eq!(form.action, "/t/demo/consent?a=1&b=2");
        assert_eq!(form.pressing("approve"), Some(vec![("page", "a\"b'c&d&e"), ("decision", "approve")]));
        assert_eq!(form.pressing("other"), None);
        assert_eq!(Form::find("<p>no form</p>"), None);
    }
}
