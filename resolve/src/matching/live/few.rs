//! Sets that mostly are of one: items of a key, devices of an item.

use super::super::hash::FastMap;
use std::collections::BTreeSet;

/// Items, mostly one.
#[derive(Clone, Debug)]
#[allow(clippy::box_collection, reason = "nearly all are one item, for which a map holds half as much")]
pub(super) enum Few {
    One(u64),
    Many(Box<BTreeSet<u64>>),
}

impl Few {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(items) => items.len(),
        }
    }

    pub(super) fn add(&mut self, item: u64) {
        match self {
            Self::One(one) if *one == item => {}
            Self::One(one) => *self = Self::Many(Box::new(BTreeSet::from([*one, item]))),
            Self::Many(items) => {
                items.insert(item);
            }
        }
    }

    /// Takes one of several away.
    pub(super) fn take(&mut self, item: u64) {
        let Self::Many(items) = self else { return };
        items.remove(&item);
        if let (1, Some(&one)) = (items.len(), items.first()) {
            *self = Self::One(one);
        }
    }

    pub(super) fn items(&self) -> Vec<u64> {
        match self {
            Self::One(item) => vec![*item],
            Self::Many(items) => items.iter().copied().collect(),
        }
    }

    pub(super) fn first(&self) -> u64 {
        match self {
            Self::One(item) => *item,
            Self::Many(items) => items.first().copied().unwrap_or_default(),
        }
    }
}

/// Devices of an item, mostly one.
#[derive(Clone, Debug)]
pub(super) enum Devices {
    One(u64),
    Several(Box<[u64]>),
}

impl Devices {
    pub(super) fn all(&self) -> &[u64] {
        match self {
            Self::One(device) => std::slice::from_ref(device),
            Self::Several(devices) => devices,
        }
    }
}

/// Adds an item to those of a key.
pub(super) fn enter(map: &mut FastMap<u64, Few>, key: u64, item: u64) {
    map.entry(key).and_modify(|few| few.add(item)).or_insert(Few::One(item));
}

/// Takes an item from those of a key.
pub(super) fn leave(map: &mut FastMap<u64, Few>, key: u64, item: u64) {
    match map.get_mut(&key) {
        Some(Few::One(one)) if *one == item => {
            map.remove(&key);
        }
        Some(few) => few.take(item),
        None => {}
    }
}
