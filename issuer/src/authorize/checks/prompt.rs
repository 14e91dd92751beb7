//! How the person may be asked (OpenID Connect Core §3.1.2.1, `prompt`, `max_age` and `acr_values`).

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

/// What the client said about asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::authorize) struct Prompt {
    /// Nobody may be asked anything.
    pub silent: bool,
    /// The person must sign in again, whatever session there is.
    pub fresh: bool,
    /// They may want to be somebody else than the session says.
    pub select: bool,
    /// The person must be asked again, whatever they allowed before.
    pub ask: bool,
    /// Or have signed in no longer ago than this, in seconds.
    pub max_age: Option<u32>,
    /// By one of these means, if it can be.
    pub acr_values: Option<String>,
}

/// They travel in the sealed page and to the provider.
const MOST: usize = 512;

/// Values that we do not know are none of ours to act on.
pub(in crate::authorize) fn read(arrival: &Arrival<'_>) -> Result<Prompt, Refused> {
    let values: Vec<_> = arrival.form.one("prompt").unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
    let silent = values.contains(&"none");
    if silent && values.len() > 1 {
        return Err(Refused::invalid_request("prompt=none stands alone or not at all"));
    }
    let max_age = arrival.form.one("max_age").map(str::parse::<u32>).transpose();
    let max_age = max_age.map_err(|_| Refused::invalid_request("max_age is a number of seconds"))?;
    let acr_values = arrival.form.one("acr_values").map(str::to_owned);
    if acr_values.as_ref().is_some_and(|values| values.len() > MOST || !values.bytes().all(|byte| (b' '..=b'~').contains(&byte))) {
        return Err(Refused::invalid_request("acr_values are words of printable ASCII, 512 characters at most"));
    }
    let select = values.contains(&"select_account");
    Ok(Prompt { silent, fresh: values.contains(&"login"), select, max_age, acr_values, ask: values.contains(&"consent") })
}
