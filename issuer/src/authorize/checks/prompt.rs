//! How the person may be asked (OpenID Connect Core §3.1.2.1, `prompt` and `max_age`).

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

/// What the client said about asking.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::authorize) struct Prompt {
    /// Nobody may be asked anything.
    pub silent: bool,
    /// The person must sign in again, whatever session there is. A limited age means that as well: how old the provider's own
    /// session is, only the provider knows.
    pub fresh: bool,
    /// The person must be asked again, whatever they allowed before.
    pub ask: bool,
}

/// Values that we do not know are none of ours to act on.
pub(in crate::authorize) fn read(arrival: &Arrival<'_>) -> Result<Prompt, Refused> {
    let values: Vec<_> = arrival.form.one("prompt").unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
    let silent = values.contains(&"none");
    if silent && values.len() > 1 {
        return Err(Refused::invalid_request("prompt=none stands alone or not at all"));
    }
    let aged = match arrival.form.one("max_age").map(str::parse::<u32>) {
        Some(Err(_)) => return Err(Refused::invalid_request("max_age is a number of seconds")),
        Some(Ok(_)) => true,
        None => false,
    };
    let again = values.iter().any(|value| matches!(*value, "login" | "select_account"));
    Ok(Prompt { silent, fresh: again || aged, ask: values.contains(&"consent") })
}
