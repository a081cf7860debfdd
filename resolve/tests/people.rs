//! The model that ships, on the kinds of records that reach a customer data
//! platform.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use shared::Rows;
use tributary_resolve::matching::{Model, Options, run};

const HEADER: [&str; 13] = [
    "given_name",
    "family_name",
    "full_name",
    "birth_date",
    "email",
    "phone",
    "street",
    "city",
    "postcode",
    "region",
    "national_id",
    "anonymous_id",
    "company",
];

/// A record of `field=value` pairs; the whole name is put together if it can be.
fn record(text: &str) -> Vec<String> {
    let get = |name: &str| {
        let found = text.split(", ").filter_map(|pair| pair.split_once('=')).find(|(field, _)| *field == name);
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let mut row: Vec<String> = HEADER.iter().map(|name| get(name)).collect();
    if row[2].is_empty() && !row[0].is_empty() && !row[1].is_empty() {
        row[2] = format!("{} {}", row[0], row[1]);
    }
    row
}

/// Whether two records come out as one profile, and what the pair is worth.
fn check(one: &str, other: &str, expected: bool) {
    let rows = Rows::new(&HEADER, vec![record(one), record(other), record("email=else@where.org")]);
    let options = Options { model: Some(Model::people().clone()), ..Options::default() };
    let outcome = run(rows.table(&[]), &options).unwrap();
    let weight = outcome.pairs.first().map(|pair| pair.score.match_weight());
    assert_eq!(outcome.clusters[0] == outcome.clusters[1], expected, "{one} | {other}: {weight:?} bits");
    assert_ne!(outcome.clusters[0], outcome.clusters[2], "{one}");
}

const WHOLE: &str = "given_name=Robert, family_name=Hargrove, birth_date=1984-03-17, email=rob.hargrove@gmail.com, \
    phone=+1 555 201 3344, street=12 Oak Street, city=Norcross, postcode=56274, region=MN, anonymous_id=a-77";

#[test]
fn what_joined_by_itself_joins_still() {
    check(WHOLE, "email=Rob.Hargrove@gmail.com", true);
    check(WHOLE, "anonymous_id=a-77", true);
    check("email=x.y@corp.example", "email=x.y@corp.example", true);
    check("anonymous_id=a-1", "anonymous_id=a-1", true);
    check("anonymous_id=a-1, email=q@corp.example", "anonymous_id=a-1", true);
    check("anonymous_id=a-1, email=q@corp.example", "anonymous_id=a-2, email=q@corp.example", true);
}

#[test]
fn people_are_found_by_a_little_of_several_things() {
    check(WHOLE, "given_name=Bob, family_name=Hargrove, email=rob.hargrove@gmail.com", true);
    check(WHOLE, "given_name=Rob, family_name=Hargrove, phone=555-201-3344", true);
    check(WHOLE, "given_name=Robert, family_name=Hargrave, birth_date=1984-03-17, city=Norcross", true);
    check(WHOLE, "full_name=Robert Hargrove, birth_date=1984-03-17, phone=5552013344", true);
    check(WHOLE, "full_name=Hargrove Robert, email=rob.hargrove@gmial.com", true);
    check("national_id=123-45-6789, family_name=Cole", "national_id=123456789, family_name=Cole", true);
}

#[test]
fn what_strangers_share_joins_nobody() {
    let relative = "given_name=Ellen, family_name=Hargrove, birth_date=1986-11-02, phone=+1 555 201 3344, \
        street=12 Oak Street, city=Norcross, postcode=56274, region=MN";
    check(WHOLE, relative, false);
    check("given_name=John, family_name=Smith", "given_name=John, family_name=Smith", false);
    check("city=Norcross, region=MN", "city=Norcross, region=MN", false);
    check("birth_date=1984-03-17", "birth_date=1984-03-17", false);
    check("family_name=Cole, company=Acme Bank", "family_name=Ross, company=Acme Bank", false);
    check(WHOLE, "given_name=Walter, family_name=Quigley, birth_date=1951-07-30, city=Norcross, region=MN", false);
    check("email=info@corp.example, given_name=Ann", "email=sales@corp.example, given_name=Ann", false);
}
