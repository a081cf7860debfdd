//! `State`: the handle that worker, tables and API share.

use crate::apply::{Applied, Mode};
use crate::keys::{hash_at, key, of, pair};
use crate::rows::{IdentityRow, ObjectRow, ProfileChange, ProfileRow};
use crate::store::{FjallStore, MemoryStore, Store};
use crate::values::{Node, decode, decode_edge, decode_numbers, numbers};
use crate::{Error, Result, Rule};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tributary_protocol::KIND_USER_ID;
use tributary_protocol::{DedupKey, Identifier, LogValue};
use tributary_resolve::{DEFAULT_ID_KEY, Evidence, Neighbour, NodeFacts, NodeId};
use uuid::Uuid;

/// Settings of the fold and of identity.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key of the profile ids.
    pub id_key: [u8; 16],
    /// An identifier with more distinct user ids than this joins nothing.
    pub generic_after: u32,
    /// Rule by folded trait name.
    pub survivorship: BTreeMap<String, Rule>,
    /// Rule of every other trait.
    pub survivorship_default: Rule,
}

impl Default for Options {
    fn default() -> Self {
        let survivorship_default = Rule::default();
        Self { id_key: DEFAULT_ID_KEY, generic_after: 25, survivorship: BTreeMap::new(), survivorship_default }
    }
}

/// A table whose rows are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are those of the tables")]
pub enum Table {
    Profiles,
    Identities,
    Objects,
}

impl Table {
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Profiles => b'p',
            Self::Identities => b'i',
            Self::Objects => b'o',
        }
    }
}

pub(crate) struct Inner {
    pub(crate) store: Box<dyn Store>,
    pub(crate) options: Options,
    /// Held while a batch or a clean-up reads and writes.
    writing: Mutex<()>,
    is_new: bool,
}

/// The live state. Clones share it.
#[derive(Clone)]
pub struct State(Arc<Inner>);

impl State {
    /// Opens or creates the state of the log `log_id` in `folder`.
    ///
    /// # Errors
    /// [`Error::OtherLog`] if it was made from another log; [`Error::Store`] if it cannot be read.
    pub fn open(folder: &Path, log_id: Uuid, _partitions: u32, options: Options) -> Result<Self> {
        let (store, is_new) = FjallStore::open(folder)?;
        let state = Self(Arc::new(Inner { store: Box::new(store), options, writing: Mutex::new(()), is_new }));
        match state.0.store.get(b"L")? {
            Some(known) if known != log_id.as_bytes() => Err(Error::OtherLog),
            Some(_) => Ok(state),
            None => {
                state.0.store.apply(vec![(b"L".to_vec(), Some(log_id.as_bytes().to_vec()))])?;
                Ok(state)
            }
        }
    }

    /// Makes a state in memory, for tests.
    #[must_use]
    pub fn in_memory(options: Options) -> Self {
        let store = Box::new(MemoryStore::default());
        Self(Arc::new(Inner { store, options, writing: Mutex::new(()), is_new: true }))
    }

    /// Whether this call to open created it.
    pub fn is_new(&self) -> bool {
        self.0.is_new
    }

