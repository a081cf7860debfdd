//! What a record says of a person, as it is or with the slips of those who
//! write it down: short names, swapped names, letters and days gone wrong, an
//! address of before.

use super::people::{Address, Birth, Person, pick};
use rand::Rng as _;
use rand::rngs::SmallRng;

/// What a record says of a person; empty texts say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Date of birth, `2001-12-31`.
    pub birth: String,
    /// Phone number.
    pub phone: String,
    /// Street with its number.
    pub street: String,
    /// Code of the post.
    pub postcode: String,
}

/// Shares of the records that say something.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    /// A date of birth.
    pub birth: f64,
    /// A phone number.
    pub phone: f64,
    /// An address.
    pub address: f64,
}

impl Told {
    /// What a careful writer notes of a person.
    pub fn exactly(person: &Person, says: Says, rng: &mut SmallRng) -> Self {
        let mut told =
            Self { given: person.given.written.clone(), family: person.family.written.clone(), ..Self::default() };
        if rng.random_bool(says.birth) {
            told.birth = person.birth.iso();
        }
        if rng.random_bool(says.phone) {
            told.phone = person.phone_as_typed(rng);
        }
        if rng.random_bool(says.address) {
            told.live_at(&person.address);
        }
        told
    }

    /// What somebody in a hurry notes: names, a birthday or a phone at least,
    /// and slips in some of it.
    pub fn hastily(person: &Person, says: Says, rng: &mut SmallRng) -> Self {
        let mut told = Self::exactly(person, says, rng);
        if told.birth.is_empty() && told.phone.is_empty() {
            told.birth = person.birth.iso();
        }
        if !told.street.is_empty() && rng.random_bool(0.2) {
            told.live_at(&person.former_address);
        }
        if !told.birth.is_empty() && rng.random_bool(0.08) {
            told.birth = other_day(person.birth, rng);
        }
        match rng.random_range(0..10) {
            0..3 => told.given = person.given.short.clone().unwrap_or(told.given),
            3 => std::mem::swap(&mut told.given, &mut told.family),
            4 => told.given = slip(&told.given, rng),
            5..7 => told.family = slip(&told.family, rng),
            _ => {}
        }
        told
    }

    fn live_at(&mut self, address: &Address) {
        let Address { street, postcode } = address.clone();
        (self.street, self.postcode) = (street, postcode);
    }
}

/// A date of birth, with another day or with day and month swapped.
fn other_day(birth: Birth, rng: &mut SmallRng) -> String {
    let Birth { month, day, .. } = birth;
    let slipped = if day <= 12 && rng.random_bool(0.5) {
        Birth { month: day, day: month, ..birth }
    } else {
        Birth { day: (day + rng.random_range(0..3)) % 28 + 1, ..birth }
    };
    slipped.iso()
}

/// Leaves a letter out, doubles it or swaps it with the next; short names stay.
pub fn slip(text: &str, rng: &mut SmallRng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return text.to_owned();
    }
    let place = rng.random_range(1..letters.len() - 1);
    match pick(&["left out", "doubled", "swapped"], rng) {
        "left out" => _ = letters.remove(place),
        "doubled" => letters.insert(place, letters[place]),
        _ => letters.swap(place, place + 1),
    }
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::rng;

    const EVERYTHING: Says = Says { birth: 1.0, phone: 1.0, address: 1.0 };

    #[test]
    fn a_hasty_record_differs_in_some_things_and_names_somebody() {
        let mut differences = [0; 6];
        for number in 0..500 {
            let person = Person::draw(1, number);
            let mut rng = rng(1, number, "test");
            let exact = Told::exactly(&person, EVERYTHING, &mut rng);
            let hasty = Told::hastily(&person, EVERYTHING, &mut rng);
            let parts = |told: &Told| {
                let Told { given, family, birth, phone, street, postcode } = told.clone();
                [given, family, birth, phone.replace(['-', ' ', '+'], ""), street, postcode]
            };
            for (count, (one, other)) in differences.iter_mut().zip(parts(&exact).into_iter().zip(parts(&hasty))) {
                *count += usize::from(one != other);
            }
            let poor = Told::hastily(&person, Says { birth: 0.0, phone: 0.0, address: 0.0 }, &mut rng);
            assert!(!poor.given.is_empty() && !poor.family.is_empty() && !poor.birth.is_empty());
        }
        for (part, count) in ["given", "family", "birth", "phone", "street", "postcode"].iter().zip(differences) {
            let least = if *part == "phone" { 0 } else { 20 };
            assert!((least..300).contains(&count), "{part}: {count} of 500");
        }
    }

    #[test]
    fn a_slip_is_one_and_keeps_the_first_letter() {
        let mut rng = rng(1, 1, "slip");
        for _ in 0..100 {
            let slipped = slip("Featherstone", &mut rng);
            assert!(slipped.starts_with('F') && slipped.len().abs_diff(12) <= 1);
        }
        assert_eq!(slip("葵", &mut rng), "葵");
    }
}
