//! Files as people have them: the same people told in other columns, and what
//! those who live or work together have in common.

#![allow(clippy::unwrap_used, reason = "a test may")]
#![allow(clippy::cast_possible_truncation, reason = "counts of rows are small")]

mod shared;

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng};
use shared::{Rows, quality};
use tributary_resolve::matching::explain::{Items, Query};
use tributary_resolve::matching::{Cut, Ignored, Options, Outcome, Role, run};

/// One record of somebody.
#[derive(Clone)]
struct Person {
    given: String,
    family: String,
    /// Year, month and day.
    born: [u32; 3],
    home: String,
    street: String,
    town: String,
    zip: String,
    number: usize,
}

fn word(random: &mut SmallRng, length: usize) -> String {
    let letters = ["bcdfghklmnprstvw", "aeiou"];
    let letter = |place: usize| {
        let of = letters[place % 2].as_bytes();
        char::from(of[random.random_range(0..of.len())])
    };
    (0..length).map(letter).collect()
}

/// Households of one to four people who share a family name and a home; a third of
/// the people are written down twice, half of these with a slip.
fn households(homes: usize, seed: u64) -> Vec<Person> {
    let mut random = SmallRng::seed_from_u64(seed);
    let given: Vec<String> = (0..80).map(|_| word(&mut random, 6)).collect();
    let families: Vec<String> = (0..150).map(|_| word(&mut random, 7)).collect();
    let towns: Vec<String> = (0..60).map(|_| word(&mut random, 8)).collect();
    let mut people: Vec<Person> = Vec::new();
    let mut number = 0;
    for _ in 0..homes {
        let family = &families[random.random_range(0..families.len())];
        let town = random.random_range(0..towns.len());
        let street = format!("{} {} road", random.random_range(1..900), word(&mut random, 6));
        let home = format!("02079{:06}", random.random_range(0..1_000_000));
        for _ in 0..random.random_range(1..=4) {
            number += 1;
            let given = &given[random.random_range(0..given.len())];
            let person = Person {
                given: given.clone(),
                family: family.clone(),
                born: [random.random_range(1940..2005), random.random_range(1..=12), random.random_range(1..=28)],
                home: home.clone(),
                street: street.clone(),
                town: towns[town].clone(),
                zip: format!("{:05}", 10_000 + 37 * town),
                number,
            };
            people.push(person.clone());
            if random.random_bool(0.33) {
                people.push(if random.random_bool(0.5) { slipped(person, &mut random) } else { person });
            }
        }
    }
    people
}

/// A letter of a name, a street or a date gone wrong.
fn slipped(mut person: Person, random: &mut SmallRng) -> Person {
    let text = match random.random_range(0..4) {
        0 => &mut person.given,
        1 => &mut person.family,
        2 => &mut person.street,
        _ => {
            person.born[2] = 1 + person.born[2] % 28;
            return person;
        }
    };
    text.remove(random.random_range(1..text.len()));
    person
}

/// Rows of some columns, the last the person, in another order.
fn rows(header: &[&str], people: &[Person], mut of: impl FnMut(&Person) -> Vec<String>) -> Rows {
    let row = |person: &Person| [of(person), vec![person.number.to_string()]].concat();
    Rows::new(&[header, &["person"]].concat(), people.iter().map(row).collect()).shuffled(9)
}

fn matched(rows: &Rows) -> Outcome {
    run(rows.table(&["person"]), &Options::default()).unwrap()
}

fn check(rows: &Rows, least_precision: f64, least_recall: f64) {
    let (precision, recall, _, largest) = quality(&matched(rows).clusters, &rows.column("person"));
    assert!(precision >= least_precision && recall >= least_recall, "{precision} {recall}, largest {largest}");
}

#[test]
fn relatives_of_one_postcode_are_told_apart() {
    let columns = ["first_name", "last_name", "zip", "birth_year", "birth_month", "birth_day"];
    let of = |person: &Person| {
        let mut row = vec![person.given.clone(), person.family.clone(), person.zip.clone()];
        row.extend(person.born.map(|part| part.to_string()));
        row
    };
    check(&rows(&columns, &households(900, 3), of), 0.95, 0.95);
}

#[test]
fn who_works_for_one_company_is_told_apart() {
    let columns = ["FirstName", "LastName", "AccountName", "Phone", "MailingStreet", "MailingCity"];
    let mut people = households(900, 6);
    let mut random = SmallRng::seed_from_u64(7);
    let names: Vec<String> = (0..150).map(|_| word(&mut random, 7)).collect();
    for person in &mut people {
        person.family = names[person.number * 7 % names.len()].clone();
    }
    let company = |person: &Person| format!("{} {}", person.street.split(' ').nth(1).unwrap_or_default(), "Trading");
    let of = |person: &Person| {
        let company = company(person);
        let Person { given, family, home, street, town, .. } = person.clone();
        vec![given, family, company, home, street, town]
    };
    let rows = rows(&columns, &people, of);
    let role = |name: &str| matched(&rows).recognised.iter().find(|found| found.column == name).unwrap().role;
    assert_eq!(role("AccountName"), Role::Text);
    check(&rows, 0.97, 0.9);
}

