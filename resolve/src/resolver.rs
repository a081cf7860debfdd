//! The forest of one batch, kept incrementally above an [`Evidence`].
//!
//! Why it is exact: call a graph *rooted* if every `user_id` is tied to one
//! virtual root by an edge stronger than any evidence. A set of edges joins
//! no two user ids and has no cycle exactly when it is a forest of the rooted
//! graph, so Kruskal's choice under the limit is the rooted graph's maximum
//! forest, which is unique because the order is strict. Such a forest changes
//! by at most one swap when an edge is inserted or grows stronger (the worst
//! edge of the cycle it closes goes), and an edge that is removed is replaced
//! by the best edge leaving the part that is cut off from the root. Edges of
//! generic nodes are not part of the graph.

use crate::evidence::Order;
use crate::{Edge, Evidence, Neighbour, NodeFacts, NodeId, Strength};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// The members of one component, sorted.
pub type Component = Vec<NodeId>;

/// What became of one edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeChange {
    /// The lesser end.
    pub a: NodeId,
    /// The greater end.
    pub b: NodeId,
    /// Its strength and whether the forest holds it; `None` if it is gone.
    pub now: Option<(Strength, bool)>,
}

/// What a batch changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Nodes that are new or whose facts changed.
    pub nodes: Vec<(NodeId, NodeFacts)>,
    /// Edges that are new, changed or gone.
    pub edges: Vec<EdgeChange>,
    /// The components of all nodes whose component changed, as they are now.
    pub components: Vec<Component>,
    /// The components of the same nodes as they were; new nodes had none.
    pub before: Vec<Component>,
}

#[derive(Clone, Copy)]
struct Held {
    strength: Strength,
    in_forest: bool,
}

/// A write buffer above an [`Evidence`]: what a batch observes goes in, what
/// it changed comes out.
pub struct Resolver<'e, E: Evidence> {
    evidence: &'e E,
    facts: HashMap<NodeId, Option<NodeFacts>>,
    adjacent: HashMap<NodeId, BTreeMap<NodeId, Held>>,
    stored: HashMap<NodeId, Vec<Neighbour>>,
    new_nodes: BTreeSet<NodeId>,
    changed_nodes: BTreeSet<NodeId>,
    changed_edges: BTreeSet<(NodeId, NodeId)>,
    moved: BTreeSet<NodeId>,
}

impl<'e, E: Evidence> Resolver<'e, E> {
    /// Starts a batch.
    #[must_use]
    pub fn new(evidence: &'e E) -> Self {
        Self {
            evidence,
            facts: HashMap::new(),
            adjacent: HashMap::new(),
            stored: HashMap::new(),
            new_nodes: BTreeSet::new(),
            changed_nodes: BTreeSet::new(),
            changed_edges: BTreeSet::new(),
            moved: BTreeSet::new(),
        }
    }

