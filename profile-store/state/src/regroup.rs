//! Gives profiles their members and ids after a batch, and writes history.

use crate::Result;
use crate::apply::Batch;
use crate::history::{Assigned, Former, history};
use crate::keys::of;
use crate::state::Table;
use crate::values::{Anchor, Hashes, StoredEdge};
use std::collections::BTreeSet;
use tributary_protocol::kind_rank;
use tributary_resolve::{AnchorKey, Changes, NodeId, anchor, profile_id};

/// Regroups the profiles that the batch touched; `moved` are nodes whose
/// profiles the matcher changed.
pub(crate) fn regroup(batch: &mut Batch<'_>, changes: &Changes, moved: &BTreeSet<u128>) -> Result<()> {
    let mut groups = groups(batch, changes, moved)?;
    let grouped: BTreeSet<u128> = groups.iter().flatten().copied().collect();
    groups.extend(groups_seen_earlier(batch, &grouped)?);
    write_groups(batch, &groups, changes)?;
    for node in std::mem::take(&mut batch.contributed) {
        let profile = batch.known_node(node)?.profile;
        batch.dirty.insert((Table::Profiles, profile));
    }
    Ok(())
}

/// Gives these groups their ids and history. Every member of the profiles that
/// their nodes were in must be in one of them.
pub(crate) fn write_groups(batch: &mut Batch<'_>, groups: &[Vec<u128>], changes: &Changes) -> Result<()> {
    let mut former = Former::default();
    for &node in groups.iter().flatten() {
        former.add(node, batch.known_node(node)?.profile);
    }
    let mut assigned = Assigned::new();
    for group in groups {
        let id = assign(batch, group, &former)?;
        assigned.insert(id, group.clone());
    }
    for (&id, members) in former.profiles() {
        if !assigned.contains_key(&id) {
            retire(batch, id, members)?;
        }
        batch.dirty.insert((Table::Profiles, id));
    }
    history(batch, changes, &former, &assigned)
}

/// The profiles of every node that moved, as they are now.
fn groups(batch: &mut Batch<'_>, changes: &Changes, moved: &BTreeSet<u128>) -> Result<Vec<Vec<u128>>> {
    let components = changes.components.iter().map(|component| component.iter().map(|node| node.0));
    if !batch.inner.decides() {
        return Ok(components.map(Iterator::collect).collect());
    }
    let touched: BTreeSet<u128> = components.flatten().chain(moved.iter().copied()).collect();
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for node in touched {
        if !seen.contains(&node) {
            let members = batch.profile_members(node)?;
            seen.extend(members.iter().copied());
            groups.push(members);
        }
    }
    Ok(groups)
}

impl Batch<'_> {
    /// The profile that a node is stored in.
    pub(crate) fn profile_of(&mut self, node: u128) -> Result<Option<u128>> {
        let profile = self.known_node(node)?.profile;
        Ok((profile != 0).then_some(profile))
    }

    fn anchor_key(&mut self, hash: u128) -> Result<AnchorKey> {
        let node = self.known_node(hash)?;
        let kind_rank = kind_rank(&node.identifier.kind);
        Ok(AnchorKey { kind_rank, first_seen: node.first_seen, node: NodeId(hash) })
    }
}

/// Writes what the resolver changed.
pub(crate) fn write_graph(batch: &mut Batch<'_>, changes: &Changes) -> Result<()> {
    for (id, _) in changes.nodes.iter().filter(|(_, facts)| facts.generic) {
        batch.change_node(id.0, |node| node.generic = true)?;
    }
    for change in &changes.edges {
        for (from, to) in [(change.a, change.b), (change.b, change.a)] {
            let now = change.now.map(|(strength, in_forest)| StoredEdge { strength, in_forest });
            batch.set_edge(from.0, to.0, now)?;
        }
    }
    Ok(())
}

/// The profiles of nodes that did not move but are now known to be older.
fn groups_seen_earlier(batch: &mut Batch<'_>, moved: &BTreeSet<u128>) -> Result<Vec<Vec<u128>>> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for node in std::mem::take(&mut batch.earlier).difference(moved) {
        let profile = batch.known_node(*node)?.profile;
        if seen.insert(profile)
            && let Some(Hashes(members)) = batch.overlay.read(&of(b'M', profile))?
        {
            groups.push(members);
        }
    }
    Ok(groups)
}

/// Gives a group its id and its members theirs; returns the id.
fn assign(batch: &mut Batch<'_>, group: &[u128], former: &Former) -> Result<u128> {
    let keys = group.iter().map(|&hash| batch.anchor_key(hash)).collect::<Result<Vec<_>>>()?;
    let Some(anchor) = anchor(keys) else { return Ok(0) };
    let id = profile_id(&batch.inner.options.id_key, anchor.node).as_u128();
    for &hash in group {
        let node = batch.known_node(hash)?;
        if node.profile == id {
            continue;
        }
        batch.change_node(hash, |node| node.profile = id)?;
        batch.dirty.insert((Table::Identities, hash));
        let attached = batch.all_attached(hash)?;
        batch.dirty.extend(attached.into_iter().map(|attached| (Table::Identities, attached)));
    }
    if former.members(id) != Some(group) {
        batch.overlay.write(of(b'M', id), &Hashes(group.to_vec()));
    }
    batch.dirty.insert((Table::Profiles, id));
    Ok(id)
}

/// Notes that nobody is called `id` any more: it leads to the node it was made of.
fn retire(batch: &mut Batch<'_>, id: u128, members: &[u128]) -> Result<()> {
    batch.overlay.remove(of(b'M', id));
    let id_key = &batch.inner.options.id_key;
    let made_of = members.iter().copied().find(|&node| profile_id(id_key, NodeId(node)).as_u128() == id);
    if let Some(node) = made_of {
        batch.overlay.write(of(b'A', id), &Anchor(node));
        return Ok(());
    }
    // It was made with another key of ids.
    let keys = members.iter().map(|&hash| batch.anchor_key(hash)).collect::<Result<Vec<_>>>()?;
    if let Some(anchor) = anchor(keys) {
        batch.overlay.write(of(b'A', id), &Anchor(anchor.node.0));
    }
    Ok(())
}
