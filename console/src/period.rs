//! Lengths of time, in words.

use std::time::Duration;

const MINUTE: u64 = 60;
const UNITS: [(&str, u64); 4] = [("day", 24 * 60 * MINUTE), ("hour", 60 * MINUTE), ("minute", MINUTE), ("second", 1)];

/// To the second, in the largest unit that it has whole.
pub(crate) fn period(lasts: Duration) -> String {
    let seconds = lasts.as_secs();
    let whole = |(_, length): &(&str, u64)| seconds >= *length && seconds.is_multiple_of(*length);
    let (unit, length) = UNITS.into_iter().find(whole).unwrap_or(("second", 1));
    counted(seconds / length, unit)
}

/// About how long ago.
pub(crate) fn ago(since: Duration) -> String {
    let seconds = since.as_secs();
    match UNITS.into_iter().take(3).find(|(_, length)| seconds >= *length) {
        Some((unit, length)) => format!("{} ago", counted(seconds / length, unit)),
        None => "just now".to_owned(),
    }
}

fn counted(count: u64, unit: &str) -> String {
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_a_person_would() {
        for (seconds, words) in [(90 * 86400, "90 days"), (86400, "1 day"), (3600 * 36, "36 hours"), (90, "90 seconds"), (0, "0 seconds")] {
            assert_eq!(period(Duration::from_secs(seconds)), words);
        }
        for (seconds, words) in [(90_000, "1 day ago"), (7_300, "2 hours ago"), (119, "1 minute ago"), (59, "just now"), (0, "just now")] {
            assert_eq!(ago(Duration::from_secs(seconds)), words);
        }
    }
}
