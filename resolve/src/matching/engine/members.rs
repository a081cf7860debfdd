//! Groups of slots, most of one or a few, in little more memory than their members.
//!
//! A group is a number: a slot that is alone, or where its members lie among those
//! of groups of about its size. It is another number whenever it is another set.

/// Members that groups have places for; larger ones are chapters of sorted slots.
#[cfg(not(test))]
const SIZES: [usize; 11] = [2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
#[cfg(test)]
const SIZES: [usize; 4] = [2, 3, 4, 6];
/// A large group that has no more members than that is large no longer.
const LARGE_LEAST: usize = SIZES[SIZES.len() - 2];
/// Bits of a number that are a slot or a place; the others say of which size.
const PLACE_BITS: u32 = 28;
/// The size of large groups.
const LARGE: usize = SIZES.len() + 1;
/// No slot.
const FREE: u32 = u32::MAX;
/// Slots of a chapter at most; it is parted in the middle then.
const CHAPTER: usize = if cfg!(test) { 4 } else { 256 };

/// A group; see the head of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Group(u32);

/// The members of groups.
#[derive(Clone, Debug, Default)]
pub(super) struct Members {
    sizes: [Vec<u32>; SIZES.len()],
    /// Places of groups that are no more, by size.
    free: [Vec<u32>; SIZES.len() + 1],
    large: Vec<Large>,
}

/// Sorted slots in chapters.
#[derive(Clone, Debug, Default)]
struct Large {
    count: u32,
    /// Some slot of them, at hand without a look at chapters.
    some: u32,
    /// The first slot of the last chapter.
    last: u32,
    chapters: Vec<Vec<u32>>,
}

impl Group {
    /// The group of one slot.
    pub(super) fn alone(slot: u32) -> Self {
        debug_assert!(slot >> PLACE_BITS == 0, "more slots than a group can name");
        Self(slot)
    }

    /// The number it is, and that it is made of again.
    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(super) fn of_number(number: u32) -> Self {
        Self(number)
    }

    fn new(size: usize, place: usize) -> Self {
        Self((size as u32) << PLACE_BITS | place as u32)
    }

    fn size(self) -> usize {
        (self.0 >> PLACE_BITS) as usize
    }

    fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }
}

impl Members {
    /// Makes a group of sorted slots, of one or more.
    pub(super) fn group(&mut self, slots: &[u32]) -> Group {
        if let &[slot] = slots {
            return Group::alone(slot);
        }
        let Some(size) = SIZES.iter().position(|&size| slots.len() <= size) else {
            return self.put_large(Large::of(slots));
        };
        let places = &mut self.sizes[size];
        let place = self.free[size].pop().map_or(places.len(), |place| place as usize * SIZES[size]);
        super::lists::grow(places, place + SIZES[size], FREE);
        places[place..place + SIZES[size]].fill(FREE);
        places[place..place + slots.len()].copy_from_slice(slots);
        Group::new(size + 1, place / SIZES[size])
    }

    fn put_large(&mut self, large: Large) -> Group {
        let place = self.free[SIZES.len()].pop().map_or(self.large.len(), |place| place as usize);
        if place == self.large.len() {
            self.large.push(large);
        } else {
            self.large[place] = large;
        }
        Group::new(LARGE, place)
    }

    /// Lets go of a group's places.
    pub(super) fn give_up(&mut self, group: Group) {
        match group.size() {
            0 => {}
            LARGE => {
                self.large[group.place()] = Large::default();
                self.free[SIZES.len()].push(group.place() as u32);
            }
            size => self.free[size - 1].push(group.place() as u32),
        }
    }

    /// The slots of a group that is not large.
    fn slots<'a>(&'a self, group: &'a Group) -> &'a [u32] {
        match group.size() {
            0 => std::slice::from_ref(&group.0),
            size => {
                let places = &self.sizes[size - 1][group.place() * SIZES[size - 1]..][..SIZES[size - 1]];
                // The first is never free, and free ones are last.
                let free = places.iter().rev().take_while(|&&slot| slot == FREE).count();
                &places[..places.len() - free]
            }
        }
    }

