//! The relying party as a browser and an identity provider meet it: over HTTP, with a provider whose answers a test may alter.

mod answers;
mod back_channel;
mod browsers;
mod hung_up;
mod id_tokens;
mod provider;
mod proxy;
mod recheck;
mod replays;
mod several;
mod sign_out;
mod simulated;
mod standing;
mod under_way;
mod way;
