//! The fold: a profile's row, made of what its members contribute.

use crate::apply::least_seen;
use crate::keys::{key, of, values_of};
use crate::packed::unpack;
use crate::state::Inner;
use crate::survivorship::{Candidate, survivor};
use crate::values::{Attached, Contributions, Hashes, Holds, Node, Said, Time};
use crate::{ProfileRow, Provenance, Result};
use std::collections::BTreeMap;
use tributary_protocol::{Identifier, Json, KIND_PHONE, Timestamp};
use uuid::Uuid;

/// Returns the name under which a trait is folded: lower snake case, other
/// characters `_`. `createdAt`, `Created At` and `created_at` are one trait.
///
/// ```
/// assert_eq!(tributary_state::fold_trait_name("Lead Status"), "lead_status");
/// assert_eq!(tributary_state::fold_trait_name("createdAt"), "created_at");
/// ```
#[must_use]
pub fn fold_trait_name(name: &str) -> String {
    let mut folded = String::with_capacity(name.len() + 4);
    let mut previous_lower = false;
    for c in name.trim().chars() {
        if c.is_uppercase() && previous_lower {
            folded.push('_');
        }
        previous_lower = c.is_lowercase() || c.is_ascii_digit();
        if c.is_alphanumeric() {
            folded.extend(c.to_lowercase());
        } else if !folded.ends_with('_') {
            folded.push('_');
        }
    }
    folded
}

impl Inner {
    /// Folds the profile `id`; `None` if nobody is called so now.
    pub(crate) fn fold(&self, id: u128) -> Result<Option<ProfileRow>> {
        let Some(Hashes(members)) = self.read(&of(b'M', id))? else { return Ok(None) };
        let mut nodes: Vec<(u128, Node)> = Vec::new();
        let mut identifiers: Vec<Identifier> = Vec::new();
        let mut seen: Vec<i64> = Vec::new();
        let mut candidates: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
        for member in members {
            let Some(node) = self.node(member)? else { continue };
            if !node.is_set {
                identifiers.push(node.identifier.clone());
            }
            for Attached { first_seen, identifier } in self.attached(member, &node)? {
                if identifier.kind != KIND_PHONE {
                    seen.push(first_seen);
                }
                identifiers.push(identifier);
            }
            if node.holds.has(Holds::TRAITS) {
                self.collect(member, &node, &mut candidates)?;
            }
            nodes.push((member, node));
        }
        identifiers.sort();
        identifiers.dedup();
        seen.extend(nodes.iter().map(|(_, node)| node.first_seen));
        let contributed = candidates.values().flatten().map(|candidate| candidate.contribution.event_time);
        let updated_at = Timestamp(seen.into_iter().chain(contributed).max().unwrap_or_default());
        let created_at = least_seen(nodes.iter().map(|(_, node)| node));
        let (traits, provenance) = self.survivors(candidates);
        Ok(Some(ProfileRow {
            profile_id: Uuid::from_u128(id),
            identifiers,
            created_at,
            updated_at,
            traits,
            provenance,
        }))
    }

    /// The identifiers that came with a node and do not join by themselves.
    fn attached(&self, hash: u128, node: &Node) -> Result<Vec<Attached>> {
        if !node.holds.has(Holds::ATTACHED) {
            return Ok(node.attached.clone());
        }
        self.store.scan(&of(b'I', hash))?.iter().map(|(place, attached)| unpack(place, attached)).collect()
    }

    /// Adds what a node contributes and no deletion hides.
    fn collect(&self, member: u128, node: &Node, candidates: &mut BTreeMap<String, Vec<Candidate>>) -> Result<()> {
        for (place, bytes) in self.store.scan(&of(b'C', member))? {
            let source = String::from_utf8_lossy(&place[17..]).into_owned();
            let deleted_up_to: Option<Time> = if node.holds.has(Holds::DELETIONS) {
                self.read(&key(b'T', &[&member.to_be_bytes(), source.as_bytes()]))?
            } else {
                None
            };
            let Contributions(of_source) = unpack(&place, &bytes)?;
            for (name, contribution) in of_source {
                let said = if self.options.rule(&name).needs_all() {
                    self.all_values(member, &name, &source)?
                } else {
                    vec![Said { contribution, verified: false }]
                };
                let is_in_force =
                    |said: &Said| deleted_up_to.is_none_or(|Time(time)| said.contribution.event_time > time);
                let candidate = |Said { contribution, verified }| {
                    let (source, node) = (source.clone(), node.identifier.to_string());
                    Candidate { source, node, contribution, verified }
                };
                let mut said = said.into_iter().filter(is_in_force).map(candidate).peekable();
                if said.peek().is_some() {
                    candidates.entry(name).or_default().extend(said);
                }
            }
        }
        Ok(())
    }

    /// Every value that a source said of a trait of a node.
    fn all_values(&self, node: u128, name: &str, source: &str) -> Result<Vec<Said>> {
        let values = self.store.scan(&values_of(node, name, source))?;
        values.iter().map(|(place, bytes)| unpack(place, bytes)).collect()
    }

    fn survivors(&self, candidates: BTreeMap<String, Vec<Candidate>>) -> (Json, BTreeMap<String, Provenance>) {
        let mut traits = Json::new();
        let mut provenance = BTreeMap::new();
        for (name, of_trait) in candidates {
            let Some((value, best)) = survivor(self.options.rule(&name), of_trait) else { continue };
            let source = Provenance {
                source: best.source,
                node: best.node,
                event_time: Timestamp(best.contribution.event_time),
                message_id: best.contribution.message_id,
            };
            traits.insert(name.clone(), value);
            provenance.insert(name, source);
        }
        (traits, provenance)
    }
}