    /// The next offset of a partition to apply.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn position(&self, partition: u32) -> Result<u64> {
        let bytes = self.0.store.get(&key(b'P', &[&partition.to_be_bytes()]))?;
        Ok(bytes.map_or(Ok([0]), |bytes| decode_numbers::<1>("position", &bytes))?[0])
    }

    /// Sets the next offset of a partition, after a rebuild.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_position(&self, partition: u32, next: u64) -> Result<()> {
        self.0.store.apply(vec![(key(b'P', &[&partition.to_be_bytes()]), Some(numbers(&[next])))])
    }

    /// Applies a batch of a partition: dedupe, resolve, fold, and one atomic,
    /// durable write that also moves the position to `next`. Offsets below the
    /// position are skipped.
    ///
    /// # Errors
    /// If the store fails; then nothing of the batch is applied.
    pub fn apply(&self, partition: u32, next: u64, values: Vec<(u64, LogValue)>, mode: Mode) -> Result<Applied> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.apply_batch(partition, next, values, mode)
    }

    /// Position of the copy of a delivery that counted.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn counted_at(&self, delivery: DedupKey) -> Result<Option<(u32, u64)>> {
        let Some(bytes) = self.0.store.get(&of(b'D', delivery.0))? else { return Ok(None) };
        let [partition, offset] = decode_numbers::<2>("dedup", &bytes)?;
        Ok(Some((u32::try_from(partition).unwrap_or(u32::MAX), offset)))
    }

    /// The dirty rows of a table, each with the sequence of its last change.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn dirty(&self, table: Table) -> Result<Vec<(u128, u64)>> {
        let rows = self.0.store.scan(&key(b'Y', &[&[table.tag()]]))?;
        rows.iter().map(|(key, value)| Ok((hash_at(key, 2), decode_numbers::<1>("dirty", value)?[0]))).collect()
    }

    /// Marks rows clean that did not change since.
    ///
    /// # Errors
    /// If the store fails.
    pub fn clear_dirty(&self, table: Table, rows: &[(u128, u64)]) -> Result<()> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut removals = Vec::new();
        for (row, sequence) in rows {
            let place = key(b'Y', &[&[table.tag()], &row.to_be_bytes()]);
            let now = self.0.store.get(&place)?.map(|bytes| decode_numbers::<1>("dirty", &bytes)).transpose()?;
            if now == Some([*sequence]) {
                removals.push((place, None));
            }
        }
        self.0.store.apply(removals)
    }

    /// Folds a profile; `None` if no profile is called so now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn profile_row(&self, id: u128) -> Result<Option<ProfileRow>> {
        self.0.fold(id)
    }

    /// One identifier and its profile.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn identity_row(&self, node: u128) -> Result<Option<IdentityRow>> {
        let row = |identifier: Identifier, profile: u128| IdentityRow {
            node: identifier.to_string(),
            kind: identifier.kind,
            value: identifier.value,
            profile_id: Uuid::from_u128(profile),
        };
        if let Some(node) = self.node(node)? {
            return Ok(Some(row(node.identifier, node.profile)));
        }
        let Some((owner, owner_hash)) = self.phone_owner(node)? else { return Ok(None) };
        let phone = self.0.store.get(&pair(b'I', owner_hash, node))?;
        let phone: Option<Identifier> = phone.map(|bytes| decode("phone", &bytes)).transpose()?;
        Ok(phone.map(|phone| row(phone, owner.profile)))
    }

    /// The current snapshot of an object.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn object_row(&self, object: u128) -> Result<Option<ObjectRow>> {
        let Some(bytes) = self.0.store.get(&of(b'J', object))? else { return Ok(None) };
        let (_, row): ((i64, String), ObjectRow) = decode("object", &bytes)?;
        Ok(Some(row))
    }

    /// The profile of an identifier.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn profile_of(&self, identifier: &Identifier) -> Result<Option<Uuid>> {
        self.profile_of_node(identifier.hash())
    }

    /// The profile of an identifier given by its hash.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn profile_of_node(&self, node: u128) -> Result<Option<Uuid>> {
        let profile = match self.node(node)? {
            Some(node) => Some(node.profile),
            None => self.phone_owner(node)?.map(|(owner, _)| owner.profile),
        };
        Ok(profile.filter(|&profile| profile != 0).map(Uuid::from_u128))
    }

    /// The id that a profile has now, given any id it ever had.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn resolve_id(&self, id: Uuid) -> Result<Option<Uuid>> {
        let Some(bytes) = self.0.store.get(&of(b'A', id.as_u128()))? else { return Ok(None) };
        self.profile_of_node(hash_at(&bytes, 0))
    }

    /// Changes of the partition that are not in their table yet.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn outbox(&self) -> Result<Vec<(u64, ProfileChange)>> {
        let rows = self.0.store.scan(b"O")?;
        let sequence = |key: &[u8]| key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
        rows.iter().map(|(key, value)| Ok((sequence(key), decode("change", value)?))).collect()
    }

    /// Forgets changes that are in their table.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn clear_outbox(&self, sequences: &[u64]) -> Result<()> {
        self.0.store.apply(sequences.iter().map(|sequence| (key(b'O', &[&sequence.to_be_bytes()]), None)).collect())
    }

    fn node(&self, hash: u128) -> Result<Option<Node>> {
        self.0.store.get(&of(b'N', hash))?.map(|bytes| decode("node", &bytes)).transpose()
    }

    /// The owner a phone is shown with: the one seen with it first.
    fn phone_owner(&self, phone: u128) -> Result<Option<(Node, u128)>> {
        let mut owners = Vec::new();
        for (key, value) in self.0.store.scan(&of(b'H', phone))? {
            owners.push((decode_numbers::<1>("phone", &value)?[0].cast_signed(), hash_at(&key, 17)));
        }
        let Some((_, owner)) = owners.into_iter().min() else { return Ok(None) };
        Ok(self.node(owner)?.map(|node| (node, owner)))
    }
}

/// The evidence graph as the store holds it.
pub(crate) struct Base<'s>(pub(crate) &'s dyn Store);

impl Evidence for Base<'_> {
    type Error = Error;

    fn node(&self, id: NodeId) -> Result<Option<NodeFacts>> {
        let Some(bytes) = self.0.get(&of(b'N', id.0))? else { return Ok(None) };
        let node: Node = decode("node", &bytes)?;
        Ok(Some(NodeFacts { is_user_id: node.identifier.kind == KIND_USER_ID, generic: node.generic }))
    }

    fn edges(&self, id: NodeId) -> Result<Vec<Neighbour>> {
        let neighbour = |(key, value): (Vec<u8>, Vec<u8>)| {
            let (strength, in_forest) = decode_edge(&value)?;
            Ok(Neighbour { node: NodeId(hash_at(&key, 17)), strength, in_forest })
        };
        self.0.scan(&of(b'E', id.0))?.into_iter().map(neighbour).collect()
    }

    fn edge(&self, from: NodeId, to: NodeId) -> Result<Option<Neighbour>> {
        let Some(bytes) = self.0.get(&pair(b'E', from.0, to.0))? else { return Ok(None) };
        let (strength, in_forest) = decode_edge(&bytes)?;
        Ok(Some(Neighbour { node: to, strength, in_forest }))
    }
}