#[test]
fn a_birth_date_in_three_columns_is_as_good_as_one() {
    let people = households(300, 8);
    let names = |person: &Person| vec![person.given.clone(), person.family.clone()];
    let whole = rows(&["fname", "lname", "by"], &people, |person| {
        let [year, month, day] = person.born;
        [names(person), vec![format!("{year}-{month:02}-{day:02}")]].concat()
    });
    let parted = rows(&["fname", "lname", "by", "bm", "bd"], &people, |person| {
        [names(person), person.born.map(|part| format!("{part}.0")).to_vec()].concat()
    });
    let (whole, parted) = (matched(&whole), matched(&parted));
    assert_eq!(whole.clusters, parted.clusters);
    assert_eq!(whole.pairs, parted.pairs);
    let again = Options { model: parted.model.clone(), ..Options::default() };
    let table = rows(&["fname", "lname", "by", "bm", "bd"], &people, |person| {
        [names(person), person.born.map(|part| part.to_string()).to_vec()].concat()
    });
    assert_eq!(run(table.table(&["person"]), &again).unwrap().clusters, parted.clusters);
    assert!(!parted.recognised.iter().any(|found| matches!(found.role, Role::Ignored(Ignored::UnknownCode))));
}

#[test]
fn companies_of_which_only_the_name_and_the_town_are_known_are_matched() {
    let of = |person: &Person| {
        let Person { given, family, town, zip, number, .. } = person.clone();
        // A town has several postcodes.
        let zip = zip.parse::<usize>().unwrap() + number % 37;
        vec![format!("{given} {family} Trading"), town, format!("{zip:05}")]
    };
    let rows = rows(&["vendor_name", "vendor_city", "vendor_zip"], &households(600, 11), of);
    let roles: Vec<Role> = matched(&rows).recognised.iter().map(|found| found.role).collect();
    assert_eq!(roles, [Role::City, Role::Text, Role::Postcode]);
    check(&rows, 0.9, 0.9);
}

/// People who share a town, and others a postcode, and nothing else.
fn strangers(count: usize, seed: u64) -> Vec<Person> {
    let mut random = SmallRng::seed_from_u64(seed);
    let families: Vec<String> = (0..150).map(|_| word(&mut random, 7)).collect();
    let mut people = households(count, seed);
    for person in &mut people {
        person.family.clone_from(&families[person.number * 31 % families.len()]);
        person.street = format!("{} {}", person.number, person.street);
        person.zip = format!("{:05}", 10_000 + person.number * 7 % 97 * 131);
    }
    people
}

#[test]
fn what_is_there_speaks_for_a_match_where_the_rest_of_an_address_is_missing() {
    let columns = ["first_name", "last_name", "street", "city", "zip", "birth_date"];
    let of = |person: &Person| {
        let ([year, month, day], person) = (person.born, person.clone());
        let born = format!("{year}-{month:02}-{day:02}");
        vec![person.given, person.family, person.street, person.town, person.zip, born]
    };
    let rows = rows(&columns, &strangers(900, 5), of);
    let outcome = matched(&rows);
    let model = outcome.model.clone().unwrap();
    let names = (0..rows.rows.len()).map(|row| row.to_string()).collect();
    let mut items =
        Items::of_table(&model, Cut::default(), rows.table(&["person"]), &outcome.recognised, names).unwrap();
    for row in (0..rows.rows.len()).step_by(rows.rows.len() / 10) {
        let mut weigh = |told: &[&str]| {
            let text = |name: &&str| rows.column(name)[row];
            let query = items.push(&Query::new(&model, told.iter().map(|name| (*name, text(name)))).view());
            items.pair(query, row as u32).match_weight.bits()
        };
        let name = weigh(&["first_name", "last_name"]);
        for (part, more) in [("city", "zip"), ("zip", "city"), ("street", "city"), ("city", "street")] {
            let of_part = weigh(&["first_name", "last_name", part]);
            let of_both = weigh(&["first_name", "last_name", part, more]);
            assert!(of_part > name, "{part} of row {row}: {name} bits, then {of_part}");
            assert!(of_both >= of_part, "{part} and {more} of row {row}: {of_part} bits, then {of_both}");
        }
    }
}
