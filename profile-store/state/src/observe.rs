//! What a record tells of who is who: identifiers that join by themselves are
//! evidence for pass 1, all others are attached to the unit they came with.

use crate::Result;
use crate::apply::Batch;
use crate::item::{Home, is_of_person};
use crate::keys::{of, pair};
use crate::state::{Base, Table};
use crate::values::{Node, attached, decode_attached, decode_shown_with, shown_with};
use std::collections::HashSet;
use tributary_protocol::{Identifier, KIND_PHONE, KIND_USER_ID, Record, is_exclusive, kind_rank, links};
use tributary_resolve::{Edge, NodeFacts, NodeId, Resolver, Strength};

/// Evidence that was observed on one record.
const CLASS_OBSERVED: u8 = 1;
/// Up to this many linking identifiers every pair is an edge; beyond, a star from the owner.
const CLIQUE_MAX: usize = 8;

/// Pass 1 of a batch: the forest, and the nodes that saw a new user id.
pub(crate) struct Evident<'e, 's> {
    pub(crate) resolver: Resolver<'e, Base<'s>>,
    pub(crate) crowded: HashSet<NodeId>,
}

impl Batch<'_> {
    /// Takes the evidence of a record where every linking kind joins by itself.
    /// Returns the owner's node.
    pub(crate) fn observe_all(
        &mut self,
        record: &Record,
        owner: &Identifier,
        evident: &mut Evident<'_, '_>,
    ) -> Result<u128> {
        let time = record.event_time().0;
        let linking: Vec<&Identifier> =
            record.identifiers.iter().filter(|identifier| links(&identifier.kind) || *identifier == owner).collect();
        for identifier in &linking {
            self.see(identifier.hash(), identifier, false, time, evident)?;
        }
        observe(owner, &linking, time, links, evident)?;
        for phone in
            record.identifiers.iter().filter(|identifier| identifier.kind == KIND_PHONE && *identifier != owner)
        {
            self.attach(phone, owner.hash(), time)?;
        }
        Ok(owner.hash())
    }

    /// Takes the evidence of a record where only exclusive kinds join by
    /// themselves. Returns the node of its unit.
    pub(crate) fn observe_exclusive(
        &mut self,
        record: &Record,
        home: &Home,
        evident: &mut Evident<'_, '_>,
    ) -> Result<u128> {
        let time = record.event_time().0;
        let of_person = || record.identifiers.iter().filter(|identifier| is_of_person(identifier));
        let exclusive: Vec<&Identifier> = of_person().filter(|identifier| is_exclusive(&identifier.kind)).collect();
        for identifier in &exclusive {
            self.see(identifier.hash(), identifier, false, time, evident)?;
        }
        if home.is_set {
            self.see(home.node, &home.identifier, true, time, evident)?;
        }
        observe(&home.identifier, &exclusive, time, is_exclusive, evident)?;
        for identifier in of_person().filter(|identifier| !is_exclusive(&identifier.kind)) {
            self.attach(identifier, home.node, time)?;
        }
        Ok(home.node)
    }

    /// Notes that a node was seen at `time`, and tells the resolver of it.
    fn see(
        &mut self,
        hash: u128,
        identifier: &Identifier,
        is_set: bool,
        time: i64,
        evident: &mut Evident<'_, '_>,
    ) -> Result<()> {
        if self.first_seen.get(&hash).is_some_and(|first| *first <= time) {
            return Ok(());
        }
        let known: Option<Node> = self.overlay.read("node", &of(b'N', hash))?;
        let is_user_id = !is_set && identifier.kind == KIND_USER_ID;
        match &known {
            Some(node) => evident.resolver.know(NodeId(hash), NodeFacts { is_user_id, generic: node.generic }),
            None => evident.resolver.add_node(NodeId(hash), NodeFacts { is_user_id, generic: false })?,
        }
        let node = match known {
            Some(node) if node.first_seen <= time => {
                self.first_seen.insert(hash, node.first_seen);
                return Ok(());
            }
            Some(node) => Node { first_seen: time, ..node },
            None => Node { identifier: identifier.clone(), first_seen: time, generic: false, is_set, profile: 0 },
        };
        self.first_seen.insert(hash, time);
        self.overlay.write(of(b'N', hash), &node);
        self.earlier.insert(hash);
        Ok(())
    }

    /// An identifier that does not join by itself is stored and searchable.
    fn attach(&mut self, identifier: &Identifier, owner: u128, time: i64) -> Result<()> {
        let hash = identifier.hash();
        let place = pair(b'I', owner, hash);
        let known = self.overlay.get(&place)?.map(|bytes| decode_attached(&bytes)).transpose()?;
        if known.is_some_and(|(seen, _)| seen <= time) {
            return Ok(());
        }
        self.overlay.put(place, attached(time, identifier));
        self.contributed.insert(owner);
        let place = of(b'H', hash);
        let shown = self.overlay.get(&place)?.map(|bytes| decode_shown_with(&bytes)).transpose()?;
        if shown.is_none_or(|shown| (time, owner) < shown) {
            self.overlay.put(place, shown_with(time, owner));
            self.dirty.insert((Table::Identities, hash));
        }
        Ok(())
    }
}

/// The edges of one record between identifiers of the kinds that join.
fn observe(
    owner: &Identifier,
    joining: &[&Identifier],
    time: i64,
    joins: fn(&str) -> bool,
    evident: &mut Evident<'_, '_>,
) -> Result<()> {
    for (at, one) in joining.iter().enumerate() {
        for other in &joining[at + 1..] {
            let star = joining.len() > CLIQUE_MAX && *one != owner && *other != owner;
            if star || !joins(&one.kind) || !joins(&other.kind) {
                continue;
            }
            let rank = kind_rank(&one.kind).max(kind_rank(&other.kind));
            let (a, b) = (NodeId(one.hash()), NodeId(other.hash()));
            let strength = Strength { class: CLASS_OBSERVED, rank, first_seen: time };
            if !evident.resolver.observe(Edge::new(a, b, strength))? {
                continue;
            }
            for (near, far) in [(one, other), (other, one)] {
                if far.kind == KIND_USER_ID {
                    evident.crowded.insert(NodeId(near.hash()));
                }
            }
        }
    }
    Ok(())
}
