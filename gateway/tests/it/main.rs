//! The gateway as clients and upstreams meet it, over HTTP alone.

mod artefacts;
mod challenge;
mod conditions;
mod ended;
mod eras;
mod jose;
mod lists;
mod log;
mod lost;
mod messages;
mod origin;
mod passing_on;
mod permission;
mod reads;
mod resource_server;
mod revoked;
mod sessions;
mod stalled;
mod stdio;
mod step_up;
mod streaming;
mod tokens;
mod upstream;
mod upstream_trouble;
mod upstreams;
mod wire;
