//! At start: the matcher takes the items that the state holds, and profiles
//! are regrouped if its clusters may be others than the last time.

use crate::Result;
use crate::apply::{Applied, Batch};
use crate::decision::Decisions;
use crate::homes::Homes;
use crate::keys::{hash_at, of};
use crate::overlay::Overlay;
use crate::packed::pack;
use crate::regroup::write_groups;
use crate::state::Inner;
use crate::values::{Hashes, Number, from_json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tributary_resolve::Changes;

/// Nodes that are regrouped in one write.
const NODES_AT_ONCE: usize = 20_000;
/// Place of the fingerprint of the matcher whose clusters the profiles are.
pub(crate) const FINGERPRINT: &[u8] = b"W";

impl Inner {
    /// Has the matcher take the items; regroups every profile if it is not the
    /// one that grouped them.
    pub(crate) fn load_matcher(&self) -> Result<()> {
        let begun = Instant::now();
        let mut decisions = Decisions::new();
        self.store.for_each(b"V", &mut |key, value| {
            decisions.insert(hash_at(key, 1), from_json("decision", key, value)?);
            Ok(())
        })?;
        let decided = decisions.values().filter_map(|decision| self.shape.decided(decision)).collect();
        self.set_decisions(Arc::new(decisions));
        let (count, fingerprint) = {
            let mut matcher = self.matcher_mut();
            let Some(matcher) = &mut *matcher else { return Ok(()) };
            let (mut items, mut homes) = (Vec::new(), Vec::new());
            self.for_each_item(|id, item| {
                homes.push((id, item.home));
                items.extend(self.shape.match_item(id, &item));
            })?;
            if self.decides() {
                *self.homes() = Homes::of(homes.into_iter());
            }
            let count = items.len();
            matcher.load(items, decided);
            (count, self.shape.fingerprint(matcher.fingerprint()))
        };
        tracing::info!(items = count, duration = ?begun.elapsed(), "the matching model holds every item");
        let known: Option<Number> = self.read(FINGERPRINT)?;
        if self.decides() && known != Some(Number(fingerprint)) {
            self.regroup_everything(known.is_some())?;
            self.store.apply(vec![(FINGERPRINT.to_vec(), Some(pack(&Number(fingerprint))))])?;
            tracing::info!(duration = ?begun.elapsed(), "every profile is regrouped");
        }
        Ok(())
    }

    /// Regroups every profile. What is interrupted begins again at the next start.
    fn regroup_everything(&self, is_history: bool) -> Result<()> {
        let mut nodes = Vec::new();
        self.store.for_each(b"N", &mut |key, _| {
            nodes.push(hash_at(key, 1));
            Ok(())
        })?;
        let mut seen = HashSet::new();
        let mut from = nodes.into_iter().peekable();
        while from.peek().is_some() {
            let mut batch = Batch::new(self, Overlay::new(&*self.store));
            let mut groups: Vec<Vec<u128>> = Vec::new();
            let mut count = 0;
            while count < NODES_AT_ONCE
                && let Some(node) = from.next()
            {
                let mut queue = vec![node];
                while let Some(node) = queue.pop() {
                    if !seen.insert(node) {
                        continue;
                    }
                    let group = batch.profile_members(node)?;
                    seen.extend(group.iter().copied());
                    queue.extend(batch.former_members(&group)?);
                    count += group.len();
                    groups.push(group);
                }
            }
            write_groups(&mut batch, &groups, &Changes::default())?;
            if !is_history {
                batch.changes.clear();
            }
            batch.finish(&mut Applied::default())?;
        }
        Ok(())
    }
}

impl Batch<'_> {
    /// The members of the profiles that these nodes are stored in.
    fn former_members(&mut self, group: &[u128]) -> Result<HashSet<u128>> {
        let mut members = HashSet::new();
        for &node in group {
            if !members.contains(&node)
                && let Some(profile) = self.profile_of(node)?
                && let Some(Hashes(of_profile)) = self.overlay.read(&of(b'M', profile))?
            {
                members.extend(of_profile);
            }
        }
        Ok(members)
    }
}