    /// Adds the slots of a group to others unless they are more than `most`.
    pub(super) fn gather(&self, group: Group, most: usize, slots: &mut Vec<u32>) {
        if group.size() == LARGE {
            let large = &self.large[group.place()];
            if large.count as usize <= most {
                large.chapters.iter().for_each(|chapter| slots.extend_from_slice(chapter));
            }
            return;
        }
        let found = self.slots(&group);
        if found.len() <= most {
            slots.extend_from_slice(found);
        }
    }

    /// All slots of a group.
    pub(super) fn all(&self, group: Group) -> Vec<u32> {
        self.each(&group).collect()
    }

    /// The same, one after another.
    pub(super) fn each<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = u32> + 'a {
        let (slots, chapters): (&[u32], &[Vec<u32>]) = match group.size() {
            LARGE => (&[], &self.large[group.place()].chapters),
            _ => (self.slots(group), &[]),
        };
        slots.iter().chain(chapters.iter().flatten()).copied()
    }

    /// Number of slots of a group.
    pub(super) fn count(&self, group: Group) -> usize {
        if group.size() == LARGE { self.large[group.place()].count as usize } else { self.slots(&group).len() }
    }

    /// Some slot of a group.
    pub(super) fn some(&self, group: Group) -> u32 {
        match group.size() {
            0 => group.0,
            LARGE => self.large[group.place()].some,
            size => self.sizes[size - 1][group.place() * SIZES[size - 1]],
        }
    }

    /// What lies at the ends of a group, to have it at hand.
    pub(super) fn ends(&self, group: Group) -> u32 {
        match group.size() {
            0 => group.0,
            LARGE => self.large[group.place()].count,
            size => {
                let places = &self.sizes[size - 1][group.place() * SIZES[size - 1]..][..SIZES[size - 1]];
                places[0] ^ places[places.len() - 1]
            }
        }
    }

    /// Adds a slot that is not in a group; returns the group that it is then.
    pub(super) fn add(&mut self, group: Group, slot: u32) -> Group {
        let size = group.size();
        if size == LARGE {
            self.large[group.place()].add(slot);
            return group;
        }
        let count = self.slots(&group).len();
        if size > 0 && count < SIZES[size - 1] {
            self.sizes[size - 1][group.place() * SIZES[size - 1] + count] = slot;
            return group;
        }
        let mut grown = [FREE; SIZES[SIZES.len() - 1] + 1];
        grown[..count].copy_from_slice(self.slots(&group));
        grown[count] = slot;
        let slots = &mut grown[..=count];
        slots.sort_unstable();
        self.give_up(group);
        self.group(slots)
    }

    /// Takes out a slot that is in a group; returns the group that is left.
    pub(super) fn remove(&mut self, group: Group, slot: u32) -> Option<Group> {
        let size = group.size();
        if size == 0 {
            return None;
        }
        if size == LARGE {
            let large = &mut self.large[group.place()];
            large.remove(slot);
            if large.count as usize > LARGE_LEAST {
                return Some(group);
            }
            let slots = self.all(group);
            self.give_up(group);
            return Some(self.group(&slots));
        }
        let mut slots: Vec<u32> = self.slots(&group).iter().copied().filter(|&member| member != slot).collect();
        let is_least = size == 1 || slots.len() > SIZES[size - 2];
        if slots.len() > 1 && is_least {
            slots.resize(SIZES[size - 1], FREE);
            self.sizes[size - 1][group.place() * SIZES[size - 1]..][..SIZES[size - 1]].copy_from_slice(&slots);
            return Some(group);
        }
        self.give_up(group);
        slots.sort_unstable();
        Some(self.group(&slots))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        let places: usize = self.sizes.iter().chain(&self.free).map(|places| places.capacity() * 4).sum();
        let large = |large: &Large| large.chapters.iter().map(|chapter| chapter.capacity() * 4 + 24).sum::<usize>();
        places + self.large.capacity() * size_of::<Large>() + self.large.iter().map(large).sum::<usize>()
    }
}

