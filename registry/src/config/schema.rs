//! The JSON Schema of `chancery.yaml`, for editors: completion, words on hover, a red line under what is not known. The reader is what
//! rules; a test walks both and refuses a key that only one of them has.

mod objects;
mod registration;
mod server;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use self::objects::{Agent, Client, Lifetimes, Provider, Resource, SignOut};
use self::registration::{Registration, SignIns};
use self::server::Server;

/// The schema, as a JSON document (draft 2020-12).
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// A key that may be left out may not be left empty.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(any)) = schema.get_mut("anyOf") {
        any.retain(|kind| kind["type"] != "null");
        if let [Value::Object(only)] = any.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            only.into_iter().for_each(|(key, value)| drop(schema.insert(key, value)));
        }
    }
}

/// The configuration of a Chancery server: one tenant, and this node's own block. It may be one file, or a folder of files that make one.
#[derive(JsonSchema)]
#[schemars(title = "chancery.yaml", deny_unknown_fields)]
#[expect(dead_code, reason = "nothing is ever read into it: it says what the reader reads")]
struct File {
    /// What concerns this node alone.
    server: Option<Server>,
    /// The tenant's name, a part of the issuer's address: it never changes.
    tenant: Option<String>,
    /// Where people and apps reach this server, such as https://gw.example.com. It never changes.
    base_url: Option<String>,
    /// Who signs people in.
    identity_providers: Option<Vec<Provider>>,
    /// Workloads with an identity of their own.
    agents: Option<Vec<Agent>>,
    /// Apps that are registered by hand.
    clients: Option<Vec<Client>>,
    /// MCP servers and APIs that tokens are for.
    resources: Option<Vec<Resource>>,
    /// Cedar policies, as text.
    policies: Option<String>,
    /// Whether and how apps register themselves.
    registration: Option<Registration>,
    /// Which groups have which roles, and which scopes are not for everybody.
    access: Option<Vec<objects::Access>>,
    /// How many sign-ins may begin.
    sign_ins: Option<SignIns>,
    /// How long things last.
    lifetimes: Option<Lifetimes>,
    /// What comes of a sign-out.
    sign_out: Option<SignOut>,
}

#[cfg(test)]
mod tests;
