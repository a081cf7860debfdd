//! `State`: the handle that worker, tables and API share.

use crate::apply::{Applied, Mode};
use crate::decision::Decisions;
use crate::dirty::Dirty;
use crate::homes::Homes;
use crate::item::Item;
use crate::keys::{id_at, key, of, pair};
use crate::matcher::{Matcher, Shape};
use crate::packed::{Packed, pack, unpack};
use crate::rows::{IdentityRow, ObjectRow, ProfileChange, ProfileRow};
use crate::settle::item_key;
use crate::store::{FjallStore, MemoryStore, Store};
use crate::values::{Anchor, Attached, Holds, Node, Number, Place, ShownWith, from_json};
use crate::{Decision, Error, Result, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tributary_protocol::{DedupKey, Identifier, LogValue, hash128};
use tributary_resolve::DEFAULT_ID_KEY;
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
    /// What decides which records are one person.
    pub identity: Identity,
    /// Sources that hold no duplicates of their own: a profile holds at most one key of each.
    pub unique_sources: BTreeSet<String>,
}

/// Version of what the state keeps, and of the rules it keeps it by.
const RULES_VERSION: u32 = 6;

impl Options {
    /// Names the rules that decide what is stored; a state made by others is made again.
    fn rules(&self) -> String {
        let identity = match self.identity {
            Identity::Deterministic => "deterministic",
            Identity::Observe => "observe",
            Identity::Probabilistic => "probabilistic",
        };
        let traits = format!("{:?} {:?}", self.survivorship, self.survivorship_default);
        format!("{RULES_VERSION} {identity} {:032x}", hash128(&[traits.as_bytes()]))
    }

    /// The rule of a trait, by its folded name.
    pub(crate) fn rule(&self, name: &str) -> &Rule {
        self.survivorship.get(name).unwrap_or(&self.survivorship_default)
    }
}

/// What decides which records are one person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// Identifiers that were seen together.
    #[default]
    Deterministic,
    /// The same; what a matcher would join is suggested.
    Observe,
    /// Exclusive identifiers that were seen together, and a matcher.
    Probabilistic,
}

impl Default for Options {
    fn default() -> Self {
        let survivorship_default = Rule::default();
        Self {
            id_key: DEFAULT_ID_KEY,
            generic_after: 25,
            survivorship: BTreeMap::new(),
            survivorship_default,
            identity: Identity::default(),
            unique_sources: BTreeSet::new(),
        }
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
    /// Every table.
    pub(crate) const ALL: [Self; 3] = [Self::Profiles, Self::Identities, Self::Objects];

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
    /// How items are made for the matcher.
    pub(crate) shape: Shape,
    matcher: RwLock<Option<Box<dyn Matcher>>>,
    decisions: RwLock<Arc<Decisions>>,
    /// Rows that wait to be written.
    dirty: Mutex<Dirty>,
    /// The units of items, if the matcher's clusters are the profiles.
    homes: Mutex<Homes>,
    is_new: bool,
}

impl Inner {
    fn new(store: Box<dyn Store>, options: Options, matcher: Option<Box<dyn Matcher>>, is_new: bool) -> Result<Self> {
        let dirty = Mutex::new(Dirty::load(&*store)?);
        let fields = matcher.as_ref().map(|matcher| matcher.fields()).unwrap_or_default();
        let shape = Shape { fields, unique_sources: options.unique_sources.clone() };
        let (matcher, decisions) = (RwLock::new(matcher), RwLock::default());
        let homes = Mutex::default();
        Ok(Self { store, options, writing: Mutex::new(()), shape, matcher, decisions, dirty, homes, is_new })
    }

    pub(crate) fn read<T: Packed>(&self, key: &[u8]) -> Result<Option<T>> {
        self.store.get(key)?.map(|bytes| unpack(key, &bytes)).transpose()
    }

    pub(crate) fn node(&self, hash: u128) -> Result<Option<Node>> {
        self.read(&of(b'N', hash))
    }

