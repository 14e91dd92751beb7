//! MCP servers that others wrote, run as they are behind `chancery serve`, and a client that others wrote in front of it. In a test binary of
//! its own, so that a slow starter holds nobody else up.

mod client;
mod everything;
mod fastmcp;
#[path = "../it/process.rs"]
#[expect(dead_code, reason = "the other test binary runs more")]
mod process;
mod rmcp;
#[path = "../it/said.rs"]
mod said;
#[path = "../it/served.rs"]
#[expect(dead_code, reason = "the other test binary asks more")]
mod served;
mod server;
mod step_up;
