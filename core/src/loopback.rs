//! Loopback: addresses at which only this computer listens, in the three spellings that clients use and no other (RFC 8252 §7.3, §8.3).
//! One definition for all rooms, or an address would be trusted by one and not recognised by the next.

/// A URL's host, as it is written there.
const HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

/// Whether a URL's host is this computer.
pub fn is_loopback(host: &str) -> bool {
    HOSTS.contains(&host)
}

/// A loopback address over http: its host, and all that follows the port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loopback<'a> {
    host: &'a str,
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    /// Cuts the text as it is written. Nothing is parsed and printed again: two parsers that disagree about a URL are how answers go
    /// astray.
    pub fn of(url: &'a str) -> Option<Self> {
        let authority = url.strip_prefix("http://")?;
        let host = HOSTS.into_iter().find(|host| authority.starts_with(host))?;
        let rest = without_port(&authority[host.len()..])?;
        Some(Self { host, rest })
    }
}

/// What follows an optional port. Nothing, if it is neither path nor query: `localhost.evil.example`, `127.0.0.1:80@evil.example`.
fn without_port(text: &str) -> Option<&str> {
    let rest = match text.strip_prefix(':') {
        Some(port) => {
            let digits = port.bytes().take_while(u8::is_ascii_digit).count();
            port[..digits].parse::<u16>().ok()?;
            &port[digits..]
        }
        None => text,
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_three_names() {
        assert!(["127.0.0.1", "[::1]", "localhost"].into_iter().all(is_loopback));
        assert!(!["127.0.0.2", "127.1", "::1", "LOCALHOST", "localhost.", "localhost.evil.example", ""].into_iter().any(is_loopback));
    }

    #[test]
    fn oa_03_two_addresses_are_one_but_for_the_port() {
        assert_eq!(Loopback::of("http://localhost:1/cb?x"), Loopback::of("http://localhost/cb?x"));
        assert_ne!(Loopback::of("http://localhost/cb"), Loopback::of("http://127.0.0.1/cb"));
        for other in
            ["https://localhost/", "http://127.1/", "http://localhost:/", "http://localhost:65536/", "http://127.0.0.1:80@evil.example/"]
        {
            assert_eq!(Loopback::of(other), None, "{other}");
        }
    }
}
