//! What sources said of a node's traits.

use crate::packed::{Packed, Packer, Unpacked, Unpacker};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// One value of a trait, in the order of the fold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Contribution {
    pub(crate) event_time: i64,
    pub(crate) record: u128,
    /// A top-level trait counts over one of `context.traits`.
    pub(crate) top_level: bool,
    /// Canonical JSON.
    pub(crate) value: String,
    pub(crate) message_id: String,
}

/// The greatest contribution to each trait that one source told of a node, by the
/// trait's folded name. They are one value: a record mostly tells all that its source
/// knows, so that they change together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Contributions(pub(crate) BTreeMap<String, Contribution>);

impl Contributions {
    /// Takes in a contribution to a trait; whether it is greater than what was known.
    pub(crate) fn keep(&mut self, name: String, new: Contribution) -> bool {
        match self.0.entry(name) {
            Entry::Occupied(known) if *known.get() >= new => return false,
            Entry::Occupied(mut known) => drop(known.insert(new)),
            Entry::Vacant(place) => {
                place.insert(new);
            }
        }
        true
    }
}

impl Packed for Contributions {
    const WHAT: &'static str = "contributions";

    /// The records that told them, each once, then what they told.
    fn pack(&self, to: &mut Packer) {
        let mut told: Vec<(i64, u128, &str)> = Vec::new();
        let mut places = Vec::with_capacity(self.0.len());
        for contribution in self.0.values() {
            let record = (contribution.event_time, contribution.record, contribution.message_id.as_str());
            places.push(told.iter().position(|known| *known == record).unwrap_or(told.len()));
            if places.last() == Some(&told.len()) {
                told.push(record);
            }
        }
        to.count(told.len() as u64);
        for (event_time, record, message_id) in told {
            to.time(event_time);
            to.hash(record);
            to.message_id(message_id);
        }
        to.count(self.0.len() as u64);
        for ((name, contribution), place) in self.0.iter().zip(places) {
            to.text(name);
            to.count((place as u64) << 1 | u64::from(contribution.top_level));
            to.text(&contribution.value);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let told = (0..from.length(18)?).map(|_| Ok((from.time()?, from.hash()?, from.message_id()?)));
        let told: Vec<(i64, u128, String)> = told.collect::<Unpacked<_>>()?;
        let mut contributions = BTreeMap::new();
        for _ in 0..from.length(3)? {
            let name = from.text()?.to_owned();
            let place = from.count()?;
            let record = usize::try_from(place >> 1).ok().and_then(|place| told.get(place));
            let (event_time, record, message_id) = record.ok_or("it names what is unknown")?;
            let contribution = Contribution {
                event_time: *event_time,
                record: *record,
                top_level: place & 1 == 1,
                value: from.text()?.to_owned(),
                message_id: message_id.clone(),
            };
            contributions.insert(name, contribution);
        }
        Ok(Self(contributions))
    }
}

/// One value that a record said, of a trait whose rule looks at all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) contribution: Contribution,
    /// Whether the record says that the value is verified.
    pub(crate) verified: bool,
}

impl Packed for Said {
    const WHAT: &'static str = "value";

    fn pack(&self, to: &mut Packer) {
        let Contribution { event_time, record, top_level, value, message_id } = &self.contribution;
        to.byte(u8::from(*top_level) | u8::from(self.verified) << 1);
        to.time(*event_time);
        to.hash(*record);
        to.text(value);
        to.message_id(message_id);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
        let flags = from.flags(0b11)?;
        let contribution = Contribution {
            top_level: flags & 1 != 0,
            event_time: from.time()?,
            record: from.hash()?,
            value: from.text()?.to_owned(),
            message_id: from.message_id()?,
        };
        Ok(Self { contribution, verified: flags & 2 != 0 })
    }
}
