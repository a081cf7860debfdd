//! The traits that a record tells of the person it belongs to.

use crate::fold::fold_trait_name;
use serde_json::Value;
use tributary_protocol::{Json, Record, RecordKind};

/// Name and value.
type ProfileTrait<'t> = (&'t String, &'t Value);

/// Traits at the top of an identify call, and those of the context of any.
pub(crate) struct Traits<'r> {
    top_level: Option<&'r Json>,
    of_context: Option<Json>,
}

impl<'r> Traits<'r> {
    pub(crate) fn of(record: &'r Record) -> Self {
        let top_level = (record.kind == RecordKind::Identify).then_some(&record.traits);
        Self { top_level, of_context: record.context.object("traits") }
    }

    pub(crate) fn top_level(&self) -> impl Iterator<Item = ProfileTrait<'_>> + Clone {
        self.top_level.into_iter().flatten()
    }

    pub(crate) fn of_context(&self) -> impl Iterator<Item = ProfileTrait<'_>> + Clone {
        self.of_context.iter().flatten()
    }

    /// Whether the traits of a level say that the one called `name` is
    /// verified: `email_verified`, `verifiedEmail`, ... is true.
    pub(crate) fn verify(&self, name: &str, at_top_level: bool) -> bool {
        let says_so = |(other, value): ProfileTrait<'_>| {
            let other = fold_trait_name(other);
            let of = other.strip_suffix("_verified").or_else(|| other.strip_prefix("verified_"));
            of == Some(name) && *value == true
        };
        if at_top_level { self.top_level().any(says_so) } else { self.of_context().any(says_so) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.top_level().chain(self.of_context()).next().is_none()
    }
}
