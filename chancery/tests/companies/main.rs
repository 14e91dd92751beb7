//! Companies' identity providers that others wrote, run as they are: Keycloak, npm `oidc-provider` and Glewlwyd. In a test binary of their own,
//! so that a slow starter holds nobody else up.

mod journey;
mod logout;
#[path = "../it/process.rs"]
#[expect(dead_code, reason = "the other test binary runs more")]
mod process;
mod registration;
#[path = "../it/said.rs"]
mod said;
mod several;
mod sign_in;
mod standing;
