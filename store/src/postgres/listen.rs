//! A connection of its own that hears when any node has told something, and begins again when it breaks. What was told meanwhile,
//! the feed's poll finds.

use std::future::{pending, poll_fn};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Config, Error};

use super::bind;
use super::tls::Connector;

/// Between two attempts to listen again.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) async fn forever(config: Config, connector: Connector, woken: watch::Sender<u64>) {
    loop {
        if let Err(error) = until_it_breaks(&config, connector.clone(), &woken).await {
            tracing::warn!(error = bind::told(&error), "no news of other nodes by NOTIFY; polling for it until the connection is back");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn until_it_breaks(config: &Config, connector: Connector, woken: &watch::Sender<u64>) -> Result<(), Error> {
    let (client, mut connection) = config.connect(connector).await?;
    let heard = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await.transpose()? {
            if matches!(message, AsyncMessage::Notification(_)) {
                woken.send_modify(|times| *times += 1);
            }
        }
        Ok(())
    };
    let asked = async {
        client.batch_execute("LISTEN chancery_feed").await?;
        woken.send_modify(|times| *times += 1); // something may have been told before we listened
        pending().await
    };
    tokio::select! { ended = heard => ended, failed = asked => failed }
}