    /// Adds an identifier; nothing happens if it is known.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn add_node(&mut self, id: NodeId, facts: NodeFacts) -> Result<(), E::Error> {
        if self.node(id)?.is_none() {
            self.add_new_node(id, facts);
        }
        Ok(())
    }

    /// Adds an identifier that the evidence lacks, to save looking for it;
    /// nothing happens if the batch added it before.
    pub fn add_new_node(&mut self, id: NodeId, facts: NodeFacts) {
        if self.new_nodes.insert(id) {
            self.facts.insert(id, Some(facts));
            self.changed_nodes.insert(id);
            self.moved.insert(id);
        }
    }

    /// Tells the facts of an identifier that the evidence holds, to save
    /// reading them; nothing happens if they are known to the batch.
    pub fn know(&mut self, id: NodeId, facts: NodeFacts) {
        self.facts.entry(id).or_insert(Some(facts));
    }

    /// Says that an identifier is too common: it joins nothing any more.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn set_generic(&mut self, id: NodeId) -> Result<(), E::Error> {
        let Some(facts) = self.node(id)?.filter(|facts| !facts.generic) else { return Ok(()) };
        let joined: Vec<NodeId> = self.forest_ends(id)?;
        self.facts.insert(id, Some(NodeFacts { generic: true, ..facts }));
        self.changed_nodes.insert(id);
        for end in joined {
            self.set_in_forest(id, end, false)?;
            self.replace(id, end)?;
        }
        Ok(())
    }

    /// Adds an edge, or makes it stronger; a weaker repeat changes nothing.
    /// Both ends must have been added or be known. Says whether the edge is new.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn observe(&mut self, edge: Edge) -> Result<bool, E::Error> {
        if edge.a == edge.b {
            return Ok(false);
        }
        let held = self.held(edge.a, edge.b)?;
        if held.is_some_and(|held| held.strength <= edge.strength) {
            return Ok(false);
        }
        let in_forest = held.is_some_and(|held| held.in_forest);
        self.put(&edge, Some(Held { strength: edge.strength, in_forest }))?;
        if !in_forest && self.usable(edge.a)? && self.usable(edge.b)? {
            self.insert(&edge)?;
        }
        Ok(held.is_none())
    }

    /// One edge as of now. The edges of a node that nothing changed are not
    /// read for it: most evidence repeats what is known.
    fn held(&self, one: NodeId, other: NodeId) -> Result<Option<Held>, E::Error> {
        for (from, to) in [(one, other), (other, one)] {
            if let Some(ends) = self.adjacent.get(&from) {
                return Ok(ends.get(&to).copied());
            }
            if self.new_nodes.contains(&from) {
                return Ok(None);
            }
        }
        let stored = self.evidence.edge(one, other)?;
        Ok(stored.map(|stored| Held { strength: stored.strength, in_forest: stored.in_forest }))
    }

    /// Takes an edge out.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn remove(&mut self, one: NodeId, other: NodeId) -> Result<(), E::Error> {
        let Some(held) = self.ends(one)?.get(&other).copied() else { return Ok(()) };
        self.put(&Edge::new(one, other, held.strength), None)?;
        if held.in_forest { self.replace(one, other) } else { Ok(()) }
    }

    /// Ends the batch.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn finish(mut self) -> Result<Changes, E::Error> {
        let moved = std::mem::take(&mut self.moved);
        let mut now: BTreeSet<Component> = BTreeSet::new();
        let mut before: BTreeSet<Component> = BTreeSet::new();
        let mut seen = HashSet::new();
        for &node in &moved {
            if !seen.contains(&node) {
                let component = self.component(node)?;
                seen.extend(component.iter().copied());
                now.insert(component);
            }
        }
        let mut seen = HashSet::new();
        for &node in now.iter().flatten() {
            if !seen.contains(&node) && !self.new_nodes.contains(&node) {
                let component = self.component_before(node)?;
                seen.extend(component.iter().copied());
                before.insert(component);
            }
        }
        let unchanged: Vec<Component> = now.intersection(&before).cloned().collect();
        for component in &unchanged {
            now.remove(component);
            before.remove(component);
        }
        let nodes =
            self.changed_nodes.iter().filter_map(|id| Some((*id, self.facts.get(id).copied().flatten()?))).collect();
        let change = |&(a, b): &(NodeId, NodeId)| {
            let held = self.adjacent.get(&a).and_then(|ends| ends.get(&b));
            EdgeChange { a, b, now: held.map(|held| (held.strength, held.in_forest)) }
        };
        let edges = self.changed_edges.iter().map(change).collect();
        Ok(Changes { nodes, edges, components: now.into_iter().collect(), before: before.into_iter().collect() })
    }

    /// Returns a node's facts as of now.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn node(&mut self, id: NodeId) -> Result<Option<NodeFacts>, E::Error> {
        if let Some(facts) = self.facts.get(&id) {
            return Ok(*facts);
        }
        let facts = self.evidence.node(id)?;
        self.facts.insert(id, facts);
        Ok(facts)
    }

    /// Returns a node's neighbours as of now, refused edges included.
    ///
    /// # Errors
    /// If the evidence cannot be read.
    pub fn neighbours(&mut self, id: NodeId) -> Result<Vec<NodeId>, E::Error> {
        Ok(self.ends(id)?.keys().copied().collect())
    }

    fn usable(&mut self, id: NodeId) -> Result<bool, E::Error> {
        Ok(self.node(id)?.is_some_and(|facts| !facts.generic))
    }

    fn ends(&mut self, id: NodeId) -> Result<&BTreeMap<NodeId, Held>, E::Error> {
        self.load(id)?;
        Ok(&self.adjacent[&id])
    }

    fn load(&mut self, id: NodeId) -> Result<(), E::Error> {
        if self.adjacent.contains_key(&id) {
            return Ok(());
        }
        let stored = if self.new_nodes.contains(&id) { Vec::new() } else { self.evidence.edges(id)? };
        let held = |n: &Neighbour| (n.node, Held { strength: n.strength, in_forest: n.in_forest });
        self.adjacent.insert(id, stored.iter().map(held).collect());
        self.stored.insert(id, stored);
        Ok(())
    }

    fn forest_ends(&mut self, id: NodeId) -> Result<Vec<NodeId>, E::Error> {
        Ok(self.ends(id)?.iter().filter(|(_, held)| held.in_forest).map(|(&end, _)| end).collect())
    }

    fn put(&mut self, edge: &Edge, now: Option<Held>) -> Result<(), E::Error> {
        for (from, to) in [(edge.a, edge.b), (edge.b, edge.a)] {
            self.load(from)?;
            let ends = self.adjacent.entry(from).or_default();
            match now {
                Some(held) => drop(ends.insert(to, held)),
                None => drop(ends.remove(&to)),
            }
        }
        self.changed_edges.insert(edge.key());
        Ok(())
    }

    fn set_in_forest(&mut self, one: NodeId, other: NodeId, in_forest: bool) -> Result<(), E::Error> {
        for (from, to) in [(one, other), (other, one)] {
            self.load(from)?;
            if let Some(held) = self.adjacent.get_mut(&from).and_then(|ends| ends.get_mut(&to)) {
                held.in_forest = in_forest;
            }
            self.moved.insert(from);
        }
        self.changed_edges.insert((one.min(other), one.max(other)));
        Ok(())
    }

    /// Lets an edge that is not in the forest compete for a place.
    fn insert(&mut self, edge: &Edge) -> Result<(), E::Error> {
        let cycle = match self.meet(edge.a, edge.b)? {
            Meeting::Apart => None,
            Meeting::Cycle(path) => Some(path),
        };
        if let Some(path) = cycle {
            // Two user ids themselves are tied by the root alone: nothing can be swapped.
            let Some(worst) = self.worst(&path).filter(|worst| edge.order() < worst.0) else { return Ok(()) };
            self.set_in_forest(worst.1, worst.2, false)?;
        }
        self.set_in_forest(edge.a, edge.b, true)?;
        Ok(())
    }

    /// The worst of the forest's edges given as pairs of ends.
    fn worst(&self, path: &[(NodeId, NodeId)]) -> Option<(Order, NodeId, NodeId)> {
        let order = |&(a, b): &(NodeId, NodeId)| (Edge::new(a, b, self.adjacent[&a][&b].strength).order(), a, b);
        path.iter().map(order).max()
    }

    /// Finds the cycle an edge between `a` and `b` would close, over the
    /// virtual root if both sides hold a `user_id`. Grows the smaller side.
    fn meet(&mut self, a: NodeId, b: NodeId) -> Result<Meeting, E::Error> {
        let mut sides = [Side::new(a), Side::new(b)];
        for (side, start) in sides.iter_mut().zip([a, b]) {
            side.note_user_id(start, self.node(start)?);
        }
        loop {
            let smaller = usize::from(sides[1].parent.len() < sides[0].parent.len());
            let grown = if sides[smaller].queue.is_empty() { None } else { self.grow(&mut sides, smaller)? };
            if let Some((near, far)) = grown {
                let mut path = sides[smaller].path_to(near);
                path.extend(sides[1 - smaller].path_to(far));
                path.push((near, far));
                return Ok(Meeting::Cycle(path));
            }
            if sides[smaller].queue.is_empty() {
                return self.over_the_root(sides, smaller);
            }
        }
    }

    /// The side `whole` is a whole tree and does not hold the other's start.
    fn over_the_root(&mut self, mut sides: [Side; 2], whole: usize) -> Result<Meeting, E::Error> {
        let Some(near) = sides[whole].user_id else { return Ok(Meeting::Apart) };
        while sides[1 - whole].user_id.is_none() && !sides[1 - whole].queue.is_empty() {
            self.grow(&mut sides, 1 - whole)?;
        }
        let Some(far) = sides[1 - whole].user_id else { return Ok(Meeting::Apart) };
        let mut path = sides[whole].path_to(near);
        path.extend(sides[1 - whole].path_to(far));
        Ok(Meeting::Cycle(path))
    }

    /// Visits the next node of a side; returns the edge that leads to the other side.
    fn grow(&mut self, sides: &mut [Side; 2], which: usize) -> Result<Option<(NodeId, NodeId)>, E::Error> {
        let Some(node) = sides[which].queue.pop_front() else { return Ok(None) };
        for end in self.forest_ends(node)? {
            if sides[1 - which].parent.contains_key(&end) {
                return Ok(Some((node, end)));
            }
            if sides[which].visit(node, end) {
                let facts = self.node(end)?;
                sides[which].note_user_id(end, facts);
            }
        }
        Ok(None)
    }

    /// After the forest lost the edge between `one` and `other`: joins the part
    /// that is cut off from the root by the best edge that leaves it.
    fn replace(&mut self, one: NodeId, other: NodeId) -> Result<(), E::Error> {
        self.moved.extend([one, other]);
        let parts = [self.component(one)?, self.component(other)?];
        let mut candidates: Vec<&Component> = Vec::new();
        for part in &parts {
            let mut user_id = false;
            for &node in part {
                user_id |= self.node(node)?.is_some_and(|facts| facts.is_user_id);
            }
            if !user_id {
                candidates.push(part);
            }
        }
        let Some(part) = candidates.into_iter().min_by_key(|part| part.len()) else { return Ok(()) };
        let members: HashSet<NodeId> = part.iter().copied().collect();
        let mut best: Option<Order> = None;
        for &node in part {
            let leaving: Vec<(NodeId, Held)> = self.ends(node)?.iter().map(|(&end, &held)| (end, held)).collect();
            for (end, held) in leaving {
                if !members.contains(&end) && self.usable(node)? && self.usable(end)? {
                    let order = Edge::new(node, end, held.strength).order();
                    best = Some(best.map_or(order, |best| best.min(order)));
                }
            }
        }
        if let Some((_, _, a, b)) = best {
            self.set_in_forest(a, b, true)?;
        }
        Ok(())
    }

    fn component(&mut self, start: NodeId) -> Result<Component, E::Error> {
        let mut members = BTreeSet::from([start]);
        let mut queue = vec![start];
        while let Some(node) = queue.pop() {
            queue.extend(self.forest_ends(node)?.into_iter().filter(|&end| members.insert(end)));
        }
        Ok(members.into_iter().collect())
    }

    fn component_before(&mut self, start: NodeId) -> Result<Component, E::Error> {
        let mut members = BTreeSet::from([start]);
        let mut queue = vec![start];
        while let Some(node) = queue.pop() {
            self.load(node)?;
            let joined =
                self.stored[&node].iter().filter(|neighbour| neighbour.in_forest).map(|neighbour| neighbour.node);
            queue.extend(joined.filter(|&end| members.insert(end)));
        }
        Ok(members.into_iter().collect())
    }
}

