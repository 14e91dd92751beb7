//! What this process holds in memory, which is the server's, and the attackers' beside it. Who measures is alone meanwhile.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static MEASURED: RwLock<()> = RwLock::const_new(());

/// Held by a test as long as it uses memory.
pub enum Turn {
    WithOthers { _turn: RwLockReadGuard<'static, ()> },
    Alone { _turn: RwLockWriteGuard<'static, ()> },
}

impl Turn {
    pub async fn with_others() -> Self {
        Self::WithOthers { _turn: MEASURED.read().await }
    }

    pub async fn alone() -> Self {
        Self::Alone { _turn: MEASURED.write().await }
    }
}

/// In KiB: its own pages, and its share of those it shares.
pub fn in_use() -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells");
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).expect("it tells the share");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}
