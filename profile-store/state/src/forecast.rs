//! What another model or cut would make of the profiles, before it does.

use crate::matcher::{Matcher, Shape};
use crate::{Result, State};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// Examples and largest clusters that are told.
const SHOWN: usize = 10;

/// How profiles would change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Profiles that hold items, now.
    pub profiles_now: usize,
    /// Profiles that would.
    pub profiles_then: usize,
    /// Profiles that would each be made of several.
    pub merges: usize,
    /// Profiles that would be parted.
    pub splits: usize,
    /// Items of the largest profiles there would be, the largest first.
    pub largest: Vec<usize>,
    /// Some of the sets of profiles that would merge.
    pub merging: Vec<BTreeSet<Uuid>>,
    /// Some of the profiles that would be parted.
    pub splitting: Vec<Uuid>,
}

impl State {
    /// Has another matcher cluster every live item, and compares. Nothing is
    /// changed, and the worker is not held up.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn forecast(&self, mut matcher: Box<dyn Matcher>) -> Result<Forecast> {
        let unique_sources = self.0.options.unique_sources.clone();
        let shape = Shape { fields: matcher.fields(), unique_sources };
        let mut items = Vec::new();
        let mut homes: HashMap<u64, u128> = HashMap::new();
        self.0.for_each_item(|id, item| {
            if let Some(live) = shape.match_item(id, &item) {
                homes.insert(id, item.home);
                items.push(live);
            }
        })?;
        let decisions = self.decisions();
        matcher.load(items, decisions.iter().filter_map(|decision| shape.decided(decision)).collect());
        let mut forecast = Forecast::default();
        let mut clusters_of: BTreeMap<u128, usize> = BTreeMap::new();
        for cluster in matcher.clusters() {
            let mut profiles = BTreeSet::new();
            for item in &cluster {
                let home = homes.get(item).copied().unwrap_or_default();
                profiles.extend(self.0.node(home)?.map(|node| node.profile));
            }
            forecast.add(cluster.len(), &profiles);
            for profile in profiles {
                *clusters_of.entry(profile).or_default() += 1;
            }
        }
        let parted = clusters_of.iter().filter(|(_, count)| **count > 1);
        forecast.splits = parted.clone().count();
        forecast.splitting = parted.take(SHOWN).map(|(&profile, _)| Uuid::from_u128(profile)).collect();
        forecast.profiles_now = clusters_of.len();
        Ok(forecast)
    }
}

impl Forecast {
    /// Counts a profile that there would be, made of these.
    fn add(&mut self, items: usize, profiles: &BTreeSet<u128>) {
        self.profiles_then += 1;
        self.largest.push(items);
        self.largest.sort_unstable_by(|one, other| other.cmp(one));
        self.largest.truncate(SHOWN);
        if profiles.len() > 1 {
            self.merges += 1;
            if self.merging.len() < SHOWN {
                self.merging.push(profiles.iter().map(|&profile| Uuid::from_u128(profile)).collect());
            }
        }
    }
}
