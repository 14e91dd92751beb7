//! A sign-in, tried as people will meet it: the server itself, from the file that was written, over a store that is thrown away, and an
//! app that asks for nothing but to see it work.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chancery_audit::Counters;
use chancery_console::Console;
use chancery_core::{ClientId, Person, Rng, SubjectId};
use chancery_crypto::digest::{base64url, from_base64url, pkce_s256};
use chancery_outbound::{Dialer, Upstreams};
use chancery_registry::Config;
use chancery_registry::config::ServerConfig;
use chancery_store::StoreUrl;
use chancery_store::repo::{subjects, vouchers};
use serde_json::{Value, json};

use super::check::{self, BACK, BEGIN, Brought};
use crate::admin::message::Tail;
use crate::admin::{Administration, Administrator};
use crate::doctor::Visitor;
use crate::exit::{Exit, Failure};
use crate::files::{self, Read};
use crate::ground::Footing;
use crate::listener::{self, Proxies};
use crate::stop::Stop;
use crate::telemetry::Telemetry;
use crate::wire::{Node, NodeConfig};

const NAME: &str = "sign-in-check";
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Who came.
#[derive(Debug)]
pub struct Came {
    pub person: Person,
    pub subject: String,
    /// Whether the provider can be asked about them again, by a refresh token that it gave.
    pub can_be_asked: bool,
}

/// What a check is made of.
pub struct Check<'a> {
    pub read: &'a Read,
    pub dialer: &'a Dialer,
    pub rng: &'a dyn Rng,
    pub stop: &'a Stop,
}

impl Check<'_> {
    /// `tell` is given the address to open, once it can be opened, and each refusal.
    ///
    /// # Errors
    /// Why nobody came.
    pub async fn run(&self, tell: impl Fn(&str) -> Result<(), Failure>) -> Result<Came, Failure> {
        let folder = Folder::new(self.rng)?;
        let (config, base, listen) = self.config()?;
        let listener = listener::bind(listen).await?;
        let footing = Footing::here(StoreUrl::sqlite(folder.0.join("check.db")), folder.0.join("check.key"));
        let proxies = Proxies::new(&config.server.proxies);
        let (dialer, commands, hosts) = (self.dialer.clone(), Vec::new(), Vec::new());
        let large_messages = ServerConfig::default().large_messages;
        let node = NodeConfig { footing, socket: None, dialer, commands, large_messages, proxies, hosts, telemetry: Telemetry::default() };
        let node = Node::open(node, Console).await?;
        let (administration, counters) = (node.ground().administration(), node.ground().counters.clone());
        let applied = administration.apply_config(&config, &Administrator::at_start()).await?;
        let client = applied.clients.iter().find(|(name, _)| name.as_str() == NAME).map(|(_, id)| id.clone());
        let client = client.ok_or_else(|| Failure::new(Exit::Failed, "the check's own app is missing"))?;

        let app = App {
            issuer: config.issuer(),
            resource: format!("{base}/mcp/{NAME}"),
            back: format!("http://{listen}{BACK}"),
            client,
            verifier: self.random(),
        };
        let (routes, brought) = check::routes(app.authorize());
        let stop = Stop::new().with_patience(Duration::from_secs(1));
        let serving = tokio::spawn(node.beside(routes).run(listener, stop.clone()));
        tell(&format!("{base}{BEGIN}"))?;

        let came = tokio::select! {
            brought = brought => self.redeemed(&app, &brought.unwrap_or_default(), &administration).await,
            never = refusals(&administration, &counters, &tell) => never,
            () = tokio::time::sleep(PATIENCE) => Err(not_tested("nobody came back within 15 minutes")),
            () = self.stop.drain.cancelled() => Err(not_tested("it was interrupted")),
        };
        stop.drain.cancel();
        let _ = serving.await;
        came
    }

    /// The file, and with it an app and a resource of the check's own.
    fn config(&self) -> Result<(Config, String, SocketAddr), Failure> {
        let listen = self.read.config.server.listen;
        let mut files = self.read.files.clone();
        let own = json!({
            "clients": [{ "name": NAME, "redirect_uris": [format!("http://127.0.0.1{BACK}")] }],
            "resources": [{ "name": NAME, "title": "Nothing: this only shows that signing in works",
                "scopes": { "sign-in:check": "See that you can sign in" }, "default_scope": "sign-in:check" }],
        });
        files.files.push(("the sign-in check".to_owned(), own.to_string())); // JSON is YAML
        let config = files::read_sent(&files)?;
        let base = config.base_url.clone();
        Ok((config, base, listen))
    }

    async fn redeemed(&self, app: &App, brought: &Brought, administration: &Administration) -> Result<Came, Failure> {
        let Some(code) = brought.get("code") else {
            let said = |name: &str| brought.get(name).map_or("", String::as_str);
            return Err(not_tested(&format!("the answer was {}: {}", said("error"), said("error_description"))));
        };
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &app.back),
            ("client_id", app.client.as_str()),
            ("code_verifier", app.verifier.as_str()),
        ];
        let visitor = Visitor(Upstreams::new(self.dialer));
        let answer = visitor.post_form(&format!("{}/token", app.issuer), &fields).await.and_then(|seen| seen.document());
        let tokens = answer.map_err(|why| not_tested(&format!("the code could not be redeemed: {why}")))?;
        let subject = subject(&tokens).ok_or_else(|| not_tested("the token names nobody"))?;
        let tenant = administration.registry.tenants().first().map(|tenant| tenant.id);
        let (known, voucher) = match (tenant, subject.parse::<SubjectId>()) {
            (Some(tenant), Ok(id)) => {
                let store = &administration.store;
                let voucher = vouchers::for_client(store, &tenant, &id, &app.client).await.ok().flatten();
                (subjects::by_id(store, &tenant, &id).await.ok().flatten(), voucher)
            }
            _ => (None, None),
        };
        let person = known.and_then(|known| serde_json::from_str(&known.claims).ok()).unwrap_or_default();
        Ok(Came { person, subject, can_be_asked: voucher.is_some() })
    }

    fn random(&self) -> String {
        let mut bytes = [0; 32];
        self.rng.fill(&mut bytes);
        base64url(&bytes)
    }
}

