//! What the feed points to and has to be read, in rounds beside the news: one at a time, and what is told meanwhile joins the next.

use std::time::Duration;

use chancery_store::feed::Entry;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between tries while the database does not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Of one kind, which waits for nothing of another.
#[derive(Default)]
pub struct Errands {
    waiting: Vec<Errand>,
    under_way: Vec<Errand>,
    round: JoinSet<Vec<i64>>,
    /// When the next round may begin, after one that failed.
    pause: Option<Instant>,
}

#[derive(Clone)]
struct Errand {
    entry: Entry,
    /// As of when all was known before it was told.
    known: Option<Instant>,
}

impl Errands {
    pub fn add(&mut self, entries: impl IntoIterator<Item = Entry>, known: Option<Instant>) {
        let waited = self.waiting.len();
        self.waiting.extend(entries.into_iter().map(|entry| Errand { entry, known }));
        if self.waiting.len() > waited {
            self.pause = None; // what is new has not failed
        }
    }

    /// Until a round is over: of what waits, or the one that is under way. Where there is none, for ever. It may be dropped: the round
    /// goes on. `work` gives back the numbers of what it could not do, which is done again.
    pub async fn round<F>(&mut self, work: impl FnOnce(Vec<Entry>) -> F)
    where
        F: Future<Output = Vec<i64>> + Send + 'static,
    {
        if self.round.is_empty() {
            if self.waiting.is_empty() {
                return std::future::pending().await;
            }
            if let Some(until) = self.pause {
                tokio::time::sleep_until(until).await;
            }
            self.under_way = std::mem::take(&mut self.waiting);
            self.round.spawn(work(self.under_way.iter().map(|errand| errand.entry.clone()).collect()));
        }
        let failed = match self.round.join_next().await {
            Some(Ok(failed)) => failed,
            Some(Err(broken)) => std::panic::resume_unwind(broken.into_panic()), // as if it had been done here
            None => return,
        };
        if !failed.is_empty() && self.waiting.is_empty() {
            self.pause = Some(Instant::now() + PAUSE);
        }
        self.waiting.extend(self.under_way.drain(..).filter(|errand| failed.contains(&errand.entry.seq)));
    }

    /// The lowest number of what is still to be done.
    pub fn first(&self) -> Option<i64> {
        self.all().map(|errand| errand.entry.seq).min()
    }

    /// As of when all was known before the first of it was told, if any is left; of the first read of all, nobody knows.
    pub fn first_known(&self) -> Option<Option<Instant>> {
        self.all().map(|errand| errand.known).min()
    }

    fn all(&self) -> impl Iterator<Item = &Errand> {
        self.waiting.iter().chain(&self.under_way)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chancery_core::{Entropy, TenantId, Timestamp};
    use chancery_store::Topic;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    /// Work that waits until it may end, and says what it was given.
    #[derive(Clone)]
    struct Work {
        given: Arc<Mutex<Vec<Vec<i64>>>>,
        may_end: Arc<Semaphore>,
        fails: Vec<i64>,
    }

    impl Work {
        fn new() -> Self {
            Self { given: Arc::default(), may_end: Arc::new(Semaphore::new(0)), fails: Vec::new() }
        }

        async fn run(self, entries: Vec<Entry>) -> Vec<i64> {
            self.given.lock().unwrap().push(entries.iter().map(|entry| entry.seq).collect());
            self.may_end.acquire().await.expect("it is never closed").forget();
            self.fails
        }

        fn given(&self) -> Vec<Vec<i64>> {
            self.given.lock().unwrap().clone()
        }
    }

    fn entries(seqs: &[i64]) -> Vec<Entry> {
        let tenant = TenantId::mint(Timestamp::from_millis(0), &mut Entropy::from_bytes([0; Entropy::BYTES]));
        let entry = |seq: &i64| Entry { seq: *seq, tenant, topic: Topic::Keys, key: String::new(), at: Timestamp::from_millis(0) };
        seqs.iter().map(entry).collect()
    }

    /// Looks for a moment whether a round ends.
    async fn ends(errands: &mut Errands, work: &Work) -> bool {
        timeout(MOMENT, errands.round(|entries| work.clone().run(entries))).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_while_a_round_lasts_joins_the_next_and_all_is_known_again_only_after_it() {
        let (mut errands, work, begun) = (Errands::default(), Work::new(), Instant::now());
        assert!(!ends(&mut errands, &work).await && errands.first_known().is_none());

        errands.add(entries(&[3, 4]), None);
        assert!(!ends(&mut errands, &work).await, "it lasts");
        errands.add(entries(&[5]), Some(begun));
        errands.add(entries(&[6]), Some(begun + MOMENT));
        assert!(!ends(&mut errands, &work).await, "it lasts still");
        assert_eq!((work.given(), errands.first(), errands.first_known()), (vec![vec![3, 4]], Some(3), Some(None)));

        work.may_end.add_permits(1);
        assert!(ends(&mut errands, &work).await);
        assert_eq!((errands.first(), errands.first_known()), (Some(5), Some(Some(begun))));
        work.may_end.add_permits(1);
        assert!(ends(&mut errands, &work).await);
        assert_eq!((work.given(), errands.first()), (vec![vec![3, 4], vec![5, 6]], None));
        assert!(!ends(&mut errands, &work).await, "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_done_again_after_a_pause_and_at_once_with_what_is_new() {
        let (mut errands, work) = (Errands::default(), Work { fails: vec![2], ..Work::new() });
        work.may_end.add_permits(3);
        errands.add(entries(&[1, 2]), None);
        assert!(ends(&mut errands, &work).await);
        assert_eq!(errands.first(), Some(2));

        assert!(!ends(&mut errands, &work).await, "not at once");
        tokio::time::advance(PAUSE).await;
        assert!(ends(&mut errands, &work).await, "but then");
        errands.add(entries(&[7]), None);
        assert!(ends(&mut errands, &work).await, "what is new waits for no pause");
        assert_eq!(work.given(), [vec![1, 2], vec![2], vec![2, 7]]);
    }
}
