//! What a process says on one of its pipes, read to the end by a thread of its own: a full pipe would hold the process up.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longer than any of it takes, also on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Default)]
pub struct Said(Arc<(Mutex<Heard>, Condvar)>);

#[derive(Default)]
struct Heard {
    text: String,
    /// How much of it was waited for already.
    passed: usize,
    ended: bool,
}

impl Said {
    pub fn on(pipe: impl Read + Send + 'static) -> Self {
        let said = Self::default();
        let heard = said.clone();
        std::thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).for_each(|line| heard.hear(&line));
            heard.lock().ended = true;
            heard.0.1.notify_all();
        });
        said
    }

    /// Waits until a line that was not waited for yet has these words in it. False where the process ends, or says nothing of it.
    pub fn wait_for(&self, words: &str) -> bool {
        let found = |heard: &Heard| heard.text[heard.passed..].find(words).map(|at| heard.passed + at + words.len());
        let waiting = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |heard| found(heard).is_none() && !heard.ended);
        let (mut heard, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        let at = found(&heard);
        heard.passed = at.unwrap_or(heard.passed);
        at.is_some()
    }

    /// All of it; waits for the process to end.
    pub fn all(&self) -> String {
        let waiting = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |heard| !heard.ended);
        waiting.unwrap_or_else(PoisonError::into_inner).0.text.clone()
    }

    /// All of it so far.
    pub fn so_far(&self) -> String {
        self.lock().text.clone()
    }

    fn hear(&self, line: &str) {
        let mut heard = self.lock();
        heard.text.push_str(line);
        heard.text.push('\n');
        drop(heard);
        self.0.1.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
