//! What a batch is about to write, above what the store holds.

use crate::packed::{Packed, pack, unpack};
use crate::values::{from_json, to_json};
use crate::{Result, Store, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Reads see the batch's own writes.
pub(crate) struct Overlay<'s> {
    store: &'s dyn Store,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// What the batch does not read again.
    unread: Vec<Write>,
}

impl<'s> Overlay<'s> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self { store, writes: BTreeMap::new(), unread: Vec::new() }
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.store.get(key),
        }
    }

    pub(crate) fn read<T: Packed>(&self, key: &[u8]) -> Result<Option<T>> {
        self.get(key)?.map(|bytes| unpack(key, &bytes)).transpose()
    }

    /// The same, of what this batch writes alone.
    pub(crate) fn read_written<T: Packed>(&self, key: &[u8]) -> Result<Option<T>> {
        self.writes.get(key).and_then(Option::as_ref).map(|bytes| unpack(key, bytes)).transpose()
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, what: &'static str, key: &[u8]) -> Result<Option<T>> {
        self.get(key)?.map(|bytes| from_json(what, key, &bytes)).transpose()
    }

    pub(crate) fn scan(&self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> = self.store.scan(prefix)?.into_iter().collect();
        for (key, value) in self.written(prefix) {
            match value {
                Some(value) => drop(found.insert(key.clone(), value.clone())),
                None => drop(found.remove(key)),
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The same, of what this batch writes alone.
    pub(crate) fn scan_written(&self, prefix: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.written(prefix).filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect()
    }

    fn written<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)> {
        self.writes.range(prefix.to_vec()..).take_while(move |(key, _)| key.starts_with(prefix))
    }

    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    pub(crate) fn write<T: Packed>(&mut self, key: Vec<u8>, value: &T) {
        self.put(key, pack(value));
    }

    /// Writes what the batch does not read again, at a key that it writes once.
    pub(crate) fn write_unread<T: Packed>(&mut self, key: Vec<u8>, value: &T) {
        self.unread.push((key, Some(pack(value))));
    }

    pub(crate) fn write_json<T: Serialize>(&mut self, key: Vec<u8>, value: &T) {
        self.put(key, to_json(value));
    }

    pub(crate) fn extend(&mut self, writes: Vec<Write>) {
        self.writes.extend(writes);
    }

    pub(crate) fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    pub(crate) fn into_writes(self) -> Vec<Write> {
        self.writes.into_iter().chain(self.unread).collect()
    }
}
