//! The evidence graph as the store holds it, for the resolver of a batch.

use crate::keys::{of, pair};
use crate::packed::unpack;
use crate::values::{Holds, Node, StoredEdge};
use crate::{Error, Result, Store};
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use tributary_resolve::{Evidence, Neighbour, NodeFacts, NodeId};

/// Reads nodes of the store, each once.
pub(crate) struct Base<'s> {
    store: &'s dyn Store,
    known: RefCell<HashMap<NodeId, Option<Known>>>,
}

/// What the resolver asks of a node.
struct Known {
    facts: NodeFacts,
    /// Its edges; none if they are under keys of their own.
    edges: Option<Vec<Neighbour>>,
}

impl Known {
    fn of(node: &Node) -> Self {
        let is_within = !node.holds.has(Holds::EDGES);
        Self {
            facts: NodeFacts { is_user_id: node.is_user_id(), generic: node.generic },
            edges: is_within.then(|| node.edges.iter().copied().map(neighbour).collect()),
        }
    }
}

fn neighbour((end, StoredEdge { strength, in_forest }): (u128, StoredEdge)) -> Neighbour {
    Neighbour { node: NodeId(end), strength, in_forest }
}

impl<'s> Base<'s> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self { store, known: RefCell::default() }
    }

    /// Tells a node of the store, whose edges and facts the batch did not change yet.
    pub(crate) fn know(&self, id: NodeId, node: &Node) {
        self.known.borrow_mut().entry(id).or_insert_with(|| Some(Known::of(node)));
    }

    /// Asks something of a node; `None` if the store does not hold it.
    fn ask<T>(&self, id: NodeId, ask: impl FnOnce(&Known) -> T) -> Result<Option<T>> {
        let mut known = self.known.borrow_mut();
        let node = match known.entry(id) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(vacant) => {
                let place = of(b'N', id.0);
                let bytes = self.store.get(&place)?;
                let node = bytes.map(|bytes| unpack::<Node>(&place, &bytes)).transpose()?;
                vacant.insert(node.as_ref().map(Known::of))
            }
        };
        Ok(node.as_ref().map(ask))
    }
}

impl Evidence for Base<'_> {
    type Error = Error;

    fn node(&self, id: NodeId) -> Result<Option<NodeFacts>> {
        self.ask(id, |known| known.facts)
    }

    fn edges(&self, id: NodeId) -> Result<Vec<Neighbour>> {
        match self.ask(id, |known| known.edges.clone())? {
            None => return Ok(Vec::new()),
            Some(Some(within)) => return Ok(within),
            Some(None) => {}
        }
        let all = self.store.scan(&of(b'E', id.0))?.into_iter();
        all.map(|stored| StoredEdge::of_key(stored).map(neighbour)).collect()
    }

    fn edge(&self, from: NodeId, to: NodeId) -> Result<Option<Neighbour>> {
        let to_it = |known: &Known| {
            let edges = known.edges.as_ref()?;
            Some(edges.iter().find(|edge| edge.node == to).copied())
        };
        match self.ask(from, to_it)? {
            None => Ok(None),
            Some(Some(within)) => Ok(within),
            Some(None) => {
                let place = pair(b'E', from.0, to.0);
                let Some(bytes) = self.store.get(&place)? else { return Ok(None) };
                Ok(Some(neighbour((to.0, unpack(&place, &bytes)?))))
            }
        }
    }
}
