//! A connection of its own that hears when any node has told something, and begins again when it breaks, or says nothing when it is
//! asked. What was told meanwhile, the feed's poll finds.

use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Config, Error};

use super::tls::Connector;
use super::{FEED_SILENCE, bind};

/// Between two attempts to listen again.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a server that has nothing to tell is asked whether it is there. Something in between may be what answers to the machine.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Why there is no news.
#[derive(Debug, thiserror::Error)]
enum Deaf {
    #[error("{}", bind::told(.0))]
    Broken(#[from] Error),
    #[error("the server said nothing for {} seconds", FEED_SILENCE.as_secs())]
    Silent,
}

pub(super) async fn forever(config: Config, connector: Connector, woken: watch::Sender<u64>) {
    loop {
        if let Err(error) = until_it_breaks(&config, connector.clone(), &woken).await {
            tracing::warn!(%error, "no news of other nodes by NOTIFY; polling for it until the connection is back");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn until_it_breaks(config: &Config, connector: Connector, woken: &watch::Sender<u64>) -> Result<(), Deaf> {
    let (client, mut connection) = timeout(2 * FEED_SILENCE, config.connect(connector)).await.map_err(|_| Deaf::Silent)??;
    let heard = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await.transpose()? {
            if matches!(message, AsyncMessage::Notification(_)) {
                woken.send_modify(|times| *times += 1);
            }
        }
        Ok(())
    };
    let asked = async {
        timeout(FEED_SILENCE, client.batch_execute("LISTEN chancery_feed")).await.map_err(|_| Deaf::Silent)??;
        woken.send_modify(|times| *times += 1); // something may have been told before we listened
        loop {
            tokio::time::sleep(HEARTBEAT).await;
            timeout(FEED_SILENCE, client.batch_execute("")).await.map_err(|_| Deaf::Silent)??;
        }
    };
    tokio::select! { ended = heard => ended, failed = asked => failed }
}
