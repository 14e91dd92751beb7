//! What lists consist of. Nothing of it is a secret: a client's digest, a key's bytes and a session's cookie are nowhere here. Times are
//! milliseconds since 1970. `next` is the `after` of the next page, where there may be one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! pages {
    ($($(#[$doc:meta])* $page:ident { $items:ident: $item:ident })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
        pub struct $page {
            pub $items: Vec<$item>,
            #[serde(skip_serializing_if = "Option::is_none", default)]
            pub next: Option<String>,
        }
    )*};
}

macro_rules! items {
    ($($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize, ToSchema)]
        pub struct $name { $($(#[$about])* pub $field: $kind,)* }
    )*};
}

pages! {
    /// What the registry holds, as the file or the API declared it.
    Objects { objects: ObjectItem }
    Clients { clients: ClientItem }
    /// What people allowed, ended grants too.
    Grants { grants: GrantItem }
    /// The people who ever signed in.
    Subjects { subjects: SubjectItem }
    Sessions { sessions: SessionItem }
    Keys { keys: KeyItem }
}

items! {
    ObjectItem {
        kind: String,
        name: String,
        id: String,
        /// A file's name, or the API.
        owner: String,
        /// The tenant's version that wrote it last.
        version: i64,
        /// Whether it has a secret, which is shown nowhere.
        has_secret: bool,
        #[schema(value_type = Object)]
        definition: serde_json::Value,
    }
    ClientItem {
        id: String,
        /// The file's name for it, or what it calls itself: then it is not to be believed.
        name: String,
        /// `file`, `dynamic` or `document`.
        origin: String,
        /// Whether it proves who it is.
        public: bool,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        agent: Option<String>,
        redirect_uris: Vec<String>,
        created_at: i64,
    }
    GrantItem {
        id: String,
        subject: String,
        client: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        agent: Option<String>,
        resources: Vec<AllowedItem>,
        created_at: i64,
        expires_at: i64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ended_at: Option<i64>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        end_reason: Option<String>,
    }
    AllowedItem {
        resource: String,
        scope: String,
    }
    SubjectItem {
        id: String,
        provider: String,
        /// `active` or `suspended`.
        status: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        username: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        email: Option<String>,
        groups: Vec<String>,
        seen_at: i64,
    }
    SessionItem {
        id: String,
        subject: String,
        provider: String,
        created_at: i64,
        expires_at: i64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ended_at: Option<i64>,
    }
    KeyItem {
        id: String,
        purpose: String,
        algorithm: String,
        created_at: i64,
        active_at: i64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retired_at: Option<i64>,
    }
}
