//! The browser's cookies (RFC 6265 §5), of the one host that the demo has.

use std::collections::BTreeMap;

use http::header::{COOKIE, SET_COOKIE};

use super::ask::{Answer, Ask};

/// By name: value and path.
#[derive(Default)]
pub struct Jar(BTreeMap<String, (String, String)>);

impl Jar {
    /// The request with the cookies that belong on it.
    pub fn on(&self, ask: Ask) -> Ask {
        let all = self.0.iter().filter(|(_, (_, under))| lies_under(ask.to.path(), under));
        let all: Vec<String> = all.map(|(name, (value, _))| format!("{name}={value}")).collect();
        if all.is_empty() { ask } else { ask.with(COOKIE, all.join("; ")) }
    }

    pub fn learn(&mut self, answer: &Answer) {
        for set in answer.headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            self.set(set);
        }
    }

    fn set(&mut self, set: &str) {
        let mut parts = set.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: BTreeMap<String, &str> =
            parts.filter_map(|part| part.split_once('=')).map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        if attributes.get("max-age") == Some(&"0") {
            self.0.remove(name);
        } else {
            let path = attributes.get("path").unwrap_or(&"/");
            self.0.insert(name.to_owned(), (value.to_owned(), (*path).to_owned()));
        }
    }
}

fn lies_under(path: &str, under: &str) -> bool {
    path.strip_prefix(under).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || under.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_where_they_belong_until_they_are_taken_back() {
        let mut jar = Jar::default();
        jar.set("a=1; Path=/t/demo; HttpOnly; SameSite=Lax");
        jar.set("b=2=3; Path=/");
        let sent = |jar: &Jar, path: &str| {
            let ask = jar.on(Ask::get("x", &format!("http://127.0.0.1{path}")).unwrap());
            ask.headers.first().map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(sent(&jar, "/t/demo/consent"), "a=1; b=2=3");
        assert_eq!(sent(&jar, "/t/demonic"), "b=2=3");
        jar.set("b=; Max-Age=0");
        assert_eq!(sent(&jar, "/other"), "");
    }
}
