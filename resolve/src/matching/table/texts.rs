//! Texts in one piece of memory, and finding the place of one among them.

use std::hint::black_box;

/// A list of texts, their bytes one after another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    bytes: String,
    /// Where each text ends.
    ends: Vec<usize>,
}

impl Texts {
    /// Number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the text of this place, if there is one.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        self.bytes.get(self.start(place)..end)
    }

    /// Goes through the texts in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + '_ {
        (0..self.len()).map(|place| self.get(place).unwrap_or_default())
    }

    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    /// Reads the beginnings of texts, where there are any at these places: loads
    /// that do not wait for each other, so that later ones find all at hand.
    pub(crate) fn fetch(&self, places: impl Iterator<Item = u32>) {
        let first = |place: u32| self.get(place as usize).and_then(|text| text.bytes().next()).unwrap_or_default();
        black_box(places.fold(0, |sum, place| sum ^ first(place)));
    }

    fn start(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// An empty list with as much room as `other` takes.
    pub(crate) fn as_large_as(other: &Self) -> Self {
        Self { bytes: String::with_capacity(other.bytes.len()), ends: Vec::with_capacity(other.ends.len()) }
    }
}

impl<'a> Extend<&'a str> for Texts {
    fn extend<T: IntoIterator<Item = &'a str>>(&mut self, texts: T) {
        texts.into_iter().for_each(|text| self.push(text));
    }
}

impl<'a> FromIterator<&'a str> for Texts {
    fn from_iter<T: IntoIterator<Item = &'a str>>(texts: T) -> Self {
        let mut all = Self::default();
        all.extend(texts);
        all
    }
}

/// Where texts are, by their hashes; texts themselves are kept elsewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Half of a hash above, the place and one below; 0 is free.
    slots: Vec<u64>,
    filled: usize,
}

impl Places {
    /// None yet, with room for about so many.
    pub(crate) fn with_room(places: usize) -> Self {
        Self { slots: vec![0; (places * 2 + 1).next_power_of_two()], filled: 0 }
    }

    /// The places of texts that may hash to these hashes, in order, rarely one
    /// where there is none: first reads that do not wait for each other, so that
    /// later ones find all at hand.
    pub(crate) fn likely(&self, hashes: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
        let slot = |hash| self.slots.get(self.slot(hash)).copied().unwrap_or_default();
        hashes
            .map(move |hash| (hash, slot(hash)))
            .filter(|(hash, slot)| slot >> 32 == hash & u64::from(u32::MAX))
            .map(|(_, slot)| (slot as u32).wrapping_sub(1))
    }

    /// Returns the place of a text that hashes to `hash` and that `is_same`
    /// finds at it; `next`, which is remembered, if there is none.
    pub(crate) fn find_or_put(&mut self, hash: u64, next: u32, is_same: impl Fn(u32) -> bool) -> u32 {
        if self.filled * 2 >= self.slots.len() {
            self.grow();
        }
        let mut slot = self.slot(hash);
        while self.slots[slot] != 0 {
            let place = (self.slots[slot] as u32).wrapping_sub(1);
            if self.slots[slot] >> 32 == hash & u64::from(u32::MAX) && is_same(place) {
                return place;
            }
            slot = (slot + 1) % self.slots.len();
        }
        self.slots[slot] = hash << 32 | u64::from(next.wrapping_add(1));
        self.filled += 1;
        next
    }

    /// Where to begin to look; only the half of a hash that is kept counts.
    fn slot(&self, hash: u64) -> usize {
        hash as u32 as usize & self.slots.len().saturating_sub(1)
    }

    fn grow(&mut self) {
        let larger = (self.slots.len() * 2).max(64);
        let slots = std::mem::replace(&mut self.slots, vec![0; larger]);
        for filled in slots.into_iter().filter(|slot| *slot != 0) {
            let mut slot = self.slot(filled >> 32);
            while self.slots[slot] != 0 {
                slot = (slot + 1) % larger;
            }
            self.slots[slot] = filled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back_as_they_were_given() {
        let given = ["a", "", "straße", "b c"];
        let texts: Texts = given.into_iter().collect();
        assert_eq!(texts.iter().collect::<Vec<_>>(), given);
        assert_eq!((texts.len(), texts.get(2), texts.get(4)), (4, Some("straße"), None));
        assert!(Texts::default().is_empty() && !texts.is_empty());
    }

    #[test]
    fn places_are_found_again_whatever_the_hashes() {
        for spread in [1, 7, 1 << 32, 0x9e37_79b9_7f4a_7c15] {
            let mut places = Places::default();
            let hash = |text: u32| u64::from(text % 500).wrapping_mul(spread);
            for round in 0..2 {
                for text in 0..1000 {
                    let next = if round == 0 { text } else { u32::MAX };
                    assert_eq!(places.find_or_put(hash(text), next, |place| place == text), text, "{spread}");
                }
                assert_eq!(places.likely((500..1000).map(hash)).filter(|place| *place >= 1000).count(), 0);
            }
        }
    }
}
