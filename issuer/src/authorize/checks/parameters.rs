//! No parameter comes twice (RFC 6749 §3.1).

use crate::authorize::arrival::Arrival;
use crate::refusal::Refused;

pub(in crate::authorize) fn nothing_doubled(arrival: &Arrival<'_>) -> Result<(), Refused> {
    arrival.form.nothing_doubled()
}
