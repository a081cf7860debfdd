//! The planted truth: people, their devices and the systems that know them.
//!
//! A person is drawn from the seed and its own number alone, so that more
//! people never change the ones before. No two people share an email address,
//! an anonymous id or a device. Many are hard to tell apart all the same:
//! households share an address and a telephone, father and son also a name,
//! and namesakes live in one city.

use super::names::{self, Culture, Name, Place};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// The story ends here, in seconds since 1970: 2026-07-01T00:00:00Z. The
/// segments are evaluated at this instant, so that every run tells the same.
pub const STORY_END: i64 = 1_782_864_000;
/// How long the story is.
pub const STORY_DAYS: i64 = 360;

/// The year the story ends in.
const STORY_YEAR: u32 = 2026;
/// Years between a father and the son of his name.
const GENERATION: u32 = 28;

/// One person of the truth.
#[derive(Clone, Debug)]
pub struct Person {
    /// From 0.
    pub number: u32,
    /// Given name.
    pub given: Name,
    /// Family name.
    pub family: Name,
    /// Date of birth.
    pub birth: Birth,
    /// Email address in lower case, of this person alone.
    pub email: String,
    /// Another one, that some systems know instead.
    pub other_email: String,
    /// Phone number: a mobile of one's own, or the household's.
    pub phone: String,
    /// Where the person lives.
    pub address: Address,
    /// Where it lived before.
    pub former_address: Address,
    /// City or town.
    pub city: String,
    /// ISO country code.
    pub country: &'static str,
    /// Language of the devices.
    pub locale: &'static str,
    /// Number of the company.
    pub company: u32,
    /// From 0 (furious) to 1 (delighted): drives orders, scores and tickets.
    pub satisfaction: f64,
    /// When the systems first hear of the person, in seconds since 1970.
    pub since: i64,
    /// The account's id, of those who signed up.
    pub user_id: Option<String>,
    /// Browsers and phones; none, if the person never came to the web.
    pub devices: Vec<Device>,
    /// The key in the CRM, of those it holds.
    pub contact_id: Option<u32>,
    /// The key under which somebody entered the person into the CRM again.
    pub second_contact_id: Option<u32>,
    /// Whether the newsletter goes out to the person.
    pub gets_mail: bool,
    /// Whether the person answers surveys.
    pub answers: bool,
}

/// A date of birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth {
    /// Of the Gregorian calendar.
    pub year: u32,
    /// 1..=12.
    pub month: u32,
    /// 1..=28.
    pub day: u32,
}

/// A street with its number, and the code of the post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As it is written on a letter.
    pub street: String,
    /// Code of the post.
    pub postcode: String,
}

/// A browser or phone of one person.
#[derive(Clone, Debug)]
pub struct Device {
    /// What the client called itself before it knew the person; a new one after each installation.
    pub anonymous_ids: Vec<String>,
    /// The device's own id, of apps.
    pub own_id: Option<String>,
    /// Whether the person logs in on it.
    pub logs_in: bool,
}

impl Person {
    /// Draws the person of this number.
    pub fn draw(seed: u64, number: u32) -> Self {
        let mut rng = rng(seed, number, "person");
        let family = Family::draw(seed, number);
        let given = given_name(seed, number, family.culture);
        let (country, locale) = (family.culture.country, family.culture.locale);
        let is_reachable = rng.random_bool(0.85);
        let on_web = rng.random_bool(0.8);
        let signed_up = on_web && rng.random_bool(0.6);
        let domain = pick(&names::DOMAINS, &mut rng);
        let other_domain = pick(&names::OTHER_DOMAINS, &mut rng);
        let home = seat(number, Shares::Address);
        let contact_id = rng.random_bool(0.55).then_some(10_000 + number);
        Self {
            number,
            birth: Birth::draw(seed, number),
            email: address_of_mail(&given, &family.name, number, domain, &mut rng),
            other_email: address_of_mail(&given, &family.name, number, other_domain, &mut rng),
            phone: names::phone(country, if rng.random_bool(0.75) { 2 * number } else { 2 * home + 1 }),
            address: family.address(seed, home, "address"),
            former_address: family.address(seed, number, "former address"),
            city: family.place.name.clone(),
            country,
            locale,
            given,
            family: family.name,
            company: rng.random_range(0..=number / 8),
            satisfaction: rng.random_range(0.0f64..1.0).sqrt(),
            since: STORY_END - rng.random_range(20..STORY_DAYS) * DAY - rng.random_range(0..DAY),
            user_id: signed_up.then(|| format!("u_{number:06}")),
            devices: if on_web { devices(signed_up, &mut rng) } else { Vec::new() },
            contact_id,
            second_contact_id: contact_id.filter(|_| rng.random_bool(0.15)).map(|id| 1_000_000 + id),
            gets_mail: is_reachable && rng.random_bool(0.6),
            answers: is_reachable && rng.random_bool(0.3),
        }
    }

