//! How a node goes: first what waits for nothing in particular ends, to be opened elsewhere; then, shortly before connections are cut,
//! whatever is still under way.

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How far this node has come with it. Cloning shares it.
#[derive(Clone, Default)]
pub struct Leaving {
    draining: CancellationToken,
    over: CancellationToken,
}

impl Leaving {
    pub fn begin(&self) {
        self.draining.cancel();
    }

    pub fn finish(&self) {
        self.begin();
        self.over.cancel();
    }

    /// Calls may come to their end.
    pub fn has_begun(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Until nothing may go on.
    pub fn until_over(&self) -> WaitForCancellationFutureOwned {
        self.over.clone().cancelled_owned()
    }

    /// Nothing may go on.
    pub fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }
}
