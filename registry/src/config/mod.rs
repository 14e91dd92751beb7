//! `chancery.yaml` to typed definitions. It may be one file or several that make one; `.cedar` files beside them hold policies.
//!
//! 1. Each text becomes a tree whose nodes know where they stand.
//! 2. The tree is read key by key; reading goes on after a problem, so that one run names all of them.
//! 3. Secrets are fetched from where the file says they lie. One that stands in the file is refused, and not repeated.
//!
//! What is stored may contradict a file as well; that is for [`crate::plan`] to say.

mod access;
mod declared;
mod documents;
mod feed;
mod identity_provider;
mod nearest;
mod objects;
mod observed;
mod outline;
mod policies;
mod problem;
mod reader;
mod registration;
mod resource;
mod schema;
mod secret;
mod server;
mod upstream;
mod values;
mod yaml;

pub(crate) use declared::{Declared, DeclaredSecret};
pub use feed::{FeedConfig, WhenLost};
pub use identity_provider::PROFILES;
pub use observed::{MetricsConfig, TracesConfig};
pub use outline::{ProviderOutline, ResourceOutline};
pub use problem::Problem;
pub(crate) use problem::{Complaint, Place};
pub use schema::schema;
pub use secret::{LookUp, STAND_IN, SecretRef, SecretRefError, Whose};
pub use server::ServerConfig;

use std::collections::BTreeMap;

use chancery_core::Slug;

use crate::definition::Definition;
use problem::Problems;
use reader::{Entry, Section};
use secret::Secrets;
use yaml::{At, Node, Value};

/// A file, understood. It has no `Debug`: it holds secrets.
pub struct Config {
    /// This node's own block.
    pub server: ServerConfig,
    pub tenant: Slug,
    /// Without a trailing slash.
    pub base_url: String,
    pub(crate) base_url_at: Place,
    pub(crate) declared: Vec<Declared>,
}

impl Config {
    /// Reads `files`, each a name and its text; names are for messages, and the first file is where what is missing is missing from.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of files and lines.
    pub fn read(files: &[(String, String)], secrets: LookUp<'_>) -> Result<Self, Vec<Problem>> {
        let problems = Problems::default();
        let texts = files.iter().filter(|(name, _)| !policies::is_cedar(name));
        let trees: Vec<_> = texts.filter_map(|file| Some((&*file.0, tree(file, &problems)?))).collect();
        let entries = trees.iter().flat_map(|(file, tree)| entries(file, tree, &problems)).collect();
        if !problems.is_empty() {
            return Err(problems.into_sorted()); // of a file that cannot be read, nothing is known to be missing
        }
        let start = Place::new(files.first().map_or("chancery.yaml", |(name, _)| name), At::START, String::new());
        let config = Section::new(start, entries, &problems).read(|section| read(section, files, secrets, &problems));
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems.into_sorted()),
        }
    }
}

fn read<'a>(section: &mut Section<'a>, files: &'a [(String, String)], secrets: LookUp<'_>, problems: &Problems) -> Option<Config> {
    let of_node = |reference: &SecretRef| secrets(reference, Whose::Node);
    let of_tenant = |reference: &SecretRef| secrets(reference, Whose::Tenant);
    let server = section
        .optional("server", "server: { listen: 127.0.0.1:8080 }", |cursor| cursor.section(|section| server::server(section, &of_node)));
    let tenant = section.required("tenant", "tenant: acme", |cursor| cursor.parsed(values::name));
    let base_url = section.required("base_url", "base_url: https://gw.example.com", |cursor| {
        cursor.parsed(values::base_url).map(|url| (url, cursor.place.clone()))
    });
    // Where there is none, any will do to go on with: the file is refused anyway.
    let base = base_url.as_ref().map_or("https://chancery.invalid", |(url, _)| url);
    let declared = declared(section, files, base, &of_tenant, problems);

    let (base_url, base_url_at) = base_url?;
    Some(Config { server: server?.unwrap_or_default(), tenant: tenant?, base_url, base_url_at, declared })
}

/// Agents come before the clients that act as them, and policies after all that they may name.
fn declared<'a>(
    section: &mut Section<'a>,
    files: &'a [(String, String)],
    base: &str,
    secrets: Secrets<'_>,
    problems: &Problems,
) -> Vec<Declared> {
    let (mut declared, mut known) = (Vec::new(), policies::Known::default());
    let providers = section.items("identity_providers", "identity_providers: [ { name: corp } ]");
    if providers.is_empty() {
        let remedy = "add one, such as `identity_providers: [ { name: corp, issuer: https://login.example.com, … } ]`";
        problems.add(&section.place_of("identity_providers"), Complaint::new("without an identity provider nobody can sign in", remedy));
    }
    declared.extend(providers.iter().filter_map(|cursor| identity_provider::identity_provider(cursor, secrets)));
    let items = section.items("agents", "agents: [ { name: reporter, owner: finance } ]");
    declared.extend(items.iter().filter_map(|cursor| objects::agent(cursor, &mut known.agents)));
    let items = section.items("clients", "clients: [ { name: desk, redirect_uris: [ https://desk.example.com/callback ] } ]");
    declared.extend(items.iter().filter_map(|cursor| objects::client(cursor, &known.agents, secrets)));
    known.resources.insert(crate::ADMIN_NAME.parse().expect("a name"));
    let items = section.items("resources", "resources: [ { name: bank } ]");
    declared.extend(items.iter().filter_map(|cursor| resource::resource(cursor, base, &mut known.resources, secrets)));
    declared.extend(policies::policies(section, files, &known, problems));
    let rules = access::access(section).unwrap_or_default();
    access::strangers(&rules, &declared, problems);
    let rules = rules.into_iter().map(|(rule, _)| rule).collect();
    let named = |declared: &Declared| matches!(declared.definition, Definition::IdentityProvider(_)).then(|| declared.name.clone());
    let providers = declared.iter().filter_map(named).collect();
    let known = registration::Known { agents: &known.agents, providers: &providers, secrets };
    declared.extend(objects::settings(section, rules, &known));
    once_each(&declared, problems);
    identity_provider::one_domain_each(&declared, problems);
    declared
}

/// Objects are found again by their names.
fn once_each(declared: &[Declared], problems: &Problems) {
    let mut seen: BTreeMap<(&str, &Slug), &Place> = BTreeMap::new();
    for object in declared {
        let kind = object.definition.kind().as_str();
        if let Some(first) = seen.insert((kind, &object.name), &object.at) {
            let what = format!("{}:{} has a {} of this name already", first.file, first.line, kind.replace('_', " "));
            problems.add(&object.at, Complaint::new(what, "give each its own"));
        }
    }
}

/// The text of a file as a tree.
fn tree((file, text): &(String, String), problems: &Problems) -> Option<Node> {
    let complain = |unreadable: yaml::Unreadable| {
        let place = Place::new(file, unreadable.at, String::new());
        problems.add(&place, Complaint::new(format!("this is not YAML: {}", unreadable.message), "correct the line, or the one before it"));
    };
    yaml::parse(text).map_err(complain).ok()
}

/// The keys at the top of a file.
fn entries<'a>(file: &'a str, tree: &'a Node, problems: &Problems) -> Vec<Entry<'a>> {
    match &tree.value {
        Value::Map(entries) => entries.iter().map(|(key, node)| (file, key, node)).collect(),
        Value::Nothing => Vec::new(),
        other => {
            let complaint =
                Complaint::new(format!("a mapping is expected here, not {}", other.kind()), "begin with a line like `tenant: acme`");
            problems.add(&Place::new(file, tree.at, String::new()), complaint);
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
