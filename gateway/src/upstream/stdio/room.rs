//! How many children there may be: processes, not conversations. One that was ended counts until its process is gone, and how long that
//! takes is the child's choice, up to a bound; else who begins and ends again and again would have as many as they like.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Owner;
use super::conversation::Conversation;
use crate::refusal::Refusal;

/// How long a request waits for others' end: a little longer than the worst child takes.
pub const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Why there is no other child now, and whose end would change that.
pub struct Full {
    refusal: Box<Refusal>,
    leaving: Vec<CancellationToken>,
}

impl Full {
    /// Until one that leaves is gone.
    ///
    /// # Errors
    /// When none leaves, or none in time.
    pub async fn lessens(self, end: Instant) -> Result<(), Refusal> {
        let mut all: Vec<_> = self.leaving.iter().map(|gone| Box::pin(gone.cancelled())).collect();
        let one = poll_fn(|cx| if all.iter_mut().any(|gone| gone.as_mut().poll(cx).is_ready()) { Poll::Ready(()) } else { Poll::Pending });
        if self.leaving.is_empty() { Err(*self.refusal) } else { timeout_at(end, one).await.map_err(|_| *self.refusal) }
    }
}

impl From<Refusal> for Full {
    fn from(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), leaving: Vec::new() }
    }
}

/// An owner may have a quarter of all, so that one is not everybody; the oldest that does nothing gives way.
///
/// # Errors
/// When there is no room, or not yet.
pub fn make_room(present: &[Arc<Conversation>], owner: &Owner, most: usize) -> Result<(), Full> {
    let own = || present.iter().filter(|child| child.owner == *owner);
    let share = (most / 4).max(1);
    let has_share = own().count() >= share;
    if !has_share && present.len() < most {
        return Ok(());
    }
    let in_the_way = present.iter().filter(|child| !has_share || child.owner == *owner);
    let mut leaving: Vec<_> = in_the_way.filter(|child| child.is_over()).map(|child| child.process_gone.clone()).collect();
    if leaving.is_empty() {
        let mut idle: Vec<_> = own().filter_map(|child| Some((child.idle_since()?, child))).collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        // One that was asked meanwhile stays.
        let oldest = idle.into_iter().find(|(since, child)| child.end_if_idle(*since));
        leaving.extend(oldest.map(|(_, child)| child.process_gone.clone()));
    }
    let limit = u32::try_from(if has_share { share } else { most }).unwrap_or(u32::MAX);
    Err(Full { refusal: Box::new(Refusal::too_many_at_once("server", limit)), leaving })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(leaving: &[CancellationToken]) -> Full {
        Full { refusal: Box::new(Refusal::too_many_at_once("server", 1)), leaving: leaving.to_vec() }
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_waited_for_until_then_and_no_longer() {
        let (began, wait) = (Instant::now(), LONGEST_WAIT);
        let leaving = [CancellationToken::new(), CancellationToken::new()];
        assert!(full(&[]).lessens(began + wait).await.is_err(), "nobody leaves");
        assert_eq!(began.elapsed(), Duration::ZERO);

        assert!(full(&leaving).lessens(began + wait).await.is_err_and(|refusal| refusal.reason == "too_many_at_once"));
        assert!(began.elapsed() >= wait && began.elapsed() < 2 * wait);

        leaving[1].cancel();
        let now = Instant::now();
        assert!(full(&leaving).lessens(now + wait).await.is_ok());
        assert_eq!(now.elapsed(), Duration::ZERO);
    }
}
