//! Words that people, companies and comments are made of. Names are common
//! ones of several languages, put together at random; email domains end in
//! `.example` and phone numbers lie in the ranges that regulators keep for
//! fiction, so that no real person can be reached.

mod cultures;
mod phones;

pub use cultures::{CULTURES, Culture};
pub use phones::phone;

use super::people::pick;
use rand::Rng as _;
use rand::rngs::SmallRng;

/// A name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// As it is written.
    pub written: String,
    /// In the letters of an email address.
    pub latin: String,
    /// What friends say for it, where that is another name.
    pub short: Option<String>,
}

/// A city or town.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub name: String,
    /// Form of its codes of the post.
    postcodes: &'static str,
}

/// Draws a culture: people come from large markets more often than from small ones.
pub fn culture(rng: &mut SmallRng) -> &'static Culture {
    let mut left = rng.random_range(0..CULTURES.iter().map(|culture| culture.share).sum::<u32>());
    let drawn = CULTURES.iter().find(|culture| {
        let is_drawn = left < culture.share;
        left = left.saturating_sub(culture.share);
        is_drawn
    });
    drawn.unwrap_or(&CULTURES[0])
}

impl Culture {
    /// Draws a given name; the first of the list are the most common.
    pub fn given_name(&self, rng: &mut SmallRng) -> Name {
        let names: Vec<&str> = self.given.split_whitespace().collect();
        let place = rng.random_range(0..names.len()).min(rng.random_range(0..names.len() + names.len() / 2));
        Name::read(names[place])
    }

    /// Draws a family name: a stem with an ending.
    pub fn family_name(&self, rng: &mut SmallRng) -> Name {
        let [stem, ending] = self.family.map(|list| Name::read(word(list, rng)));
        let (written, latin) = (stem.written + &ending.written, stem.latin + &ending.latin);
        Name { written, latin, short: None }
    }

    /// Draws a street with its number.
    pub fn street(&self, rng: &mut SmallRng) -> String {
        let form = pick(self.streets, rng).replace('#', &rng.random_range(1..180).to_string());
        form.replace('*', word(self.street_names, rng)).replace('_', " ")
    }

    /// Draws a place to live: most people live in towns.
    pub fn place(&self, rng: &mut SmallRng) -> Place {
        let (city, postcodes) = pick(self.cities, rng);
        let name = if rng.random_bool(0.3) {
            city.to_owned()
        } else {
            self.towns.map(|list| word(list, rng)).concat().replace('_', " ")
        };
        Place { name, postcodes }
    }
}

impl Place {
    /// Draws a code of the post.
    pub fn postcode(&self, rng: &mut SmallRng) -> String {
        let filled = self.postcodes.chars().map(|sign| match sign {
            '#' => char::from(rng.random_range(b'0'..=b'9')),
            '@' => char::from(rng.random_range(b'A'..=b'Z')),
            other => other,
        });
        filled.collect()
    }
}

impl Name {
    /// Reads `written/latin~short`.
    fn read(text: &str) -> Self {
        let (name, short) = text.split_once('~').map_or((text, None), |(name, short)| (name, Some(short.to_owned())));
        let (written, latin) = match name.split_once('/') {
            Some((written, latin)) => (written, latin.to_owned()),
            None => (name, plain(name)),
        };
        Self { written: written.trim_matches('-').replace('_', " "), latin, short }
    }
}

/// One of the words of a list.
fn word(list: &'static str, rng: &mut SmallRng) -> &'static str {
    let words: Vec<&'static str> = list.split_whitespace().collect();
    pick(&words, rng)
}

/// Letters of an email address for those of Latin alphabets.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.to_lowercase().chars() {
        match letter {
            'a'..='z' => plain.push(letter),
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'à' | 'á' | 'â' | 'ą' => plain.push('a'),
            'ç' | 'ć' => plain.push('c'),
            'è' | 'é' | 'ê' | 'ë' | 'ę' => plain.push('e'),
            'ğ' => plain.push('g'),
            'ï' | 'î' | 'ı' => plain.push('i'),
            'ł' => plain.push('l'),
            'ń' | 'ñ' => plain.push('n'),
            'ó' | 'ô' => plain.push('o'),
            'ś' | 'ş' => plain.push('s'),
            'ź' | 'ż' => plain.push('z'),
            _ => {}
        }
    }
    plain
}

