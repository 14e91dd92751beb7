//! One test, both databases.

/// Makes of each `async fn name(site: Site)` two tests, `name::sqlite` and `name::postgres`, each with a site of its own.
#[macro_export]
macro_rules! both_stores {
    ($($(#[$attribute:meta])* async fn $name:ident($site:ident: Site) $body:block)*) => {$(
        $(#[$attribute])*
        async fn $name($site: $crate::Site) $body

        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name($crate::Site::on_sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                // None where there is no PostgreSQL, which CI does not forgive.
                if let Some(site) = $crate::Site::on_postgres().await {
                    super::$name(site).await;
                }
            }
        }
    )*};
}
