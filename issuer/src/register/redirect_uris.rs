//! The redirect URIs that a client may register by itself (OAuth 2.1 §2.3; RFC 8252 §7; DR-02).
//!
//! One that could carry a code to somebody else, or run as script, refuses the whole registration: who asks for that is not to be had
//! halfway. One that merely is not offered here, such as an app's own scheme that we do not know, is left out of what is registered, if
//! another remains: editors register several at once.

use chancery_core::oauth::Code;
use chancery_core::pages::quoted;
use chancery_registry::{Registrable, registrable_uri};

use crate::refusal::Refused;

const MOST: usize = 8;

/// Those that are registered; at least one.
pub(super) fn registrable(asked: &[String]) -> Result<Vec<String>, Refused> {
    if asked.len() > MOST {
        return Err(refused(format!("{MOST} redirect_uris are the most that one client may have")));
    }
    let mut kept = Vec::new();
    for uri in asked {
        match registrable_uri(uri) {
            Registrable::Yes => kept.push(uri.clone()),
            Registrable::NotOffered => {}
            Registrable::Dangerous(why) => return Err(refused(format!("{} {why}", quoted(uri)))),
        }
    }
    if kept.is_empty() {
        return Err(refused("redirect_uris has none that is offered here; use https, or http on 127.0.0.1, [::1] or localhost".into()));
    }
    Ok(kept)
}

fn refused(description: String) -> Refused {
    Refused::new(Code::InvalidRedirectUri, description).by_row("DR-02")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(asked: &[&str]) -> Result<Vec<String>, Refused> {
        registrable(&asked.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn dr_02_dangerous_addresses_are_refused() {
        for bad in [
            "http://app.example/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.9.9.9/cb",
            "javascript:alert(1)",
            "javascript://app.example/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "https://app.example/cb#x",
            "https://app.example/cb#",
            "https://*.app.example/cb",
            "https://user@app.example/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback#x",
            "https://app.example/a b",
            "https://app.example/\n",
            "https://app.éxample/",
            "https://10.1.2.3/cb",
            "https://[fd00::1]/cb",
            "/cb",
            "",
        ] {
            let refused = registered(&["https://app.example/cb", bad]).expect_err(bad);
            assert_eq!(refused.error().code(), Code::InvalidRedirectUri, "{bad}");
        }
    }

    #[test]
    fn dr_02_addresses_of_browsers_apps_and_this_computer_are_registered() {
        for good in [
            "https://app.example/cb?x=1",
            "http://127.0.0.1/cb",
            "http://localhost:33418/",
            "http://[::1]:1/cb",
            "com.example.app:/cb",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert_eq!(registered(&[good]).expect(good), [good]);
        }
    }

    #[test]
    fn dr_02_an_unknown_apps_scheme_is_left_out_if_another_address_remains() {
        let asked = ["editor://x/cb", "http://localhost:8787/callback"];
        assert_eq!(registered(&asked).expect("one remains"), ["http://localhost:8787/callback"]);
        assert!(registered(&["editor://x/cb"]).is_err());
        assert!(registered(&[]).is_err());
    }

    #[test]
    fn dr_02_a_stranger_has_eight_addresses_of_512_characters_at_most() {
        let numbered = |many: usize| (0..many).map(|at| format!("https://app.example/{at}")).collect::<Vec<_>>();
        assert_eq!(registrable(&numbered(8)).expect("eight").len(), 8);
        assert!(registrable(&numbered(9)).is_err());
        let long = |length: usize| format!("https://app.example/{}", "a".repeat(length - 20));
        assert!(registered(&[&long(512)]).is_ok());
        assert!(registered(&[&long(513)]).is_err());
    }
}