enum Meeting {
    /// No cycle: the edge joins two trees.
    Apart,
    /// The forest's edges of the cycle.
    Cycle(Vec<(NodeId, NodeId)>),
}

/// One side of the search: a tree grown from its start.
struct Side {
    parent: HashMap<NodeId, Option<NodeId>>,
    queue: VecDeque<NodeId>,
    user_id: Option<NodeId>,
}

impl Side {
    fn new(start: NodeId) -> Self {
        Self { parent: HashMap::from([(start, None)]), queue: VecDeque::from([start]), user_id: None }
    }

    fn visit(&mut self, from: NodeId, node: NodeId) -> bool {
        if self.parent.contains_key(&node) {
            return false;
        }
        self.parent.insert(node, Some(from));
        self.queue.push_back(node);
        true
    }

    fn note_user_id(&mut self, node: NodeId, facts: Option<NodeFacts>) {
        if facts.is_some_and(|facts| facts.is_user_id) {
            self.user_id = Some(node);
        }
    }

    /// The edges from the start to `node`.
    fn path_to(&self, node: NodeId) -> Vec<(NodeId, NodeId)> {
        let mut path = Vec::new();
        let mut at = node;
        while let Some(Some(from)) = self.parent.get(&at) {
            path.push((*from, at));
            at = *from;
        }
        path
    }
}
