//! The response type is `code` (OAuth 2.1 §4.1.1), answered in the query. Tokens never travel through a browser's address.

use chancery_core::oauth::Code;

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

pub(in crate::authorize) fn is_code(arrival: &Arrival<'_>) -> Result<(), Refused> {
    match arrival.form.required("response_type")? {
        "code" => Ok(()),
        _ => Err(Refused::new(Code::UnsupportedResponseType, "the one response_type here is code")),
    }
}

pub(in crate::authorize) fn mode_is_query(arrival: &Arrival<'_>) -> Result<(), Refused> {
    match arrival.form.one("response_mode") {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refused::invalid_request("the one response_mode here is query")),
    }
}