/// The app that asks.
struct App {
    issuer: String,
    resource: String,
    back: String,
    client: ClientId,
    verifier: String,
}

impl App {
    fn authorize(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("response_type", "code"),
                ("client_id", self.client.as_str()),
                ("redirect_uri", &self.back),
                ("resource", &self.resource),
                ("code_challenge", &pkce_s256(&self.verifier)),
                ("code_challenge_method", "S256"),
            ])
            .finish();
        format!("{}/authorize?{query}", self.issuer)
    }
}

fn subject(tokens: &Value) -> Option<String> {
    let payload = tokens["access_token"].as_str()?.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&from_base64url(payload)?).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

/// Tells each refused sign-in, those too that are only counted; a person may try again. Ends when it cannot look any more.
async fn refusals(
    administration: &Administration,
    counters: &Counters,
    tell: &impl Fn(&str) -> Result<(), Failure>,
) -> Result<Came, Failure> {
    let tenant = administration.registry.tenants().first().map_or_else(String::new, |tenant| tenant.name.to_string());
    let mut after = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        counters.summarise(&administration.journal, administration.clock.now()).await;
        let tail = Tail { tenant: tenant.clone(), after, limit: 50, follow: false };
        for entry in administration.tail(&tail).await? {
            after = Some(entry.id);
            let of_the_callback = entry.fields.iter().any(|(name, value)| name == "endpoint" && value == "callback");
            if entry.kind == "sign_in_refused" || entry.kind == "refusals_counted" && of_the_callback {
                let reason = entry.fields.iter().find(|(name, _)| name == "reason").map_or("", |(_, reason)| reason);
                tell(&format!("a sign-in was refused: {reason}"))?;
            }
        }
    }
}

fn not_tested(why: &str) -> Failure {
    Failure::new(Exit::Provider, "nobody has signed in")
        .because(why)
        .remedy("see that the redirect URI is registered, and client id and secret are right; `chancery doctor` looks at the rest")
}

/// A folder that goes when it is done with.
struct Folder(PathBuf);

impl Folder {
    fn new(rng: &dyn Rng) -> Result<Self, Failure> {
        let mut name = [0; 8];
        rng.fill(&mut name);
        let path = std::env::temp_dir().join(format!("chancery-init-{}", base64url(&name)));
        make(&path).map_err(|error| Failure::new(Exit::Storage, format!("{} cannot be made", path.display())).because(error))?;
        Ok(Self(path))
    }
}

fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(path)
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
