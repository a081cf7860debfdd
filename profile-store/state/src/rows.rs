//! The rows that leave the state for tables and API.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tributary_protocol::{Identifier, Json, Timestamp};
use uuid::Uuid;

/// One profile, folded.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileRow {
    /// Its id.
    pub profile_id: Uuid,
    /// Every identifier, sorted.
    pub identifiers: Vec<Identifier>,
    /// Least event time of any record.
    pub created_at: Timestamp,
    /// Greatest among the trait contributions and the first sightings of identifiers.
    pub updated_at: Timestamp,
    /// The golden record, by folded trait name.
    pub traits: Json,
    /// Where each value of `traits` comes from.
    pub provenance: BTreeMap<String, Provenance>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Provenance {
    /// The source.
    pub source: String,
    /// The identifier that owned the record, `kind:value`.
    pub node: String,
    /// The record's event time.
    #[serde(serialize_with = "text")]
    pub event_time: Timestamp,
    /// The record's message id.
    pub message_id: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// One identifier and its profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// `kind:value`.
    pub node: String,
    /// Its kind.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// Its profile.
    pub profile_id: Uuid,
}

/// The current snapshot of an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRow {
    /// The source.
    pub source: String,
    /// `deals`, `tickets`, `companies`, ...
    pub kind: String,
    /// The source's own key.
    pub id: String,
    /// Its fields.
    pub fields: Json,
    /// What it belongs to.
    pub associations: Vec<Identifier>,
    /// Whether the source deleted it.
    pub deleted: bool,
    /// Event time of the snapshot.
    pub updated_at: Timestamp,
}

/// One change of the partition: history, in the order it became known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileChange {
    /// `merge`, `split` or `assign`.
    pub change: String,
    /// The profile as it is called now.
    pub profile_id: Uuid,
    /// The profile that was absorbed, split off from, or renamed.
    pub other_profile_id: Option<Uuid>,
    /// What made it.
    pub cause: String,
    /// The edges that joined, as JSON.
    pub edges: String,
    /// Event time of the newest record of the batch.
    pub changed_at: Timestamp,
}
