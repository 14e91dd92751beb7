//! `upstream`: what stands behind a resource. Its addresses or its command, what it is shown, whom it is believed by, its limits.

use std::collections::BTreeMap;

use chancery_core::{Secret, Slug};
use chancery_crypto::tls;

use super::objects::up_to;
use super::problem::{Complaint, Place};
use super::reader::{Cursor, Section};
use super::resource::{all, placed};
use super::secret::{STAND_IN, Secrets, secret};
use super::values;
use crate::{Stdio, Upstream, UpstreamAuth, UpstreamLimits, UpstreamSecrets, UpstreamTls};

const DAY: u64 = 24 * 60 * 60;
/// So many addresses of one upstream, and so much under way at once.
const MOST_REPLICAS: usize = 32;
const MOST_AT_ONCE: u32 = 1_000_000;
const MOST_CHILDREN: u32 = 10_000;
/// Unless told.
const CHILDREN: u32 = 64;

/// The upstream, and where its audience stands.
pub(super) fn upstream(section: &mut Section<'_>, secrets: Secrets<'_>, name: Option<&Slug>) -> Option<(Upstream, Place)> {
    let url = section.optional("url", "url: http://127.0.0.1:9001/mcp", placed(|cursor| cursor.parsed(values::upstream_url)));
    let stdio = section.optional("stdio", "stdio: { command: /usr/bin/my-mcp-server }", |cursor| cursor.section(|own| stdio(own, secrets)));
    let audience =
        section.optional("audience", "audience: https://mcp.internal.example.com", placed(|cursor| cursor.text().map(str::to_owned)));
    let replicas = section.optional("replicas", "replicas: [ http://127.0.0.1:9002/mcp ]", replicas);
    let credential = section.optional("credential", "credential: none", |cursor| cursor.parsed(credential));
    let algorithm = section.optional("token_signing_alg", "token_signing_alg: RS256", |cursor| cursor.parsed(values::algorithm));
    let header = section.optional("header", "header: { name: X-Api-Key, value: env:BANK_KEY }", |cursor| {
        cursor.section(|section| header(section, secrets))
    });
    let authority = section.optional("authority", "authority: file:ca.pem", |cursor| {
        pem(cursor, secrets, |text| tls::authorities(text).map(drop)).map(|text| text.expose().clone())
    });
    let certificate = section.optional("certificate", "certificate: { chain: file:gateway.pem, key: file:gateway.key }", |cursor| {
        cursor.section(|section| certificate(section, secrets))
    });
    let limits = section.optional("limits", "limits: { first_byte: 10m }", |cursor| cursor.section(limits));

    let (url, stdio, audience) = (url?, stdio?, audience?);
    let (replicas, credential, header) = (replicas?.unwrap_or_default(), credential?, header?);
    let (url, at, stdio, env) = match (url, stdio) {
        (Some((url, at)), None) => (url, at, None, BTreeMap::new()),
        (None, Some((stdio, env))) => (format!("stdio:{}", name?), section.place.clone(), Some(stdio), env),
        (Some(_), Some(_)) => return missing(section, "an upstream has an address or is a command, not both"),
        (None, None) => return missing(section, "an upstream has an address or is a command"),
    };
    let certificate = certificate?;
    let network = !replicas.is_empty() || credential.is_some() || header.is_some() || authority != Some(None) || certificate.is_some();
    if stdio.is_some() && network {
        let remedy = "leave out replicas, credential, header, authority and certificate: what it needs to know stands in its env";
        section.complain("stdio", "a child process is reached by no network", remedy);
        return None;
    }
    let credential = match (credential, &header) {
        (None, None) if stdio.is_none() => UpstreamAuth::Token,
        (Some(_), Some(_)) => {
            section.complain("credential", "it is shown the header or this, not both", "leave one of them out");
            return None;
        }
        (_, Some((name, _))) => UpstreamAuth::Header(name.clone()),
        (known, None) => known.unwrap_or(UpstreamAuth::Nothing),
    };
    let algorithm = algorithm?;
    if algorithm.is_some() && credential != UpstreamAuth::Token {
        section.complain("token_signing_alg", "this upstream is shown no token of ours", "leave it out, or write `credential: token`");
        return None;
    }
    let (chain, key) = certificate.unzip();
    let secrets = UpstreamSecrets::new(header.map(|(_, value)| value), key, env);
    let (audience, at) = audience.unwrap_or_else(|| (url.clone(), at));
    let tls = UpstreamTls { authority: authority?, certificate: chain };
    let (token_signing_alg, limits) = (algorithm.unwrap_or_default(), limits?.unwrap_or_default());
    Some((Upstream { url, audience, replicas, credential, token_signing_alg, tls, stdio, limits, secrets }, at))
}

fn missing<T>(section: &Section<'_>, what: &str) -> Option<T> {
    section.complain("url", what, "write `url: http://127.0.0.1:9001/mcp`, or `stdio: { command: /usr/bin/my-mcp-server }`");
    None
}

fn replicas(cursor: &Cursor<'_>) -> Option<Vec<String>> {
    let items = cursor.list()?;
    if items.len() > MOST_REPLICAS {
        cursor.complain(format!("{} addresses are too many", items.len()), format!("name at most {MOST_REPLICAS}, or a balancer's"));
        return None;
    }
    let urls: Vec<_> = items.iter().map(|item| item.parsed(values::upstream_url)).collect();
    urls.into_iter().collect()
}

fn credential(text: &str) -> Result<UpstreamAuth, Complaint> {
    match text {
        "token" => Ok(UpstreamAuth::Token),
        "none" => Ok(UpstreamAuth::Nothing),
        _ => Err(Complaint::new(
            "this is nothing that an upstream is shown", // and may be a secret, so it is not repeated
            "write `token` or `none`, or a `header` with its name and value",
        )),
    }
}