    pub(crate) fn item(&self, id: u64) -> Result<Option<Item>> {
        self.read(&item_key(id))
    }

    /// Shows every item, with its id.
    pub(crate) fn for_each_item(&self, mut show: impl FnMut(u64, Item)) -> Result<()> {
        self.store.for_each(b"X", &mut |key, value| {
            show(id_at(key, 1), unpack(key, value)?);
            Ok(())
        })
    }

    /// Whether the matcher's clusters are the profiles.
    pub(crate) fn decides(&self) -> bool {
        self.options.identity == Identity::Probabilistic
    }

    /// The rows that wait to be written.
    pub(crate) fn dirty(&self) -> MutexGuard<'_, Dirty> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The units of items.
    pub(crate) fn homes(&self) -> MutexGuard<'_, Homes> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The decisions in force.
    pub(crate) fn decisions(&self) -> Arc<Decisions> {
        Arc::clone(&self.decisions.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_decisions(&self, decisions: Arc<Decisions>) {
        *self.decisions.write().unwrap_or_else(PoisonError::into_inner) = decisions;
    }

    pub(crate) fn matcher(&self) -> RwLockReadGuard<'_, Option<Box<dyn Matcher>>> {
        self.matcher.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn matcher_mut(&self) -> RwLockWriteGuard<'_, Option<Box<dyn Matcher>>> {
        self.matcher.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The live state. Clones share it.
#[derive(Clone)]
pub struct State(pub(crate) Arc<Inner>);

impl State {
    /// Opens or creates the state of the log `log_id` in `folder`, and has
    /// the matcher, if there is one, take the items that it holds. If its clusters may be others
    /// than those of the last time, the profiles are regrouped.
    ///
    /// # Errors
    /// [`Error::OtherLog`] if it was made from another log, [`Error::OtherRules`] if it was made by
    /// other rules of identity; [`Error::Store`] if it cannot be read or written.
    pub fn open(folder: &Path, log_id: Uuid, options: Options, matcher: Option<Box<dyn Matcher>>) -> Result<Self> {
        let (store, is_new) = FjallStore::open(folder)?;
        Self::start(Box::new(store), log_id, options, matcher, is_new)
    }

    /// Makes a state in memory, for tests.
    ///
    /// # Panics
    /// Never: memory does not fail.
    #[must_use]
    pub fn in_memory(options: Options) -> Self {
        let store = Box::new(MemoryStore::default());
        Self::start(store, Uuid::nil(), options, None, true).expect("memory does not fail")
    }

    /// The same with a matcher.
    ///
    /// # Panics
    /// Never: memory does not fail.
    #[must_use]
    pub fn in_memory_matching(options: Options, matcher: Box<dyn Matcher>) -> Self {
        let store = Box::new(MemoryStore::default());
        Self::start(store, Uuid::nil(), options, Some(matcher), true).expect("memory does not fail")
    }

    fn start(
        store: Box<dyn Store>,
        log_id: Uuid,
        options: Options,
        matcher: Option<Box<dyn Matcher>>,
        is_new: bool,
    ) -> Result<Self> {
        let rules = options.rules().into_bytes();
        match store.get(b"L")? {
            Some(known) if known != log_id.as_bytes() => return Err(Error::OtherLog),
            Some(_) if store.get(b"R")?.as_ref() != Some(&rules) => return Err(Error::OtherRules),
            Some(_) => {}
            None => {
                let marks = [(b"L", log_id.as_bytes().to_vec()), (b"R", rules)];
                store.apply(marks.map(|(place, mark)| (place.to_vec(), Some(mark))).into())?;
            }
        }
        let state = Self(Arc::new(Inner::new(store, options, matcher, is_new)?));
        state.0.load_matcher()?;
        Ok(state)
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
        Ok(self.0.read(&key(b'P', &[&partition.to_be_bytes()]))?.unwrap_or(Number(0)).0)
    }

    /// Sets the next offset of a partition, after a rebuild.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_position(&self, partition: u32, next: u64) -> Result<()> {
        self.0.store.apply(vec![(key(b'P', &[&partition.to_be_bytes()]), Some(pack(&Number(next))))])
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

    /// Tells what a value would change in the partition, were it applied now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn preview(&self, value: LogValue) -> Result<Vec<ProfileChange>> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.preview(value)
    }

    /// The decisions in force, in the order they were made.
    pub fn decisions(&self) -> Vec<Decision> {
        let mut decisions: Vec<Decision> = self.0.decisions().values().cloned().collect();
        decisions.sort_by(|one, other| (one.made_at, &one.id).cmp(&(other.made_at, &other.id)));
        decisions
    }

    /// Position of the copy of a delivery that counted.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn counted_at(&self, delivery: DedupKey) -> Result<Option<(u32, u64)>> {
        let place: Option<Place> = self.0.read(&of(b'D', delivery.0))?;
        Ok(place.map(|Place { partition, offset }| (partition, offset)))
    }

    /// The dirty rows of a table, each with the sequence of its last change.
    pub fn dirty(&self, table: Table) -> Vec<(u128, u64)> {
        self.0.dirty().rows(table)
    }

    /// Marks rows clean that did not change since.
    ///
    /// # Errors
    /// If the store fails.
    pub fn clear_dirty(&self, table: Table, rows: &[(u128, u64)]) -> Result<()> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let removals = self.0.dirty().clear(table, rows);
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
        if let Some(node) = self.0.node(node)? {
            return Ok((!node.is_set).then(|| row(node.identifier, node.profile)));
        }
        let Some((owner, owner_hash)) = self.first_owner(node)? else { return Ok(None) };
        let attached = if owner.holds.has(Holds::ATTACHED) {
            self.0.read(&pair(b'I', owner_hash, node))?
        } else {
            owner.attached.into_iter().find(|attached| attached.identifier.hash() == node)
        };
        Ok(attached.map(|Attached { identifier, .. }| row(identifier, owner.profile)))
    }

