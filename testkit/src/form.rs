//! The forms of a page: enough HTML reading to press a button as a person would. It knows our pages and those of the identity providers
//! that tests use; it is no parser for anybody else's.

use bytes::Bytes;
use http::{Method, Request, header};
use url::Url;

use crate::Answer;
use crate::browser::{encoded, form_request, request};

/// A form with its fields as the page filled them in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Form {
    pub method: String,
    pub action: Url,
    pub fields: Vec<(String, String)>,
    /// Buttons that carry a name: pressing one adds its pair.
    pub buttons: Vec<(String, String)>,
}

impl Form {
    /// The forms of an answer's page, in order.
    pub fn all(page: &Answer) -> Vec<Self> {
        let html = page.text();
        html.split("<form").skip(1).filter_map(|rest| read(rest.split("</form").next()?, &page.url)).collect()
    }

    /// The only form, or the one that has a field or button of this name.
    ///
    /// # Panics
    /// When the page has none.
    pub fn with(page: &Answer, name: &str) -> Self {
        let has = |form: &Self| form.fields.iter().chain(&form.buttons).any(|(known, _)| known == name);
        let found = Self::all(page).into_iter().find(has);
        found.unwrap_or_else(|| panic!("no form with a field {name:?} at {} ({}):\n{}", page.url, page.status, page.text()))
    }

    /// Fills a field in, whether the page named it or not.
    pub fn fill(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Presses the button with this name and value.
    ///
    /// # Panics
    /// When the form has no such button.
    pub fn press(self, name: &str, value: &str) -> Self {
        let there = self.buttons.iter().any(|(n, v)| (n.as_str(), v.as_str()) == (name, value));
        assert!(there, "no button {name}={value} among {:?}", self.buttons);
        self.fill(name, value)
    }

    /// What a browser sends for it from this page.
    pub fn request(&self, page: &Url) -> Request<Bytes> {
        let pairs: Vec<(&str, &str)> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let (request, body) = if self.method == "GET" {
            let mut url = self.action.clone();
            url.query_pairs_mut().clear().extend_pairs(&pairs);
            (request(Method::GET, url.as_str()), Bytes::new())
        } else {
            let post = form_request(self.action.as_str()).header(header::ORIGIN, page.origin().ascii_serialization());
            (post, encoded(&pairs))
        };
        request.body(body).expect("a request")
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn read(html: &str, page: &Url) -> Option<Form> {
    let (head, body) = html.split_once('>')?;
    let action = attribute(head, "action").unwrap_or_default();
    let mut form = Form {
        method: attribute(head, "method").unwrap_or_else(|| "get".to_owned()).to_ascii_uppercase(),
        action: page.join(&action).ok()?,
        fields: Vec::new(),
        buttons: Vec::new(),
    };
    for tag in body.split('<').filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag)) {
        let Some(name) = attribute(tag, "name") else { continue };
        let value = attribute(tag, "value").unwrap_or_default();
        let kind = attribute(tag, "type").unwrap_or_default();
        let checked = !matches!(kind.as_str(), "checkbox" | "radio") || tag.contains(" checked");
        if tag.starts_with("button") || kind == "submit" {
            form.buttons.push((name, value));
        } else if tag.starts_with("input") && checked {
            form.fields.push((name, value));
        }
    }
    Some(form)
}

/// An attribute's value within a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.find(&format!(" {name}=")).or_else(|| tag.find(&format!("\n{name}=")))?;
    let value = &tag[at + name.len() + 2..];
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let text = match quote {
        Some(quote) => value[1..].split(quote).next()?,
        None => value.split([' ', '\n', '/']).next()?,
    };
    Some(unescape(text))
}

fn unescape(text: &str) -> String {
    let pairs = [("&quot;", "\""), ("&#34;", "\""), ("&#x22;", "\""), ("&#39;", "'"), ("&#x27;", "'"), ("&lt;", "<"), ("&#60;", "<")];
    let more = [("&gt;", ">"), ("&#62;", ">"), ("&#x2F;", "/"), ("&#38;", "&"), ("&amp;", "&")];
    pairs.into_iter().chain(more).fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_a_browser_would() {
        let page = Url::parse("http://127.0.0.1:1/t/demo/authorize?x=1").expect("a URL");
        let html = r#" method="post" action="/t/demo/consent">
            <input type="hidden" name="sealed" value="a&amp;b&quot;"><input type=checkbox name=all value=1>
            <button type="submit" name="decision" value="approve">Allow</button>"#;
        let form = read(html, &page).expect("a form");
        assert_eq!(form.action.as_str(), "http://127.0.0.1:1/t/demo/consent");
        assert_eq!(form.method, "POST");
        assert_eq!(form.fields, [("sealed".to_owned(), "a&b\"".to_owned())]);
        assert_eq!(form.press("decision", "approve").field("decision"), Some("approve"));
    }
}
