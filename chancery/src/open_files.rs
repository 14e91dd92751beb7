//! How many files, and so connections, this process may have open. A shell gives its programs few (1,024, for the sake of select(2))
//! and allows them many; every stream holds two, one to the client and one to the upstream.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listener::MOST_CONNECTIONS;

/// As many connections as the listener accepts, each with another behind it, and what else is open. No more, since the programs that are
/// run as upstreams inherit it, and some of them close all that could be open.
const WANTED: u64 = 2 * MOST_CONNECTIONS as u64 + 1_024;

/// Takes what it may have, and says so where that is too little.
pub fn raise() {
    let before = getrlimit(Resource::Nofile);
    if let Some(raised) = raised(&before)
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised");
    }
    if let Some(has) = getrlimit(Resource::Nofile).current.filter(|has| *has < WANTED) {
        tracing::warn!(
            has,
            "few open files are allowed, and each stream takes two: beyond that clients wait, and upstreams cannot be reached. Allow {WANTED} \
             (systemd: LimitNOFILE, a shell: ulimit -Hn)"
        );
    }
}

/// What to ask for; nothing where there is enough.
fn raised(limit: &Rlimit) -> Option<Rlimit> {
    let wanted = limit.maximum.map_or(WANTED, |most| most.min(WANTED));
    let current = limit.current?; // else it is boundless
    (current < wanted).then_some(Rlimit { current: Some(wanted), maximum: limit.maximum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_taken_as_are_wanted_and_allowed() {
        let soft = |current, maximum| raised(&Rlimit { current, maximum }).and_then(|raised| raised.current);
        assert_eq!(soft(Some(1_024), None), Some(WANTED));
        assert_eq!(soft(Some(1_024), Some(1_048_576)), Some(WANTED));
        assert_eq!(soft(Some(1_024), Some(4_096)), Some(4_096));
        assert_eq!(soft(Some(4_096), Some(4_096)), None);
        assert_eq!(soft(Some(1_048_576), None), None, "what it has it keeps");
        assert_eq!(soft(None, None), None);
    }
}
