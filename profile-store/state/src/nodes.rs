//! The nodes of a batch: each is read once, changed in memory, and written
//! once if it changed.

use crate::apply::Batch;
use crate::keys::of;
use crate::packed::Packed;
use crate::values::{Holds, Node};
use crate::{Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Nodes that were looked for, by hash.
#[derive(Default)]
pub(crate) struct Nodes(HashMap<u128, Cached>);

struct Cached {
    /// As of now; none if it was never seen.
    node: Option<Node>,
    changed: bool,
    /// What the store has beside it; nothing if this batch saw it first.
    stored: Holds,
}

impl Batch<'_> {
    fn cached_node(&mut self, hash: u128) -> Result<&mut Cached> {
        Ok(match self.nodes.0.entry(hash) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => {
                let node: Option<Node> = self.overlay.read(&of(b'N', hash))?;
                let stored = node.as_ref().map(|node| node.holds).unwrap_or_default();
                vacant.insert(Cached { node, changed: false, stored })
            }
        })
    }

    /// A node as of now; none if it was never seen.
    pub(crate) fn node(&mut self, hash: u128) -> Result<Option<&Node>> {
        Ok(self.cached_node(hash)?.node.as_ref())
    }

    /// A node that must be there.
    pub(crate) fn known_node(&mut self, hash: u128) -> Result<&Node> {
        self.node(hash)?.ok_or_else(|| missing(hash))
    }

    /// Changes a node that must be there. The change must be one: it is written.
    pub(crate) fn change_node(&mut self, hash: u128, change: impl FnOnce(&mut Node)) -> Result<()> {
        let cached = self.cached_node(hash)?;
        change(cached.node.as_mut().ok_or_else(|| missing(hash))?);
        cached.changed = true;
        Ok(())
    }

    /// Adds a node.
    pub(crate) fn put_node(&mut self, hash: u128, node: Node) {
        self.nodes.0.insert(hash, Cached { node: Some(node), changed: true, stored: Holds::default() });
    }

    /// The value at `place` that is stored beside a node, as of now. The store
    /// is looked into only if the node says that there is something of that kind.
    pub(crate) fn beside<T: Packed>(&mut self, hash: u128, what: Holds, place: &[u8]) -> Result<Option<T>> {
        let is_stored = self.cached_node(hash)?.stored.has(what);
        if is_stored { self.overlay.read(place) } else { self.overlay.read_written(place) }
    }

    /// The keys that begin with `tag` and the node, and their values, likewise.
    pub(crate) fn all_beside(&mut self, hash: u128, what: Holds, tag: u8) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let is_stored = self.cached_node(hash)?.stored.has(what);
        let prefix = of(tag, hash);
        if is_stored { self.overlay.scan(&prefix) } else { Ok(self.overlay.scan_written(&prefix)) }
    }

    /// Notes that something is stored beside a node.
    pub(crate) fn note(&mut self, hash: u128, what: Holds) -> Result<()> {
        if self.known_node(hash)?.holds.has(what) {
            return Ok(());
        }
        self.change_node(hash, |node| node.holds.add(what))
    }

    /// Hands the nodes that changed over to be written.
    pub(crate) fn write_nodes(&mut self) {
        for (hash, cached) in std::mem::take(&mut self.nodes.0) {
            if let (Some(node), true) = (cached.node, cached.changed) {
                self.overlay.write(of(b'N', hash), &node);
            }
        }
    }
}

fn missing(hash: u128) -> Error {
    Error::Format { what: "node", reason: format!("at N{hash:032x}: missing") }
}
