//! An MCP server on the Rust SDK, at `127.0.0.1:$1/mcp`. What each request carried is told on standard output.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CreateMessageRequestParams, ListResourcesResult, PaginatedRequestParams, ProgressNotificationParam, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, SamplingMessage, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{ErrorData, RoleServer, ServerHandler, schemars, serde, tool, tool_handler, tool_router};
use serde_json::json;

const NOTE: &str = "ledger://today";

struct Ledger;

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(crate = "rmcp::serde")]
struct Count {
    to: u32,
}

#[tool_router]
impl Ledger {
    #[tool(description = "The sum of the day", annotations(read_only_hint = true))]
    async fn sum(&self) -> String {
        "42".to_owned()
    }

    #[tool(description = "Tells its progress, then has the client's model say what it made of it")]
    async fn count(&self, Parameters(Count { to }): Parameters<Count>, context: RequestContext<RoleServer>) -> Result<String, ErrorData> {
        if let Some(token) = context.meta.get_progress_token() {
            for at in 1..=to {
                let told = context.peer.notify_progress(ProgressNotificationParam::new(token.clone(), f64::from(at))).await;
                told.map_err(failed)?;
            }
        }
        let asked = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("How many have you seen?")], 10);
        let answer = context.peer.create_message(asked).await.map_err(failed)?;
        serde_json::to_string(&answer).map_err(failed)
    }

    #[tool(description = "Books a payment")]
    async fn pay(&self) -> Result<String, ErrorData> {
        Err(failed("nobody should have come as far as paying"))
    }
}

#[tool_handler]
impl ServerHandler for Ledger {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_resources().build())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new(NOTE, "today")]))
    }

    async fn read_resource(
        &self,
        asked: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        Ok(ReadResourceResult::new(vec![ResourceContents::text("nothing owed", asked.uri)]).into())
    }
}

fn failed(error: impl std::fmt::Display) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

async fn heard(request: Request, next: Next) -> Response {
    let pairs = request.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
    let headers: BTreeMap<_, _> = pairs.collect();
    let mut out = std::io::stdout();
    let _ = writeln!(out, "heard {}", json!({ "method": request.method().as_str(), "headers": headers }));
    let _ = out.flush();
    next.run(request).await
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("a port to listen on");
    let sessions = Arc::new(LocalSessionManager::default());
    let service = StreamableHttpService::new(|| Ok(Ledger), sessions, StreamableHttpServerConfig::default());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    axum::serve(listener, Router::new().nest_service("/mcp", service).layer(from_fn(heard))).await
}
