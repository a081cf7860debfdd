//! What a record tells of who is who: identifiers that join by themselves are
//! evidence for pass 1, all others are attached to the unit they came with.

use crate::Result;
use crate::apply::Batch;
use crate::evidence::Base;
use crate::item::{Home, is_of_person};
use crate::keys::of;
use crate::state::Table;
use crate::values::{Attached, Node, ShownWith};
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
    /// What the resolver reads.
    pub(crate) base: &'e Base<'s>,
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
        let id = NodeId(hash);
        let Some(known) = self.node(hash)? else {
            let is_user_id = !is_set && identifier.kind == KIND_USER_ID;
            evident.resolver.add_new_node(id, NodeFacts { is_user_id, generic: false });
            self.put_node(hash, Node::new(identifier.clone(), is_set, time));
            self.earlier.insert(hash);
            return Ok(());
        };
        evident.resolver.know(id, NodeFacts { is_user_id: known.is_user_id(), generic: known.generic });
        evident.base.know(id, known);
        if time < known.first_seen {
            self.change_node(hash, |node| node.first_seen = time)?;
            self.earlier.insert(hash);
        }
        Ok(())
    }

    /// An identifier that does not join by itself is stored and searchable.
    fn attach(&mut self, identifier: &Identifier, owner: u128, time: i64) -> Result<()> {
        let hash = identifier.hash();
        if self.attached_since(owner, identifier)?.is_some_and(|known| known <= time) {
            return Ok(());
        }
        self.set_attached(owner, Attached { first_seen: time, identifier: identifier.clone() })?;
        self.contributed.insert(owner);
        let place = of(b'H', hash);
        let new = ShownWith { first_seen: time, owner };
        let shown: Option<ShownWith> = self.overlay.read(&place)?;
        if shown.is_none_or(|shown| new < shown) {
            self.overlay.write(place, &new);
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
