//! The nodes of a batch: each is read once, changed in memory, and written
//! once if it changed.

use crate::apply::Batch;
use crate::keys::of;
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
}

impl Batch<'_> {
    fn cached_node(&mut self, hash: u128) -> Result<&mut Cached> {
        Ok(match self.nodes.0.entry(hash) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => {
                vacant.insert(Cached { node: self.overlay.read(&of(b'N', hash))?, changed: false })
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
        self.nodes.0.insert(hash, Cached { node: Some(node), changed: true });
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