    /// The current snapshot of an object.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn object_row(&self, object: u128) -> Result<Option<ObjectRow>> {
        let place = of(b'J', object);
        let Some(bytes) = self.0.store.get(&place)? else { return Ok(None) };
        let (_, row): ((i64, String), ObjectRow) = from_json("object", &place, &bytes)?;
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
        let profile = match self.0.node(node)? {
            Some(node) => Some(node.profile),
            None => self.first_owner(node)?.map(|(owner, _)| owner.profile),
        };
        Ok(profile.filter(|&profile| profile != 0).map(Uuid::from_u128))
    }

    /// The id that a profile has now, given any id it ever had.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn resolve_id(&self, id: Uuid) -> Result<Option<Uuid>> {
        if self.0.store.get(&of(b'M', id.as_u128()))?.is_some() {
            return Ok(Some(id));
        }
        match self.0.read(&of(b'A', id.as_u128()))? {
            Some(Anchor(node)) => self.profile_of_node(node),
            None => Ok(None),
        }
    }

    /// Changes of the partition that are not in their table yet.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn outbox(&self) -> Result<Vec<(u64, ProfileChange)>> {
        let rows = self.0.store.scan(b"O")?;
        rows.iter().map(|(key, value)| Ok((id_at(key, 1), from_json("change", key, value)?))).collect()
    }

    /// Forgets changes that are in their table.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn clear_outbox(&self, sequences: &[u64]) -> Result<()> {
        self.0.store.apply(sequences.iter().map(|sequence| (key(b'O', &[&sequence.to_be_bytes()]), None)).collect())
    }

    /// The owner that an identifier which does not join by itself is shown
    /// with: the one seen with it first.
    fn first_owner(&self, identifier: u128) -> Result<Option<(Node, u128)>> {
        let Some(ShownWith { owner, .. }) = self.0.read(&of(b'H', identifier))? else { return Ok(None) };
        Ok(self.0.node(owner)?.map(|node| (node, owner)))
    }
}