impl Large {
    /// Of sorted slots.
    fn of(slots: &[u32]) -> Self {
        let chapters = slots.chunks(CHAPTER * 3 / 4).map(<[u32]>::to_vec).collect();
        let mut large = Self { count: slots.len() as u32, some: slots[0], last: 0, chapters };
        large.note_last();
        large
    }

    fn note_last(&mut self) {
        self.last = self.chapters.last().map_or(0, |chapter| chapter[0]);
    }

    /// The chapter a slot belongs into.
    fn chapter(&self, slot: u32) -> usize {
        // Slots mostly come in order, and looking at all chapters waits for memory.
        let last = self.chapters.len() - 1;
        if self.last <= slot {
            return last;
        }
        self.chapters.partition_point(|chapter| chapter[0] <= slot).saturating_sub(1)
    }

    fn add(&mut self, slot: u32) {
        let number = self.chapter(slot);
        let is_last = number + 1 == self.chapters.len();
        let chapter = &mut self.chapters[number];
        let is_after = chapter.last().is_none_or(|&last| last < slot);
        let place = if is_after { chapter.len() } else { chapter.partition_point(|&known| known < slot) };
        if chapter.len() == chapter.capacity() {
            chapter.reserve_exact(1 + chapter.len() / 8);
        }
        chapter.insert(place, slot);
        self.count += 1;
        if chapter.len() == CHAPTER {
            // What only grows at its end is left full behind.
            let at_end = is_last && place + 1 == CHAPTER;
            let upper = chapter.split_off(if at_end { CHAPTER - 1 } else { CHAPTER / 2 });
            chapter.shrink_to_fit();
            self.chapters.insert(number + 1, upper);
        }
        if place == 0 || self.chapters.len() > number + 1 {
            self.note_last();
        }
    }

    fn remove(&mut self, slot: u32) {
        let number = self.chapter(slot);
        if let Ok(place) = self.chapters[number].binary_search(&slot) {
            self.chapters[number].remove(place);
            self.count -= 1;
            if self.chapters[number].is_empty() {
                self.chapters.remove(number);
            }
            if slot == self.some {
                self.some = self.chapters[0][0];
            }
            self.note_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::hash::mix;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn groups_hold_what_sets_would_while_they_grow_and_shrink() {
        let mut members = Members::default();
        let (mut groups, mut sets): (Vec<Option<Group>>, Vec<BTreeSet<u32>>) =
            (vec![None; 8], vec![BTreeSet::new(); 8]);
        for round in 0..30_000u64 {
            let random = mix(round);
            let (at, slot) = ((random % 8) as usize, (random >> 8) as u32 % (4 + 9 * (random % 8) as u32));
            // Groups grow for a while, then shrink.
            let grows = (random >> 40) % 10 < if round / 3000 % 2 == 0 { 7 } else { 3 };
            if grows && sets[at].insert(slot) {
                groups[at] = Some(groups[at].map_or(Group::alone(slot), |group| members.add(group, slot)));
            } else if !grows && sets[at].remove(&slot) {
                groups[at] = members.remove(groups[at].unwrap(), slot);
            }
            for (group, set) in groups.iter().zip(&sets) {
                let Some(group) = *group else {
                    assert!(set.is_empty());
                    continue;
                };
                let mut found = members.all(group);
                assert!(found.contains(&members.some(group)) && members.count(group) == set.len());
                found.sort_unstable();
                assert!(set.iter().eq(&found), "{set:?} {found:?}");
                let mut gathered = vec![7];
                members.gather(group, 3, &mut gathered);
                assert_eq!(gathered.len(), 1 + if set.len() <= 3 { set.len() } else { 0 });
            }
        }
        for set in &sets {
            let slots: Vec<u32> = set.iter().copied().collect();
            if !slots.is_empty() {
                let group = members.group(&slots);
                assert_eq!(members.all(group), slots);
            }
        }
    }
}
