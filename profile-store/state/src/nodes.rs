//! The nodes of a batch: each is read once, changed in memory, and written
//! once if it changed.

use crate::apply::Batch;
use crate::keys::{hash_at, of, pair};
use crate::packed::Packed;
use crate::values::{Attached, Holds, Node, StoredEdge, WITHIN_MAX};
use crate::{Error, Result};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use tributary_protocol::Identifier;
use tributary_resolve::Strength;

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
    fn all_beside(&mut self, hash: u128, what: Holds, tag: u8) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let is_stored = self.cached_node(hash)?.stored.has(what);
        let prefix = of(tag, hash);
        if is_stored { self.overlay.scan(&prefix) } else { Ok(self.overlay.scan_written(&prefix)) }
    }

    /// The observed edges of a node: where each leads, and whether the forest holds it.
    pub(crate) fn edges_of(&mut self, hash: u128) -> Result<Vec<(u128, Strength, bool)>> {
        let Some(node) = self.node(hash)? else { return Ok(Vec::new()) };
        let shown = |(end, edge): (u128, StoredEdge)| (end, edge.strength, edge.in_forest);
        if !node.holds.has(Holds::EDGES) {
            return Ok(node.edges.iter().copied().map(shown).collect());
        }
        let all = self.all_beside(hash, Holds::EDGES, b'E')?.into_iter();
        all.map(|stored| StoredEdge::of_key(stored).map(shown)).collect()
    }

    /// Writes down an edge as one of its ends holds it, or that it is gone.
    pub(crate) fn set_edge(&mut self, from: u128, to: u128, edge: Option<StoredEdge>) -> Result<()> {
        if self.known_node(from)?.holds.has(Holds::EDGES) {
            match edge {
                Some(edge) => self.overlay.write(pair(b'E', from, to), &edge),
                None => self.overlay.remove(pair(b'E', from, to)),
            }
            return Ok(());
        }
        let mut outside = Vec::new();
        self.change_node(from, |node| {
            node.set_edge(to, edge);
            if node.edges.len() > WITHIN_MAX {
                node.holds.add(Holds::EDGES);
                outside = std::mem::take(&mut node.edges);
            }
        })?;
        for (to, edge) in outside {
            self.overlay.write(pair(b'E', from, to), &edge);
        }
        Ok(())
    }

    /// When an identifier that does not join by itself was first seen with a node.
    pub(crate) fn attached_since(&mut self, hash: u128, identifier: &Identifier) -> Result<Option<i64>> {
        let node = self.known_node(hash)?;
        if !node.holds.has(Holds::ATTACHED) {
            let known = node.attached.iter().find(|known| known.identifier == *identifier);
            return Ok(known.map(|known| known.first_seen));
        }
        let place = pair(b'I', hash, identifier.hash());
        let known: Option<Attached> = self.beside(hash, Holds::ATTACHED, &place)?;
        Ok(known.map(|known| known.first_seen))
    }

    /// Writes down an identifier that does not join by itself with its node.
    pub(crate) fn set_attached(&mut self, hash: u128, attached: Attached) -> Result<()> {
        let place = |attached: &Attached| pair(b'I', hash, attached.identifier.hash());
        if self.known_node(hash)?.holds.has(Holds::ATTACHED) {
            self.overlay.write(place(&attached), &attached);
            return Ok(());
        }
        let mut outside = Vec::new();
        self.change_node(hash, |node| {
            node.attach(attached);
            if node.attached.len() > WITHIN_MAX {
                node.holds.add(Holds::ATTACHED);
                outside = std::mem::take(&mut node.attached);
            }
        })?;
        for attached in outside {
            self.overlay.write(place(&attached), &attached);
        }
        Ok(())
    }

    /// Hashes of the identifiers that came with a node and do not join by themselves.
    pub(crate) fn all_attached(&mut self, hash: u128) -> Result<Vec<u128>> {
        let node = self.known_node(hash)?;
        if !node.holds.has(Holds::ATTACHED) {
            return Ok(node.attached.iter().map(|attached| attached.identifier.hash()).collect());
        }
        let all = self.all_beside(hash, Holds::ATTACHED, b'I')?;
        Ok(all.into_iter().map(|(key, _)| hash_at(&key, 17)).collect())
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
        let nodes = std::mem::take(&mut self.nodes.0).into_iter().filter(|(_, cached)| cached.changed);
        let mut nodes: Vec<(u128, Node)> = nodes.filter_map(|(hash, cached)| Some((hash, cached.node?))).collect();
        // The store takes in best what comes in the order of its keys.
        nodes.sort_unstable_by_key(|(hash, _)| *hash);
        for (hash, node) in nodes {
            self.overlay.write_unread(of(b'N', hash), &node);
        }
    }
}

fn missing(hash: u128) -> Error {
    Error::Format { what: "node", reason: format!("at N{hash:032x}: missing") }
}