    /// Years at the end of the story.
    pub fn age(&self) -> u32 {
        STORY_YEAR - self.birth.year
    }

    /// The email address as people and systems write it.
    pub fn email_as_typed(&self, rng: &mut SmallRng) -> String {
        match rng.random_range(0..6) {
            0 => self.email.to_uppercase(),
            1 => {
                let (local, domain) = self.email.split_once('@').unwrap_or((&self.email, ""));
                let capital = local.split('.').map(capitalised).collect::<Vec<_>>().join(".");
                format!("{capital}@{domain}")
            }
            2 => format!(" {} ", self.email),
            _ => self.email.clone(),
        }
    }

    /// The phone number as people and systems write it.
    pub fn phone_as_typed(&self, rng: &mut SmallRng) -> String {
        match rng.random_range(0..3) {
            0 => self.phone.replacen('+', "00", 1),
            1 => self.phone.replace(' ', "-"),
            _ => self.phone.clone(),
        }
    }
}

impl Birth {
    /// Any date of an adult's; a father's is that of his son, a generation before.
    fn draw(seed: u64, number: u32) -> Self {
        if likeness(number) == Some(Likeness::Father) {
            let son = Self::draw(seed, number - 1);
            return Self { year: son.year - GENERATION, day: son.day % 28 + 1, ..son };
        }
        let mut rng = rng(seed, number, "birth");
        Self {
            year: rng.random_range(STORY_YEAR - 79..STORY_YEAR - 18),
            month: rng.random_range(1..=12),
            day: rng.random_range(1..=28),
        }
    }

    /// As `2001-12-31`.
    pub fn iso(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Whom a person is easily taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Likeness {
    /// Lives with the person one number before.
    Relative,
    /// The same, and has that person's name.
    Father,
    /// Has name and city of the person five numbers before.
    Namesake,
}

/// Every ninth person lives with the one before, some as fathers of the same
/// name; every 250th has a namesake.
fn likeness(number: u32) -> Option<Likeness> {
    match number {
        _ if number % 216 == 215 => Some(Likeness::Father),
        _ if number % 9 == 8 => Some(Likeness::Relative),
        _ if number % 250 == 249 => Some(Likeness::Namesake),
        _ => None,
    }
}

/// What people have from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shares {
    FamilyAndCity,
    Address,
    GivenName,
}

/// The number of the person who decides it for this one.
fn seat(number: u32, what: Shares) -> u32 {
    let of_other = match likeness(number) {
        Some(Likeness::Relative) => (what != Shares::GivenName).then(|| number - 1),
        Some(Likeness::Father) => Some(number - 1),
        Some(Likeness::Namesake) => (what != Shares::Address).then(|| number - 5),
        None => None,
    };
    of_other.map_or(number, |other| seat(other, what))
}

fn given_name(seed: u64, number: u32, culture: &Culture) -> Name {
    culture.given_name(&mut rng(seed, seat(number, Shares::GivenName), "given name"))
}

/// An address that people give themselves: names in some form or a word they
/// like, and a number that no one else has.
fn address_of_mail(given: &Name, family: &Name, number: u32, domain: &str, rng: &mut SmallRng) -> String {
    let (given, initial, family) = (&given.latin, &given.latin[..1], &family.latin);
    let local = match rng.random_range(0..5) {
        0 | 1 => format!("{given}.{family}"),
        2 => format!("{initial}{family}"),
        3 => format!("{family}.{initial}"),
        _ => pick(&["sunny", "rocket", "gardener", "bluebird", "nightowl", "chess", "sailor"], rng).to_owned(),
    };
    // 100,003 is prime and above the largest number of people.
    let code = u64::from(number) * 7919 % 100_003;
    format!("{local}{code:05}@{domain}")
}

/// A family and where it lives.
struct Family {
    culture: &'static Culture,
    name: Name,
    place: Place,
}

impl Family {
    fn draw(seed: u64, number: u32) -> Self {
        let mut rng = rng(seed, seat(number, Shares::FamilyAndCity), "family");
        let culture = names::culture(&mut rng);
        Self { culture, name: culture.family_name(&mut rng), place: culture.place(&mut rng) }
    }

