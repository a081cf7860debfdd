//! Gives profiles their members and ids after a batch, and writes history.

use crate::apply::{Batch, Former};
use crate::keys::{hash_at, of, pair};
use crate::state::Table;
use crate::values::{Node, edge};
use crate::{Error, ProfileChange, Result};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tributary_protocol::{Timestamp, kind_rank};
use tributary_resolve::{AnchorKey, Changes, NodeId, anchor, profile_id};
use uuid::Uuid;

/// Regroups the profiles that the batch touched; `moved` are nodes whose
/// profiles the matcher changed.
pub(crate) fn regroup(batch: &mut Batch<'_>, changes: &Changes, moved: &BTreeSet<u128>) -> Result<()> {
    let mut groups = groups(batch, changes, moved)?;
    let grouped: BTreeSet<u128> = groups.iter().flatten().copied().collect();
    groups.extend(groups_seen_earlier(batch, &grouped)?);
    write_groups(batch, &groups, changes)?;
    for node in std::mem::take(&mut batch.contributed) {
        let profile = read_node(batch, node)?.profile;
        batch.dirty.insert((Table::Profiles, profile));
    }
    Ok(())
}

/// Gives these groups their ids and history. Every member of the profiles that
/// their nodes were in must be in one of them.
pub(crate) fn write_groups(batch: &mut Batch<'_>, groups: &[Vec<u128>], changes: &Changes) -> Result<()> {
    let mut former = Former::new();
    let mut nodes = BTreeMap::new();
    for &node in groups.iter().flatten() {
        let value = read_node(batch, node)?;
        if value.profile != 0 {
            former.entry(value.profile).or_default().insert(node);
            batch.overlay.remove(pair(b'M', value.profile, node));
        }
        nodes.insert(node, value);
    }
    let mut assigned: BTreeMap<u128, Vec<u128>> = BTreeMap::new();
    for group in groups {
        let id = assign(batch, group, &nodes)?;
        assigned.insert(id, group.clone());
    }
    history(batch, changes, &former, &assigned, &nodes);
    batch.dirty.extend(former.keys().map(|&id| (Table::Profiles, id)));
    Ok(())
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
    pub(crate) fn profile_of(&self, node: u128) -> Result<Option<u128>> {
        let profile = read_node(self, node)?.profile;
        Ok((profile != 0).then_some(profile))
    }
}

fn read_node(batch: &Batch<'_>, hash: u128) -> Result<Node> {
    let missing = || Error::Format { what: "node", reason: "missing".to_owned() };
    batch.overlay.read("node", &of(b'N', hash))?.ok_or_else(missing)
}

/// Writes what the resolver changed.
pub(crate) fn write_graph(batch: &mut Batch<'_>, changes: &Changes) -> Result<()> {
    for (id, facts) in changes.nodes.iter().filter(|(_, facts)| facts.generic) {
        let node = read_node(batch, id.0)?;
        batch.overlay.write(of(b'N', id.0), &Node { generic: facts.generic, ..node });
    }
    for change in &changes.edges {
        for (from, to) in [(change.a, change.b), (change.b, change.a)] {
            let place = pair(b'E', from.0, to.0);
            match change.now {
                Some((strength, in_forest)) => batch.overlay.put(place, edge(strength, in_forest)),
                None => batch.overlay.remove(place),
            }
        }
    }
    Ok(())
}

/// The profiles of nodes that did not move but are now known to be older.
fn groups_seen_earlier(batch: &mut Batch<'_>, moved: &BTreeSet<u128>) -> Result<Vec<Vec<u128>>> {
    let mut seen = BTreeSet::new();
    let mut groups = Vec::new();
    for node in std::mem::take(&mut batch.earlier).difference(moved) {
        let profile = read_node(batch, *node)?.profile;
        if seen.insert(profile) {
            let members = batch.overlay.scan(&of(b'M', profile))?;
            groups.push(members.iter().map(|(key, _)| hash_at(key, 17)).collect());
        }
    }
    Ok(groups)
}

/// Gives a group its id and its members theirs; returns the id.
fn assign(batch: &mut Batch<'_>, group: &[u128], nodes: &BTreeMap<u128, Node>) -> Result<u128> {
    let anchor_key = |&hash: &u128| {
        let node = &nodes[&hash];
        AnchorKey { kind_rank: kind_rank(&node.identifier.kind), first_seen: node.first_seen, node: NodeId(hash) }
    };
    let Some(anchor) = anchor(group.iter().map(anchor_key)) else { return Ok(0) };
    let id = profile_id(&batch.inner.options.id_key, anchor.node).as_u128();
    for &hash in group {
        batch.overlay.put(pair(b'M', id, hash), Vec::new());
        let node = &nodes[&hash];
        if node.profile != id {
            batch.overlay.write(of(b'N', hash), &Node { profile: id, ..node.clone() });
            batch.dirty.insert((Table::Identities, hash));
            for (key, _) in batch.overlay.scan(&of(b'I', hash))? {
                batch.dirty.insert((Table::Identities, hash_at(&key, 17)));
            }
        }
    }
    batch.overlay.put(of(b'A', id), anchor.node.0.to_be_bytes().to_vec());
    batch.dirty.insert((Table::Profiles, id));
    Ok(id)
}

/// What happened to ids that were published before.
fn history(
    batch: &mut Batch<'_>,
    changes: &Changes,
    former: &Former,
    assigned: &BTreeMap<u128, Vec<u128>>,
    nodes: &BTreeMap<u128, Node>,
) {
    let heirs =
        |old: u128| assigned.iter().filter(move |(_, group)| group.iter().any(|node| nodes[node].profile == old));
    let changed_at = Timestamp(batch.newest);
    for &old in former.keys() {
        let now: Vec<(&u128, &Vec<u128>)> = heirs(old).collect();
        for &(&id, group) in &now {
            let others =
                group.iter().filter(|node| !matches!(nodes[node].profile, 0) && nodes[node].profile != old).count();
            let change = match () {
                () if now.len() > 1 && id != old => "split",
                () if id == old => continue,
                () if others > 0 => "merge",
                () => "assign",
            };
            let edges = joined(changes, group);
            let change = ProfileChange {
                change: change.to_owned(),
                profile_id: Uuid::from_u128(id),
                other_profile_id: Some(Uuid::from_u128(old)),
                cause: cause(changes, group).to_owned(),
                edges: named(&edges, nodes),
                changed_at,
            };
            batch.changes.push(change);
        }
    }
}

/// What made a group: identifiers seen together, or contents that match.
fn cause(changes: &Changes, group: &[u128]) -> &'static str {
    let moved = changes.components.iter().flatten().any(|node| group.contains(&node.0));
    if moved { "observed" } else { "matched" }
}

/// The batch's forest edges within a group.
fn joined(changes: &Changes, group: &[u128]) -> Vec<(u128, u128)> {
    let members: BTreeSet<u128> = group.iter().copied().collect();
    let within = |a: u128, b: u128| members.contains(&a) && members.contains(&b);
    let held = changes.edges.iter().filter(|change| change.now.is_some_and(|(_, in_forest)| in_forest));
    held.map(|change| (change.a.0, change.b.0)).filter(|&(a, b)| within(a, b)).collect()
}

fn named(edges: &[(u128, u128)], nodes: &BTreeMap<u128, Node>) -> String {
    let name = |hash: &u128| nodes.get(hash).map(|node| node.identifier.to_string());
    json!(edges.iter().map(|(a, b)| [name(a), name(b)]).collect::<Vec<_>>()).to_string()
}
