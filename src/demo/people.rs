//! The planted truth: people, their devices and the systems that know them.
//!
//! A person is drawn from the seed and its own number alone, so that more
//! people never change the ones before. No two people share an email address,
//! an anonymous id or a device; households share a phone and a family name.

use super::names::{self, CULTURES, Culture, Name};
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

/// One person of the truth.
#[derive(Clone, Debug)]
pub struct Person {
    /// From 0.
    pub number: u32,
    /// Given name, as it is written.
    pub given: &'static str,
    /// Family name, as it is written.
    pub family: &'static str,
    /// Email address in lower case, of this person alone.
    pub email: String,
    /// Phone number; households and some strangers share it.
    pub phone: String,
    /// City.
    pub city: &'static str,
    /// ISO country code.
    pub country: &'static str,
    /// Language of the devices.
    pub locale: &'static str,
    /// Years.
    pub age: u32,
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
    /// Whether the newsletter goes out to the person.
    pub gets_mail: bool,
    /// Whether the person answers surveys.
    pub answers: bool,
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
        let home = Home::draw(seed, if lives_with_previous(number) { number - 1 } else { number });
        let (given, given_latin) = pick(home.culture.given, &mut rng);
        let is_reachable = rng.random_bool(0.85);
        let on_web = rng.random_bool(0.8);
        let signed_up = on_web && rng.random_bool(0.6);
        let domain = pick(&names::DOMAINS, &mut rng);
        Self {
            number,
            given,
            family: home.family.0,
            email: format!("{given_latin}.{}{number}@{domain}", home.family.1),
            phone: home.phone,
            city: home.city,
            country: home.culture.country,
            locale: home.culture.locale,
            age: rng.random_range(18..80),
            company: rng.random_range(0..=number / 8),
            satisfaction: rng.random_range(0.0f64..1.0).sqrt(),
            since: STORY_END - rng.random_range(20..STORY_DAYS) * DAY - rng.random_range(0..DAY),
            user_id: signed_up.then(|| format!("u_{number:06}")),
            devices: if on_web { devices(signed_up, &mut rng) } else { Vec::new() },
            contact_id: rng.random_bool(0.55).then_some(10_000 + number),
            gets_mail: is_reachable && rng.random_bool(0.6),
            answers: is_reachable && rng.random_bool(0.3),
        }
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

/// What the people of one household share.
struct Home {
    culture: &'static Culture,
    family: Name,
    phone: String,
    city: &'static str,
}

impl Home {
    fn draw(seed: u64, number: u32) -> Self {
        let mut rng = rng(seed, number, "home");
        let culture = &CULTURES[rng.random_range(0..CULTURES.len())];
        Self {
            culture,
            family: pick(culture.family, &mut rng),
            phone: names::phone(culture.country, rng.random_range(0..100_000)),
            city: pick(culture.cities, &mut rng),
        }
    }
}

/// Every ninth person lives with the one before.
fn lives_with_previous(number: u32) -> bool {
    number % 9 == 8
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

    #[test]
    fn people_depend_on_seed_and_number_alone() {
        let shown = |seed| format!("{:?}", (0..50).map(|number| Person::draw(seed, number)).collect::<Vec<_>>());
        assert_eq!(shown(1), shown(1));
        assert_ne!(shown(1), shown(2));
        assert_eq!(iso(STORY_END), "2026-07-01T00:00:00Z");
    }

    #[test]
    fn exclusive_identifiers_are_not_shared_and_phones_are() {
        let people: Vec<Person> = (0..5000).map(|number| Person::draw(3, number)).collect();
        let devices = || people.iter().flat_map(|person| &person.devices);
        let exclusive: Vec<&String> = people
            .iter()
            .map(|person| &person.email)
            .chain(devices().flat_map(|device| &device.anonymous_ids))
            .chain(devices().filter_map(|device| device.own_id.as_ref()))
            .chain(people.iter().filter_map(|person| person.user_id.as_ref()))
            .collect();
        assert_eq!(exclusive.iter().collect::<HashSet<_>>().len(), exclusive.len());
        let phones: HashSet<&String> = people.iter().map(|person| &person.phone).collect();
        assert!(phones.len() < people.len() * 9 / 10);
        assert!(people.iter().any(|person| person.devices.is_empty() && person.contact_id.is_none()));
    }
}