    fn address(&self, seed: u64, number: u32, purpose: &str) -> Address {
        let mut rng = rng(seed, number, purpose);
        Address { street: self.culture.street(&mut rng), postcode: self.place.postcode(&mut rng) }
    }
}

/// Devices, the first of which the person signs up on; a second one may stay unknown for ever.
fn devices(signed_up: bool, rng: &mut SmallRng) -> Vec<Device> {
    let count = if rng.random_bool(0.4) { 2 } else { 1 };
    let draw = |index: usize| {
        let is_app = index > 0 && rng.random_bool(0.5);
        let installations = if is_app && rng.random_bool(0.4) { 2 } else { 1 };
        let own_id = is_app.then(|| uuid(rng));
        Device {
            anonymous_ids: (0..installations).map(|_| uuid(rng)).collect(),
            own_id,
            logs_in: signed_up && (index == 0 || rng.random_bool(0.8)),
        }
    };
    (0..count).map(draw).collect()
}

/// A generator for one purpose of one person.
pub fn rng(seed: u64, number: u32, purpose: &str) -> SmallRng {
    // FNV-1a: any mixing will do, as long as it is the same everywhere.
    let bytes = seed.to_le_bytes().into_iter().chain(number.to_le_bytes()).chain(purpose.bytes());
    let mixed =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    SmallRng::seed_from_u64(mixed)
}

/// Picks one of a list that is not empty.
pub fn pick<T: Copy>(list: &[T], rng: &mut SmallRng) -> T {
    *list.choose(rng).expect("the lists of this module are constants and not empty")
}

/// A random UUID.
pub fn uuid(rng: &mut SmallRng) -> String {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid().to_string()
}

/// A time as clients write it.
pub fn iso(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |at| at.to_string())
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn people(count: u32) -> Vec<Person> {
        (0..count).map(|number| Person::draw(3, number)).collect()
    }

    #[test]
    fn people_depend_on_seed_and_number_alone() {
        let shown = |seed| format!("{:?}", (0..50).map(|number| Person::draw(seed, number)).collect::<Vec<_>>());
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
        assert_eq!(iso(STORY_END), "2026-07-01T00:00:00Z");
    }

    #[test]
    fn exclusive_identifiers_are_not_shared_and_phones_are() {
        let people = people(5000);
        let devices = || people.iter().flat_map(|person| &person.devices);
        let exclusive: Vec<&String> = people
            .iter()
            .flat_map(|person| [&person.email, &person.other_email])
            .chain(devices().flat_map(|device| &device.anonymous_ids))
            .chain(devices().filter_map(|device| device.own_id.as_ref()))
            .chain(people.iter().filter_map(|person| person.user_id.as_ref()))
            .collect();
        assert_eq!(exclusive.iter().collect::<HashSet<_>>().len(), exclusive.len());
        let phones: HashSet<&String> = people.iter().map(|person| &person.phone).collect();
        assert!((people.len() * 9 / 10..people.len()).contains(&phones.len()), "{}", phones.len());
        assert!(people.iter().any(|person| person.devices.is_empty() && person.contact_id.is_none()));
    }

    #[test]
    fn relatives_fathers_and_namesakes_share_what_they_should() {
        let people = people(2000);
        let mut seen = HashSet::new();
        for person in &people {
            let Some(likeness) = likeness(person.number) else { continue };
            let back = if likeness == Likeness::Namesake { 5 } else { 1 };
            let other = &people[person.number as usize - back];
            assert_eq!((&person.family, &person.city), (&other.family, &other.city));
            assert!(person.email != other.email && person.birth != other.birth);
            assert_eq!(person.address == other.address, likeness != Likeness::Namesake);
            assert!(likeness == Likeness::Relative || person.given == other.given);
            seen.insert(format!("{likeness:?}"));
        }
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn names_are_as_diverse_as_in_life() {
        let people = people(5000);
        let families: HashSet<&String> = people.iter().map(|person| &person.family.written).collect();
        let given: HashSet<&String> = people.iter().map(|person| &person.given.written).collect();
        assert!(families.len() > 1000 && given.len() > 250, "{} {}", families.len(), given.len());
    }
}