/// Domains of email addresses; `.example` is reserved by RFC 2606.
pub const DOMAINS: [&str; 5] = ["post.example", "mail.example", "inbox.example", "work.example", "büro.example"];

/// Domains of addresses that people have besides.
pub const OTHER_DOMAINS: [&str; 4] = ["home.example", "quick.example", "kontor.example", "letters.example"];

/// First words of companies' names.
pub const COMPANY_FIRST: [&str; 12] = [
    "Alder",
    "Nordlicht",
    "Blue Fern",
    "Maison",
    "Quill",
    "Sakura",
    "Baltic",
    "Ege",
    "Helix",
    "Monsoon",
    "Granite",
    "Lumen",
];

/// Second words of companies' names.
pub const COMPANY_SECOND: [&str; 8] =
    ["Logistics", "Software GmbH", "& Söhne", "Studio", "Foods Ltd", "Energy", "Textiles", "Analytics"];

/// Industries of companies.
pub const INDUSTRIES: [&str; 6] = ["logistics", "software", "manufacturing", "media", "retail", "energy"];

/// What happy people write.
pub const PRAISE: [&str; 5] = [
    "Setup took ten minutes, the reports are great.",
    "Support answered within the hour, thank you!",
    "Das Planen macht endlich Spaß.",
    "Exactly what our team needed 👍",
    "C'est clair, rapide et fiable.",
];

/// What people write who neither like nor dislike it.
pub const SHRUGS: [&str; 3] =
    ["Fine so far, nothing special.", "Good, but the mobile app lacks filters.", "お値段の割には普通です。"];

/// What unhappy people write.
pub const COMPLAINTS: [&str; 5] = [
    "The export keeps failing and nobody answers.",
    "Too expensive for what it does.",
    "Seit dem Update ist alles langsam.",
    "Sync lost two of our projects.",
    "Demasiado complicado, \"cancelé\" la prueba.",
];

/// Subjects of support tickets.
pub const TICKETS: [&str; 5] =
    ["Export fails", "Cannot invite a colleague", "Invoice is wrong", "App is slow, very slow", "Sync lost a project"];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn words(lists: impl Iterator<Item = &'static str>) -> HashSet<&'static str> {
        lists.flat_map(str::split_whitespace).collect()
    }

    #[test]
    fn there_are_hundreds_of_given_and_more_than_a_thousand_family_names() {
        assert!(words(CULTURES.iter().map(|culture| culture.given)).len() > 300);
        let families = |culture: &Culture| culture.family.map(|list| list.split_whitespace().count());
        assert!(CULTURES.iter().map(|culture| families(culture).iter().product::<usize>()).sum::<usize>() > 2000);
        assert!(
            words(CULTURES.iter().map(|culture| culture.given)).iter().filter(|name| name.contains('~')).count() > 60
        );
    }

    #[test]
    fn every_name_can_be_written_in_an_address() {
        for culture in &CULTURES {
            let [stems, endings] = culture.family;
            let all = [culture.given, stems, endings].into_iter().flat_map(str::split_whitespace).map(Name::read);
            for name in all.filter(|name| !name.written.is_empty()) {
                assert!(!name.latin.is_empty() && name.latin.chars().all(|c| c.is_ascii_lowercase()), "{name:?}");
                assert!(!name.written.contains(['/', '~', '_', '#', '*']), "{name:?}");
            }
        }
    }

    #[test]
    fn the_parts_of_a_name_are_told_apart() {
        let name = |written: &str, latin: &str, short: Option<&str>| Name {
            written: written.to_owned(),
            latin: latin.to_owned(),
            short: short.map(str::to_owned),
        };
        assert_eq!(Name::read("William~Bill"), name("William", "william", Some("Bill")));
        assert_eq!(Name::read("葵/aoi"), name("葵", "aoi", None));
        assert_eq!(Name::read("Grażyna"), name("Grażyna", "grazyna", None));
        assert_eq!(Name::read("-"), name("", "", None));
    }
}
