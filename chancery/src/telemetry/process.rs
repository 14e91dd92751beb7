//! What the kernel says of this process (Linux: proc(5)).

use std::fs;

/// Linux has counted in hundredths for programs since there is a /proc, whatever the kernel's own clock.
const TICKS: f64 = 100.0;
/// The size of a page where this runs: x86-64, and arm64 as it is usually built.
const PAGE: i64 = 4096;

pub struct Process {
    pub cpu_seconds: f64,
    pub resident_bytes: i64,
    pub open_files: i64,
}

impl Process {
    /// None where there is no /proc to ask.
    pub fn now() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name is in brackets and may hold anything; fields 14 and 15 are the times of user and system.
        let after = stat.rsplit_once(')')?.1;
        let mut times = after.split_ascii_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
        let resident: i64 = fs::read_to_string("/proc/self/statm").ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
        let open = fs::read_dir("/proc/self/fd").ok()?.count();
        Some(Self {
            cpu_seconds: (times.next()? + times.next()?) / TICKS,
            resident_bytes: resident * PAGE,
            open_files: i64::try_from(open).ok()?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_and_files() {
        let process = Process::now().expect("there is a /proc");
        assert!(process.resident_bytes > 100_000 && process.open_files >= 3 && process.cpu_seconds >= 0.0);
    }
}
