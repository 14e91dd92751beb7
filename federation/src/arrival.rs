//! What a browser brings back from the provider (OpenID Connect Core §3.1.2.5 and §3.1.2.6), parsed once. Nothing of it is believed yet.

use chancery_crypto::digest::sha256;

use crate::refused::Refused;

/// The authorization response.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Arrival {
    pub state: Option<String>,
    pub code: Option<String>,
    pub iss: Option<String>,
    pub error: Option<String>,
    pub error_description: Option<String>,
}

impl Arrival {
    /// A parameter that comes twice is refused; an empty one counts as absent; unknown ones are passed over.
    pub fn parse(query: &str) -> Result<Self, Refused> {
        let mut arrival = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(place) = arrival.place(&name) else { continue };
            if place.is_some() {
                return Err(twice()); // OA-06
            }
            *place = Some(value.into_owned());
        }
        for name in NAMES {
            if let Some(place) = arrival.place(name) {
                *place = place.take().filter(|value| !value.is_empty());
            }
        }
        Ok(arrival)
    }

    /// The key of the sign-in's row: `state` itself is stored nowhere.
    pub fn row(&self) -> Option<[u8; 32]> {
        self.state.as_ref().map(|state| sha256(state.as_bytes()))
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "state" => Some(&mut self.state),
            "code" => Some(&mut self.code),
            "iss" => Some(&mut self.iss),
            "error" => Some(&mut self.error),
            "error_description" => Some(&mut self.error_description),
            _ => None,
        }
    }
}

const NAMES: [&str; 5] = ["state", "code", "iss", "error", "error_description"];

fn twice() -> Refused {
    let text = "The address you came back with says the same thing twice, so it cannot be told which is meant.";
    Refused::new("parameter twice", "The answer of the sign-in service is ambiguous.", text).by("OA-06")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once() {
        let arrival = Arrival::parse("code=a%2Bb&state=s&iss=https%3A%2F%2Fidp.example&session_state=x").expect("well formed");
        let expected =
            Arrival { state: Some("s".into()), code: Some("a+b".into()), iss: Some("https://idp.example".into()), ..Default::default() };
        assert_eq!(arrival, expected);
    }

    #[test]
    fn oa_06_a_parameter_may_not_come_twice_and_an_empty_one_is_absent() {
        for query in ["code=a&code=a", "state=a&code=b&state=", "iss=&iss=https://idp.example"] {
            assert_eq!(Arrival::parse(query).expect_err(query).row, "OA-06");
        }
        assert_eq!(Arrival::parse("state=&code=").expect("well formed"), Arrival::default());
        assert!(Arrival::parse("session_state=a&session_state=b").is_ok());
    }
}
