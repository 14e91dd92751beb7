//! The schema as Cedar values, parsed once: what policies are checked against and questions are put in.

use std::str::FromStr;
use std::sync::LazyLock;

use cedar_policy::{Entities, EntityId, EntityTypeName, EntityUid, Schema};

use crate::Action;

/// The policy that is there without anybody writing it: what scopes allow is permitted.
pub(crate) const BUILT_IN: &str = "permit(principal, action, resource);";
pub(crate) const BUILT_IN_ID: &str = "chancery";

static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(Vocabulary::read);

pub(crate) struct Vocabulary {
    pub schema: Schema,
    /// Questions carry all that policies may ask, so there is nothing to look up.
    pub entities: Entities,
    user: EntityTypeName,
    agent: EntityTypeName,
    client: EntityTypeName,
    resource: EntityTypeName,
    actions: [EntityUid; Action::ALL.len()],
    arguments: [EntityUid; Kind::ALL.len()],
}

/// The kinds of arguments that policies tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Texts,
    Integers,
    Decimals,
    Flags,
    Lists,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Texts, Self::Integers, Self::Decimals, Self::Flags, Self::Lists];

    /// Its name in `context.arguments`.
    pub(crate) const fn member(self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::Integers => "integers",
            Self::Decimals => "decimals",
            Self::Flags => "flags",
            Self::Lists => "lists",
        }
    }

    const fn entity(self) -> &'static str {
        match self {
            Self::Texts => "Texts",
            Self::Integers => "Integers",
            Self::Decimals => "Decimals",
            Self::Flags => "Flags",
            Self::Lists => "Lists",
        }
    }
}

impl Vocabulary {
    pub(crate) fn get() -> &'static Self {
        &VOCABULARY
    }

    fn read() -> Self {
        let (schema, _) = Schema::from_cedarschema_str(include_str!("chancery.cedarschema")).expect("the schema in this crate parses");
        Self {
            schema,
            entities: Entities::empty(),
            user: entity_type("User"),
            agent: entity_type("Agent"),
            client: entity_type("Client"),
            resource: entity_type("Resource"),
            actions: Action::ALL.map(|action| uid(&entity_type("Action"), action.as_str())),
            arguments: Kind::ALL.map(|kind| uid(&entity_type(kind.entity()), "given")),
        }
    }

    pub(crate) fn user(&self, id: &str) -> EntityUid {
        uid(&self.user, id)
    }

    pub(crate) fn agent(&self, name: &str) -> EntityUid {
        uid(&self.agent, name)
    }

    pub(crate) fn client(&self, id: &str) -> EntityUid {
        uid(&self.client, id)
    }

    pub(crate) fn resource(&self, name: &str) -> EntityUid {
        uid(&self.resource, name)
    }

    pub(crate) fn action(&self, action: Action) -> EntityUid {
        let at = Action::ALL.iter().position(|known| *known == action).expect("ALL names every action");
        self.actions[at].clone()
    }

    pub(crate) fn arguments(&self, kind: Kind) -> EntityUid {
        let at = Kind::ALL.iter().position(|known| *known == kind).expect("ALL names every kind");
        self.arguments[at].clone()
    }

    pub(crate) fn names_resource(&self, entity: &EntityUid) -> bool {
        entity.type_name() == &self.resource
    }

    pub(crate) fn names_agent(&self, entity: &EntityUid) -> bool {
        entity.type_name() == &self.agent
    }
}

fn entity_type(name: &str) -> EntityTypeName {
    EntityTypeName::from_str(&format!("Chancery::{name}")).expect("the schema's names are names")
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}