fn header(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<(String, Secret<String>)> {
    let name = section.required("name", "name: X-Api-Key", |cursor| cursor.parsed(header_name));
    let value = section.required("value", "value: env:BANK_KEY", |cursor| {
        let value = secret(cursor, secrets, 0)?;
        if value.expose().bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
            cursor.complain("the secret holds what no header may hold", "it must be printable ASCII, on one line");
            return None;
        }
        Some(value)
    });
    Some((name?, value?))
}

/// Those that say how the message is to be read are the gateway's, and so are MCP's own.
fn header_name(text: &str) -> Result<String, Complaint> {
    const OURS: [&str; 12] = [
        "host",
        "connection",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "accept",
        "accept-encoding",
        "expect",
    ];
    let name = text.to_ascii_lowercase();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(token) {
        return Err(Complaint::new(format!("`{text}` is not a header's name"), "write it like `Authorization` or `X-Api-Key`"));
    }
    if OURS.contains(&&*name) || name.starts_with("mcp-") {
        return Err(Complaint::new(
            format!("the gateway itself says `{text}`"),
            "choose the header that the upstream looks for its secret in",
        ));
    }
    Ok(name)
}

fn certificate(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<(String, Secret<String>)> {
    let chain = section.required("chain", "chain: file:gateway.pem", |cursor| {
        pem(cursor, secrets, |text| tls::authorities(text).map(drop)).map(|text| text.expose().clone())
    });
    let key = section.required("key", "key: file:gateway.key", |cursor| pem(cursor, secrets, |text| tls::key(text).map(drop)));
    Some((chain?, key?))
}

/// What stands elsewhere in PEM, and can be used.
fn pem(cursor: &Cursor<'_>, secrets: Secrets<'_>, check: impl FnOnce(&str) -> Result<(), String>) -> Option<Secret<String>> {
    let text = secret(cursor, secrets, 0)?;
    if text.expose() == STAND_IN {
        return Some(text);
    }
    match check(text.expose()) {
        Ok(()) => Some(text),
        Err(why) => {
            cursor.complain(format!("what it leads to cannot be used: {why}"), "it must be PEM, as openssl writes it");
            None
        }
    }
}

fn stdio(section: &mut Section<'_>, secrets: Secrets<'_>) -> Option<(Stdio, BTreeMap<String, Secret<String>>)> {
    let command = section.required("command", "command: /usr/bin/my-mcp-server", |cursor| cursor.parsed(absolute));
    let args = section.optional("args", "args: [ --read-only ]", |cursor| {
        let args: Vec<_> = cursor.list()?.iter().map(|item| item.long_text().map(str::to_owned)).collect();
        args.into_iter().collect()
    });
    let env = section.optional("env", "env: { BANK_TOKEN: env:BANK_TOKEN }", |cursor| {
        all(cursor.entries()?.into_iter().map(|(name, value)| Some((variable(name, &value)?, secret(&value, secrets, 0)?))))
    });
    let settings = section.optional("settings", "settings: { LOG_LEVEL: info }", |cursor| {
        all(cursor.entries()?.into_iter().map(|(name, value)| Some((variable(name, &value)?, value.long_text()?.to_owned()))))
    });
    let folder = section.optional("folder", "folder: /var/lib/my-mcp-server", |cursor| cursor.parsed(absolute));
    let most = section.optional("most", "most: 64", |cursor| cursor.number(MOST_CHILDREN));
    let stdio = Stdio {
        command: command?,
        args: args?.unwrap_or_default(),
        settings: settings?.unwrap_or_default(),
        folder: folder?,
        most: most?.unwrap_or(CHILDREN),
    };
    Some((stdio, env?.unwrap_or_default()))
}

fn absolute(text: &str) -> Result<String, Complaint> {
    if !text.starts_with('/') || text.contains('\0') {
        let remedy = "write the whole path, such as /usr/bin/npx: no shell and no PATH is asked";
        return Err(Complaint::new(format!("`{text}` is not an absolute path"), remedy));
    }
    Ok(text.to_owned())
}

fn variable(name: &str, at: &Cursor<'_>) -> Option<String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) {
        at.complain(format!("`{name}` is not a variable's name"), "use letters, digits and _");
        return None;
    }
    Some(name.to_owned())
}

#[rustfmt::skip]
fn limits(section: &mut Section<'_>) -> Option<UpstreamLimits> {
    let default = UpstreamLimits::default();
    let mut time = |key, example, most| section.optional(key, example, |cursor| cursor.parsed(|text| up_to(most, text)));
    let connect    = time("connect", "connect: 5s", 60);
    let first_byte = time("first_byte", "first_byte: 10m", DAY);
    let idle       = time("idle", "idle: 1h", 30 * DAY);
    let absolute   = time("absolute", "absolute: 24h", 30 * DAY);
    let per_subject = section.optional("per_subject", "per_subject: 256", |cursor| cursor.number(MOST_AT_ONCE));
    let per_client  = section.optional("per_client", "per_client: 4096", |cursor| cursor.number(MOST_AT_ONCE));
    Some(UpstreamLimits {
        connect: connect?.unwrap_or(default.connect),
        first_byte: first_byte?.unwrap_or(default.first_byte),
        idle: idle?.unwrap_or(default.idle),
        absolute: absolute?.unwrap_or(default.absolute),
        per_subject: per_subject?.unwrap_or(default.per_subject),
        per_client: per_client?.unwrap_or(default.per_client),
    })
}

#[cfg(test)]
mod tests;
