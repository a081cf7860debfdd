//! The key-value store below the state: fjall, and a map for tests.

use crate::{Error, Result};
use fjall::compaction::Leveled;
use fjall::config::PinningPolicy;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// Most bytes of fjall's journals before it flushes.
const JOURNAL_BYTES_MAX: u64 = 128 << 20;

/// Bytes of a memtable before it becomes a file. The journal is as long, and
/// what a restart after a kill must replay: about a second for 64 MiB.
const MEMTABLE_BYTES_MAX: u64 = 16 << 20;
/// Bytes of blocks kept in memory; every record looks its keys up.
const CACHE_BYTES: u64 = 128 << 20;

/// Threads that flush and compact. The first of fjall's takes no compactions and
/// asks again and again whether another has taken them: of two, it is on a
/// processor for as long as the other compacts.
const WORKERS: usize = 4;
/// Memtables on disk that are merged into the first level at once. Keys are
/// hashes, so each merge writes that whole level again.
const MERGED_AT_ONCE: u8 = 8;
/// Bytes of a file: as many as are merged at once make the first level.
const FILE_BYTES: u64 = 32 << 20;

/// Levels whose filters and indexes stay in memory beside the cache, by depth, the
/// last standing for those below. Most keys that a record asks for are not there,
/// which every level's filter must say; three levels hold some 30 million keys, at
/// about two bytes each.
const PINNED: [bool; 4] = [true, true, true, false];

/// A key and its new value, `None` to remove it.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// What is shown each key and its value.
pub type Show<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

/// An ordered key-value store with atomic, durable batches.
pub trait Store: Send + Sync {
    /// Returns the value of a key.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Returns the keys that begin with `prefix` and their values, in order.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Shows the keys that begin with `prefix` and their values one after
    /// another, in order, for what need not be held at once.
    ///
    /// # Errors
    /// If the store cannot be read, or `show` fails.
    fn for_each(&self, prefix: &[u8], show: &mut Show<'_>) -> Result<()>;

    /// Writes all of `batch` or nothing; durable when it returns.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn apply(&self, batch: Vec<Write>) -> Result<()>;
}

/// The store on disk.
pub struct FjallStore {
    database: Database,
    keyspace: Keyspace,
}

impl FjallStore {
    /// Opens or creates the store in `folder`; says whether it was created.
    /// It is made beside its place and renamed: a kill leaves no half store.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(folder: &Path) -> Result<(Self, bool)> {
        let created = !folder.exists();
        if created {
            let making = folder.with_extension("new");
            let io = |action| move |source| Error::Folder { action, source };
            if making.exists() {
                std::fs::remove_dir_all(&making).map_err(io("clear"))?;
            }
            drop(Self::open_at(&making)?);
            std::fs::rename(&making, folder).map_err(io("rename"))?;
            let parent = folder.parent().unwrap_or(folder);
            std::fs::File::open(parent).and_then(|handle| handle.sync_all()).map_err(io("sync"))?;
        }
        Ok((Self::open_at(folder)?, created))
    }

    fn open_at(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .cache_size(CACHE_BYTES)
            .worker_threads(WORKERS)
            .open()?;
        // Those of a store that is there stay as they were when it was made.
        let options = || {
            let merges = Leveled::default().with_l0_threshold(MERGED_AT_ONCE).with_table_target_size(FILE_BYTES);
            let options = KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES_MAX);
            let options = options.filter_block_pinning_policy(PinningPolicy::new(PINNED));
            let options = options.index_block_pinning_policy(PinningPolicy::new(PINNED));
            options.compaction_strategy(Arc::new(merges))
        };
        let keyspace = database.keyspace("state", options)?;
        Ok(Self { database, keyspace })
    }
}

impl Store for FjallStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.keyspace.get(key)?.map(|value| value.to_vec()))
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let pair = |guard: fjall::Guard| {
            let (key, value) = guard.into_inner()?;
            Ok((key.to_vec(), value.to_vec()))
        };
        self.keyspace.prefix(prefix).map(pair).collect()
    }

    fn for_each(&self, prefix: &[u8], show: &mut Show<'_>) -> Result<()> {
        self.keyspace.prefix(prefix).try_for_each(|guard| {
            let (key, value) = guard.into_inner()?;
            show(&key, &value)
        })
    }

    fn apply(&self, batch: Vec<Write>) -> Result<()> {
        let mut writes = self.database.batch().durability(Some(PersistMode::SyncData));
        for (key, value) in batch {
            match value {
                Some(value) => writes.insert(&self.keyspace, key, value),
                None => writes.remove(&self.keyspace, key),
            }
        }
        Ok(writes.commit()?)
    }
}

/// A store in memory.
#[derive(Default)]
pub struct MemoryStore(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let from = held.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(from.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn for_each(&self, prefix: &[u8], show: &mut Show<'_>) -> Result<()> {
        self.scan(prefix)?.iter().try_for_each(|(key, value)| show(key, value))
    }

    fn apply(&self, batch: Vec<Write>) -> Result<()> {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch {
            match value {
                Some(value) => drop(held.insert(key, value)),
                None => drop(held.remove(&key)),
            }
        }
        Ok(())
    }
}
