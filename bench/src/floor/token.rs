//! The floor of a token endpoint: parse the form; by `client_credentials` check the secret, sign, write one event; by `refresh_token` check
//! its MAC, read its family, sign, write the family and one event.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rusqlite::{Connection, OpenFlags};

use super::jwt::{Signer, claims};
use super::rows::{self, Row, Rows};
use crate::parts::{Fallible, listening, seconds};

/// Known to whoever loads it.
pub const CLIENT: &str = "cli_01a2052a3b4c7d8e9fa0b1c2d3e4f506";
const MAC_KEY: [u8; 32] = [9; 32];
const FAMILIES: i64 = 64;

struct Floor {
    signer: Signer,
    clients: HashMap<String, [u8; 32]>,
    mac: hmac::Key,
    rows: Rows,
    reader: Mutex<Connection>,
    next: AtomicU64,
}

pub async fn serve(address: &str, folder: &str) -> Fallible<()> {
    let connection = rows::open(folder);
    rows::add_families(&connection, FAMILIES);
    let reader = Connection::open_with_flags(Path::new(folder).join("floor.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let secret = digest::digest(&digest::SHA256, crate::parts::SECRET.as_bytes());
    let floor = Arc::new(Floor {
        signer: Signer::new(),
        clients: HashMap::from([(CLIENT.to_owned(), secret.as_ref().try_into()?)]),
        mac: hmac::Key::new(hmac::HMAC_SHA256, &MAC_KEY),
        rows: Rows::new(connection),
        reader: Mutex::new(reader),
        next: AtomicU64::new(seconds() << 20),
    });
    listening(address, move |request| {
        let floor = Arc::clone(&floor);
        async move { Ok::<_, Infallible>(answer(&floor, request).await) }
    })
    .await
}

async fn answer(floor: &Floor, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let form: HashMap<_, _> = form_urlencoded::parse(&body).collect();
    let answered = match form.get("refresh_token") {
        Some(token) => refresh(floor, token).await,
        None => credentials(floor, &form).await,
    };
    let (status, body) = answered.map_or((400, "{\"error\":\"invalid_request\"}".to_owned()), |body| (200, body));
    let response = Response::builder().status(status).header("content-type", "application/json").header("cache-control", "no-store");
    response.body(Full::from(body)).expect("a response")
}

async fn credentials(floor: &Floor, form: &HashMap<std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>>) -> Option<String> {
    let expected = floor.clients.get(&**form.get("client_id")?)?;
    let presented = digest::digest(&digest::SHA256, form.get("client_secret")?.as_bytes());
    constant_time::verify_slices_are_equal(expected, presented.as_ref()).ok()?;
    let id = id(floor);
    let written = floor.rows.durable(Row::Event { id: id.clone() }).await;
    let token = floor.signer.sign(&claims(form.get("resource")?, &id, seconds()));
    written.then(|| format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":300,"scope":"bank:read"}}"#))
}

async fn refresh(floor: &Floor, token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (family, generation, mac) = (parts.next()?.parse::<i64>().ok()?, parts.next()?.parse::<i64>().ok()?, parts.next()?);
    hmac::verify(&floor.mac, format!("{family}.{generation}").as_bytes(), &URL_SAFE_NO_PAD.decode(mac).ok()?).ok()?;
    let known = {
        let reader = floor.reader.lock().ok()?;
        rows::generation(&reader, family)?
    };
    if known != generation {
        return None;
    }
    let id = id(floor);
    let written = floor.rows.durable(Row::Refreshed { id: id.clone(), family, generation }).await;
    let access = floor.signer.sign(&claims("http://127.0.0.1:20000/mcp/bank", &id, seconds()));
    let next = token_of(&floor.mac, family, generation + 1);
    written.then(|| format!(r#"{{"access_token":"{access}","token_type":"Bearer","expires_in":300,"refresh_token":"{next}"}}"#))
}

/// The first token of a family, for whoever loads it.
pub fn first_token(family: i64) -> String {
    token_of(&hmac::Key::new(hmac::HMAC_SHA256, &MAC_KEY), family, 0)
}

fn token_of(key: &hmac::Key, family: i64, generation: i64) -> String {
    let mac = hmac::sign(key, format!("{family}.{generation}").as_bytes());
    format!("{family}.{generation}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn id(floor: &Floor) -> String {
    format!("evt_{:032x}", floor.next.fetch_add(1, Ordering::Relaxed))
}
