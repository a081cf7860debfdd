//! The packed form of an item. Attributes are mostly told by few records, so
//! that what tells them, (event time, record hash), is written once each.

use super::{ATTRIBUTES, CELLS, Item, Kept, Sighting};
use crate::packed::{Packed, Packer, Unpacked, Unpacker};
use std::collections::BTreeMap;

const DELETED: u8 = 1;
/// The component is called as the home is.
const COMPONENT_IS_HOME: u8 = 2;
const COMPONENT: u8 = 4;
/// The user id is the home.
const USER_IS_HOME: u8 = 8;
const USER: u8 = 16;
const FLAGS: u8 = DELETED | COMPONENT_IS_HOME | COMPONENT | USER_IS_HOME | USER;

impl Packed for Item {
    const WHAT: &'static str = "item";

    fn pack(&self, to: &mut Packer) {
        let hash = |value: u128, is_home: u8, is_other: u8| match value {
            value if value == self.home => is_home,
            0 => 0,
            _ => is_other,
        };
        let component = hash(self.component, COMPONENT_IS_HOME, COMPONENT);
        let user = hash(self.user, USER_IS_HOME, USER);
        to.byte(component | user | if self.deleted_up_to.is_some() { DELETED } else { 0 });
        to.hash(self.home);
        to.text(&self.source);
        if let Some(time) = self.deleted_up_to {
            to.time(time);
        }
        if component == COMPONENT {
            to.hash(self.component);
        }
        if user == USER {
            to.hash(self.user);
        }
        pack_attributes(&self.attributes, to);
        pack_identifiers(&self.identifiers, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let flags = from.flags(FLAGS)?;
        let home = from.hash()?;
        let source = from.text()?.to_owned();
        let deleted_up_to = if flags & DELETED == 0 { None } else { Some(from.time()?) };
        let component = unpack_hash(flags, home, COMPONENT_IS_HOME, COMPONENT, from)?;
        let user = unpack_hash(flags, home, USER_IS_HOME, USER, from)?;
        let attributes = unpack_attributes(from)?;
        let identifiers = unpack_identifiers(from)?;
        Ok(Self { home, source, attributes, identifiers, deleted_up_to, component, user })
    }
}

fn unpack_hash(flags: u8, home: u128, is_home: u8, is_other: u8, from: &mut Unpacker<'_>) -> Unpacked<u128> {
    match (flags & is_home != 0, flags & is_other != 0) {
        (true, true) => Err("a hash is two at once"),
        (true, false) => Ok(home),
        (false, true) => from.hash(),
        (false, false) => Ok(0),
    }
}

/// What told: how many, then each; then the attributes, which name theirs by its place.
fn pack_attributes(attributes: &BTreeMap<&'static str, Kept>, to: &mut Packer) {
    let mut told: Vec<(i64, u128)> = Vec::new();
    for kept in attributes.values() {
        if !told.contains(&(kept.event_time, kept.record)) {
            told.push((kept.event_time, kept.record));
        }
    }
    to.count(told.len() as u64);
    for (time, record) in &told {
        to.time(*time);
        to.hash(*record);
    }
    to.count(attributes.len() as u64);
    for (name, kept) in attributes {
        to.count(place_of(ATTRIBUTES.iter().map(|(name, ..)| *name), name));
        to.count(place_of(told.iter().copied(), &(kept.event_time, kept.record)));
        match &kept.value {
            None => to.byte(0),
            Some(value) => {
                to.byte(1);
                to.text(value);
            }
        }
    }
}

fn unpack_attributes(from: &mut Unpacker<'_>) -> Unpacked<BTreeMap<&'static str, Kept>> {
    let told = (0..from.length(17)?).map(|_| Ok((from.time()?, from.hash()?))).collect::<Unpacked<Vec<_>>>()?;
    let mut attributes = BTreeMap::new();
    for _ in 0..from.length(3)? {
        let (name, ..) = *at(&ATTRIBUTES, from.count()?)?;
        let (event_time, record) = *at(&told, from.count()?)?;
        let value = if from.flags(0b1)? == 0 { None } else { Some(from.text()?.to_owned()) };
        attributes.insert(name, Kept { event_time, record, value });
    }
    Ok(attributes)
}

/// By cell: its identifiers, and when each was seen.
fn pack_identifiers(identifiers: &BTreeMap<&'static str, BTreeMap<String, Sighting>>, to: &mut Packer) {
    to.count(identifiers.len() as u64);
    for (cell, values) in identifiers {
        to.count(place_of(CELLS.iter().copied(), cell));
        to.count(values.len() as u64);
        for (value, seen) in values {
            to.text(value);
            to.time(seen.first);
            match seen.told {
                None => to.byte(0),
                Some(told) => {
                    to.byte(1);
                    to.time(told.wrapping_sub(seen.first));
                }
            }
        }
    }
}

fn unpack_identifiers(from: &mut Unpacker<'_>) -> Unpacked<BTreeMap<&'static str, BTreeMap<String, Sighting>>> {
    let mut identifiers = BTreeMap::new();
    for _ in 0..from.length(2)? {
        let cell = *at(&CELLS, from.count()?)?;
        let mut values = BTreeMap::new();
        for _ in 0..from.length(3)? {
            let value = from.text()?.to_owned();
            let first = from.time()?;
            let told = if from.flags(0b1)? == 0 { None } else { Some(from.time()?.wrapping_add(first)) };
            values.insert(value, Sighting { first, told });
        }
        identifiers.insert(cell, values);
    }
    Ok(identifiers)
}

/// Place of what is among `all`.
fn place_of<T: PartialEq>(mut all: impl Iterator<Item = T>, wanted: &T) -> u64 {
    all.position(|one| one == *wanted).unwrap_or_default() as u64
}

fn at<T>(all: &[T], place: u64) -> Unpacked<&T> {
    usize::try_from(place).ok().and_then(|place| all.get(place)).ok_or("it names what is unknown")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packed::{pack, tests::check};
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    fn attributes() -> impl Strategy<Value = BTreeMap<&'static str, Kept>> {
        let told = prop_oneof![Just((1_760_000_000_000_000, 7)), any::<(i64, u128)>()];
        let kept = (told, any::<Option<String>>());
        let kept = kept.prop_map(|((event_time, record), value)| Kept { event_time, record, value });
        let name = proptest::sample::select(&ATTRIBUTES[..]).prop_map(|(name, ..)| name);
        btree_map(name, kept, 0..ATTRIBUTES.len())
    }

    fn identifiers() -> impl Strategy<Value = BTreeMap<&'static str, BTreeMap<String, Sighting>>> {
        let sighting = any::<(i64, Option<i64>)>().prop_map(|(first, told)| Sighting { first, told });
        btree_map(proptest::sample::select(&CELLS[..]), btree_map(any::<String>(), sighting, 0..4), 0..3)
    }

    prop_compose! {
        fn item()(
            (home, component, user) in any::<(u128, u128, u128)>(),
            (is_component, is_user) in (0..3, 0..3),
            (source, deleted_up_to) in any::<(String, Option<i64>)>(),
            attributes in attributes(), identifiers in identifiers(),
        ) -> Item {
            let one_of = |which, other| match which { 0 => 0, 1 => home, _ => other };
            let (component, user) = (one_of(is_component, component), one_of(is_user, user));
            Item { home, source, attributes, identifiers, deleted_up_to, component, user }
        }
    }

    proptest! {
        #[test]
        fn items_are_read_back(item in item(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            check(&item, at, byte);
        }
    }

    #[test]
    fn what_one_record_told_is_written_once() {
        let kept = || Kept { event_time: 1_760_000_000_000_000, record: 7, value: Some("Ada".to_owned()) };
        let item = |names: &[&'static str]| {
            let attributes = names.iter().map(|name| (*name, kept())).collect();
            Item { attributes, ..Item::empty(1, "web") }
        };
        let (one, two) = (pack(&item(&["given_name"])).len(), pack(&item(&["given_name", "family_name"])).len());
        assert_eq!(two - one, 1 + 1 + 1 + 1 + "Ada".len());
    }
}
