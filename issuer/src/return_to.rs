//! Where an authorization request is answered: a redirect URI that was checked, and the client's state (OAuth 2.1 §4.1.2; RFC 9207).

use chancery_core::oauth::Error;
use chancery_core::{Issuer, Secret};
use serde::{Deserialize, Serialize};

use crate::redirect_uri::with_answer;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ReturnTo {
    pub uri: String,
    pub state: Option<String>,
}

impl ReturnTo {
    pub fn with_code(&self, code: &Secret<String>, issuer: &Issuer) -> String {
        self.with([("code", code.expose().as_str())], issuer)
    }

    pub fn with_error(&self, error: &Error, issuer: &Issuer) -> String {
        self.with([("error", error.code().as_str()), ("error_description", &error.description())], issuer)
    }

    /// Success or not, the answer says who answers: a client that asked two issuers must not mistake one for the other.
    fn with<'a>(&'a self, answer: impl IntoIterator<Item = (&'a str, &'a str)>, issuer: &'a Issuer) -> String {
        let state = self.state.as_deref().map(|state| ("state", state)); // OA-04
        with_answer(&self.uri, answer.into_iter().chain(state).chain([("iss", issuer.as_str())])) // IS-01
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> Issuer {
        Issuer::foreign("https://gw.example/t/acme")
    }

    #[test]
    fn is_01_success_and_error_carry_the_issuer_byte_for_byte() {
        let to = ReturnTo { uri: "https://app.example/cb".into(), state: Some("s t".into()) };
        assert_eq!(
            to.with_code(&Secret::new("c0de".into()), &issuer()),
            "https://app.example/cb?code=c0de&state=s+t&iss=https%3A%2F%2Fgw.example%2Ft%2Facme"
        );
        let error = to.with_error(&Error::access_denied("no"), &issuer());
        assert_eq!(
            error,
            "https://app.example/cb?error=access_denied&error_description=no&state=s+t&iss=https%3A%2F%2Fgw.example%2Ft%2Facme"
        );
    }

    #[test]
    fn oa_04_no_state_asked_none_answered() {
        let to = ReturnTo { uri: "http://127.0.0.1:1/cb?x=1".into(), state: None };
        assert_eq!(
            to.with_code(&Secret::new("c".into()), &issuer()),
            "http://127.0.0.1:1/cb?x=1&code=c&iss=https%3A%2F%2Fgw.example%2Ft%2Facme"
        );
    }
}
