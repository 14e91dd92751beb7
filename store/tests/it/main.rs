//! The conformance suite: what every driver does alike. A new driver joins by one more module in [`every_driver`].

mod approvals;
mod clients;
mod durability;
mod entangled;
mod feed;
mod lost;
mod opening;
mod races;
mod reap;
mod repositories;
mod rows;
mod site;
mod tls;
mod units;
mod vouchers;

/// The throwaway server of the testkit, taken as a file: the testkit itself depends on every room above this one.
#[path = "../../../testkit/src/postgres.rs"]
#[expect(dead_code, reason = "nobody kills it here")]
mod postgres;

#[path = "../../../testkit/src/relay.rs"]
mod relay;

/// Makes of each function that takes a site one test a driver, each on a fresh database.
macro_rules! every_driver {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(crate::site::Site::sqlite().await).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(site) = crate::site::Site::postgres().await {
                        super::$name(site).await;
                    }
                }
            )*
        }
    };
}
use every_driver;
