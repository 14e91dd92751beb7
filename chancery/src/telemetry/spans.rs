//! Spans, and their way to a collector (OTLP over HTTP): made by hand, since a request has one of ours and, where it went on, one for the
//! upstream, whose id had to be known before. The SDK's processor keeps a bounded queue and drops what comes too fast; the exporter goes
//! out by the guarded client.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use chancery_core::Rng;
use chancery_outbound::{Fetcher, Purpose};
use chancery_registry::config::TracesConfig;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _};
use tokio::runtime::Handle;

use super::trace_context::TraceContext;
use crate::exit::{Exit, Failure};

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

#[derive(Clone)]
pub struct Tracer {
    processor: Arc<BatchSpanProcessor>,
    scope: InstrumentationScope,
    rng: Arc<dyn Rng>,
    one_in: u64,
}

/// A request's place in its trace.
pub struct Traced {
    /// Of the request as a whole.
    whole: TraceContext,
    /// Its client's span, where it named one.
    parent: Option<[u8; 8]>,
    /// Whether it is one of those that are told whoever sent them.
    drawn: bool,
    /// What an upstream is told that it came from.
    leg: [u8; 8],
}

/// What a span says: words of our own.
pub struct Told<'a> {
    pub name: String,
    pub route: &'a str,
    pub method: &'static str,
    pub path: Option<&'a str>,
    pub status: u16,
    /// Whether whoever sent the request showed who it is.
    pub authenticated: bool,
}

/// One span of a request.
struct Part {
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    kind: SpanKind,
    name: String,
    times: (SystemTime, SystemTime),
}

impl Tracer {
    pub fn to(traces: &TracesConfig, fetcher: Fetcher, rng: Arc<dyn Rng>) -> Result<Self, Failure> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Courier { fetcher, runtime: Handle::current() })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&traces.endpoint)
            .with_headers(headers(traces))
            .build();
        let exporter = exporter.map_err(|error| {
            let remedy = "correct `server.traces` in the file";
            Failure::new(Exit::File, "traces cannot be sent as the file says").because(error).remedy(remedy)
        })?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let version = env!("CARGO_PKG_VERSION");
        let about = [KeyValue::new("service.name", "chancery"), KeyValue::new("service.version", version)];
        processor.set_resource(&Resource::builder_empty().with_attributes(about).build());
        let scope = InstrumentationScope::builder("chancery").with_version(version).build();
        Ok(Self { processor: Arc::new(processor), scope, rng, one_in: u64::from(traces.one_in) })
    }

    /// Reads where the request stands, and has its headers say where it goes on from.
    pub fn begin(&self, headers: &mut HeaderMap) -> Traced {
        let mut random = [0; 32];
        self.rng.fill(&mut random);
        let (trace, spans) = random.split_at(16);
        let chance = u64::from_be_bytes(trace[8..].try_into().expect("half of 16 bytes"));
        let drawn = chance.is_multiple_of(self.one_in);
        let mut all = headers.get_all(PARENT).iter();
        let only = all.next().filter(|_| all.next().is_none());
        let client = only.and_then(|value| TraceContext::parse(value.to_str().ok()?));
        let mut whole = client.unwrap_or_else(|| {
            headers.remove(STATE); // it belongs to a trace that nobody knows
            TraceContext { trace: trace.try_into().expect("half of 32 bytes"), span: [0; 8], sampled: drawn }
        });
        whole.span = spans[..8].try_into().expect("a quarter of 32 bytes");
        let leg = spans[8..].try_into().expect("a quarter of 32 bytes");
        let value = HeaderValue::try_from(TraceContext { span: leg, ..whole }.header()).expect("hexadecimal digits");
        headers.insert(PARENT, value);
        Traced { whole, parent: client.map(|client| client.span), drawn, leg }
    }

    /// Tells of a request that has ended; `leg` is when it was with its upstream. What a client says of sampling is for somebody to say: a
    /// stranger would have every request of a flood told, so of theirs no more are than of those that come without a trace.
    pub fn tell(&self, traced: &Traced, told: &Told<'_>, whole: (SystemTime, SystemTime), leg: Option<(SystemTime, SystemTime)>) {
        if !traced.whole.sampled || !(told.authenticated || traced.drawn) {
            return;
        }
        let own = traced.whole.span;
        if let Some(times) = leg {
            let name = format!("{} upstream", told.method);
            let part = Part { id: traced.leg, parent: Some(own), kind: SpanKind::Client, name, times };
            self.processor.on_end(self.span(traced, told, part));
        }
        let part = Part { id: own, parent: traced.parent, kind: SpanKind::Server, name: told.name.clone(), times: whole };
        self.processor.on_end(self.span(traced, told, part));
    }

    fn span(&self, traced: &Traced, told: &Told<'_>, part: Part) -> SpanData {
        let (trace, flags) = (TraceId::from_bytes(traced.whole.trace), TraceFlags::SAMPLED);
        let mut attributes = vec![
            KeyValue::new("http.request.method", told.method),
            KeyValue::new("http.route", told.route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(told.status)),
        ];
        attributes.extend(told.path.map(|path| KeyValue::new("url.path", path.to_owned())));
        SpanData {
            span_context: SpanContext::new(trace, SpanId::from_bytes(part.id), flags, false, TraceState::default()),
            parent_span_id: part.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
            parent_span_is_remote: part.kind == SpanKind::Server && part.parent.is_some(),
            span_kind: part.kind,
            name: part.name.into(),
            start_time: part.times.0,
            end_time: part.times.1,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if told.status >= 500 { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        }
    }

    /// Sends the rest. The processor waits on a thread of its own.
    pub async fn finish(&self) {
        let processor = self.processor.clone();
        let _ = tokio::task::spawn_blocking(move || processor.shutdown()).await; // a collector that is gone takes nothing more
    }
}

fn headers(traces: &TracesConfig) -> HashMap<String, String> {
    let text = traces.headers.as_ref().map(|headers| headers.expose().as_str()).unwrap_or_default();
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    text.split(',').filter_map(pair).collect()
}

/// Carries what the exporter sends.
struct Courier {
    fetcher: Fetcher,
    runtime: Handle,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}

impl HttpClient for Courier {
    // What the attribute `async_trait` would write.
    fn send_bytes<'life, 'sending>(
        &'life self,
        request: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'life: 'sending,
        Self: 'sending,
    {
        let fetcher = self.fetcher.clone();
        // The exporter's thread has no reactor: the work is done on ours.
        let sending = self.runtime.spawn(async move {
            let (head, body) = request.into_parts();
            let kept = |(name, _): &(&HeaderName, &HeaderValue)| !matches!(name.as_str(), "host" | "content-length");
            let headers: Vec<_> = head.headers.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect();
            fetcher.send(Purpose::Telemetry, (Method::POST, &head.uri.to_string()), &headers, body).await
        });
        Box::pin(async move {
            let answer = sending.await?.inspect_err(|error| tracing::warn!(%error, "traces could not be delivered"))?;
            if !answer.status.is_success() {
                tracing::warn!(status = answer.status.as_u16(), "the collector does not take our traces");
            }
            let mut response = Response::builder().status(answer.status);
            if let Some(kind) = answer.content_type {
                response = response.header(CONTENT_TYPE, kind);
            }
            Ok(response.body(answer.body)?)
        })
    }
}
