//! What a node writes down beside its requests, done when a test wants it rather than when its time comes.

use chancery::wire::Node;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// One node's.
pub(crate) struct Chores {
    settle: Chore,
    tidy: Box<dyn Fn() + Send + Sync>,
    summarise: Chore,
    forget: Chore,
    tell: Chore,
}

type Chore = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl Chores {
    pub fn of(node: &Node) -> Self {
        let (closing, counting, tidying) = (node.gateway().clone(), node.gateway().clone(), node.gateway().clone());
        let ground = node.ground();
        let (counters, journal, clock) = (ground.counters.clone(), ground.journal.clone(), ground.clock.clone());
        let settle = move || {
            let gateway = closing.clone();
            async move { gateway.settled().await }.boxed()
        };
        let summarise = move || {
            let (counters, journal, now, gateway) = (counters.clone(), journal.clone(), clock.now(), counting.clone());
            async move {
                counters.summarise(&journal, now).await;
                gateway.summarise().await;
            }
            .boxed()
        };
        let sign_in = node.sign_in().clone();
        let forget = move || {
            let sign_in = sign_in.clone();
            async move { sign_in.forget_left_behind().await.map(drop).expect("the store answers") }.boxed()
        };
        let logouts = node.logouts().clone();
        let tell = move || {
            let logouts = logouts.clone();
            async move { logouts.tell().await.map(drop).expect("the store answers") }.boxed()
        };
        let tidy = move || tidying.tidy();
        let (settle, tidy, summarise) = (Box::new(settle), Box::new(tidy), Box::new(summarise));
        Self { settle, tidy, summarise, forget: Box::new(forget), tell: Box::new(tell) }
    }

    /// Has the gateway end what nobody asks any more.
    pub fn tidy(&self) {
        (self.tidy)();
    }

    /// Waits until what was begun is written: the close events of calls.
    pub async fn settle(&self) {
        (self.settle)().await;
    }

    /// Has the providers forget the clients that are no more.
    pub async fn forget(&self) {
        (self.forget)().await;
    }

    /// Tells clients of the sessions that ended.
    pub async fn tell(&self) {
        (self.tell)().await;
    }

    /// Writes down what was counted so far.
    pub async fn summarise(&self) {
        (self.summarise)().await;
    }
}
