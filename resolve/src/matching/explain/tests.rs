//! Contributions, counterfactuals and names against their definitions.

use super::game::{Game, PLAYERS_MAX, members, shapley};
use super::*;
use crate::matching::block::keys::KeyWeights;
use crate::matching::cluster::Cut;
use crate::matching::compare::comparer::Pattern;
use crate::matching::compare::levels::{Bands, Levels, Part, Test};
use crate::matching::field::FIELDS_MAX;
use crate::matching::model::{MODEL_VERSION, Scorer, radix};
use crate::matching::{Class, FieldModel, Measure, Model, Role, Rules};
use proptest::prelude::*;

const KINDS: [(Role, Measure); 6] = [
    (Role::GivenName, Measure::Given),
    (Role::FamilyName, Measure::Family),
    (Role::BirthDate, Measure::Date),
    (Role::Email, Measure::Email),
    (Role::City, Measure::Words),
    (Role::Region, Measure::Exact),
];

/// A model of `fields` fields, the first two one bundle, with probabilities
/// drawn from `seed`.
fn model(fields: usize, seed: u64) -> Model {
    let fields: Vec<FieldModel> = (0..fields).map(|place| field(place, KINDS[place % KINDS.len()])).collect();
    let mut bundles: Vec<Vec<usize>> = (2..fields.len()).map(|field| vec![field]).collect();
    bundles.insert(0, (0..fields.len().min(2)).collect());
    let size = |bundle: &Vec<usize>| bundle.iter().map(|&place| radix(fields[place].measure)).product::<usize>();
    let mut state = seed;
    let mut draw = || {
        state = crate::matching::hash::mix(state);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let mut class = |name: &str, pairs: f64| Class {
        name: name.to_owned(),
        pairs,
        probabilities: bundles
            .iter()
            .map(|bundle| {
                (0..size(bundle)).map(|level| if level == 0 { 1.0 } else { draw().powi(4).max(1e-6) }).collect()
            })
            .collect(),
    };
    let classes = vec![class("match", 900.0), class("household", 400.0), class("chance", 1e6)];
    let (version, keys, rules, refinement) = (MODEL_VERSION, KeyWeights::default(), Rules::default(), None);
    Model { version, records: 1500, fields, bundles, classes, keys, rules, refinement }
}

fn field(place: usize, (role, measure): (Role, Measure)) -> FieldModel {
    FieldModel::new(format!("field{place}"), role, measure)
}

/// A pattern of these draws, missing where they are small.
fn pattern(model: &Model, draws: &[u8]) -> Pattern {
    let mut pattern = [0; FIELDS_MAX];
    for (place, field) in model.fields.iter().enumerate() {
        let draw = draws[place % draws.len()];
        pattern[place] = draw % (field.measure.levels() + 1);
    }
    pattern
}

/// Mean gain of each player over all orders, times the number of orders.
fn by_orders(values: &[i32], players: usize) -> Vec<i64> {
    fn go(values: &[i32], players: usize, known: usize, sums: &mut [i64]) -> i64 {
        let mut orders = 0;
        for player in (0..players).filter(|player| known >> player & 1 == 0) {
            let with = known | 1 << player;
            let below = go(values, players, with, sums);
            sums[player] += below * i64::from(values[with] - values[known]);
            orders += below;
        }
        orders.max(1)
    }
    // The number of orders through an edge is that above it times that below:
    // each prefix is walked by itself, so the sums come out whole.
    let mut sums = vec![0; players];
    go(values, players, 0, &mut sums);
    sums
}

proptest! {
    #[test]
    fn contributions_are_the_mean_over_all_orders(given in proptest::collection::vec(-5000..5000i32, 32), players in 0..6usize) {
        let values = &given[..1 << players.min(5)];
        let players = players.min(5);
        let found = shapley(values);
        prop_assert_eq!(found.iter().sum::<i32>(), values[values.len() - 1] - values[0]);
        let orders: i64 = (1..=5).take(players).product();
        for (found, exact) in found.iter().zip(by_orders(values, players)) {
            prop_assert!((i64::from(*found) * orders - exact).abs() < orders, "{} {} {}", found, exact, orders);
        }
    }

    #[test]
    fn contributions_sum_exactly_to_the_weight(
        fields in 1..=FIELDS_MAX, seed: u64, draws in proptest::collection::vec(any::<u8>(), FIELDS_MAX)
    ) {
        let model = model(fields, seed);
        let mut scorer = Scorer::new(&model);
        let pattern = pattern(&model, &draws);
        let game = Game::new(&model, &mut scorer, &pattern);
        prop_assert!(game.players.len() <= PLAYERS_MAX);
        prop_assert_eq!(game.whole(), scorer.score(pattern));
        prop_assert_eq!(game.start(), scorer.score([0; FIELDS_MAX]));
        let sum: i32 = game.contributions().iter().sum();
        prop_assert_eq!(game.start().weight + sum, game.whole().weight);
    }

    #[test]
    fn no_smaller_set_brings_a_pair_below_the_cut(
        fields in 2..8usize, seed: u64, draws in proptest::collection::vec(any::<u8>(), FIELDS_MAX), cut in 0.01..0.9f64
    ) {
        let (model, cut) = (model(fields, seed), Cut::new(cut));
        let mut scorer = Scorer::new(&model);
        let pattern = pattern(&model, &draws);
        let game = Game::new(&model, &mut scorer, &pattern);
        let below = |set: usize| {
            let mut left = pattern;
            let removed = members(set).flat_map(|player| &game.players[player]).flat_map(|&bundle| &model.bundles[bundle]);
            removed.for_each(|&field| left[field] = 0);
            scorer.score(left)
        };
        let mut scores: Vec<(usize, _)> = Vec::new();
        let mut below = below;
        for set in 1..1usize << game.players.len() {
            scores.push((set, below(set)));
        }
        let enough = scores.iter().filter(|(_, score)| score.match_probability() < cut.probability());
        let expected = enough.min_by_key(|(set, score)| (set.count_ones(), score.weight, *set));
        prop_assert_eq!(super::counterfactual::without(&game, cut), expected.copied());
    }

    #[test]
    fn no_smaller_set_of_equal_values_lifts_a_pair(
        fields in 2..7usize, seed: u64, draws in proptest::collection::vec(any::<u8>(), FIELDS_MAX)
    ) {
        let (model, cut) = (model(fields, seed), Cut::new(0.6));
        let mut scorer = Scorer::new(&model);
        let pattern = pattern(&model, &draws);
        let mut equal = pattern;
        for (place, field) in model.fields.iter().enumerate().filter(|(place, _)| pattern[*place] != 0) {
            equal[place] = 1 + field.measure.exact();
        }
        let found = super::counterfactual::were_equal(&model, &mut scorer, &pattern, &equal, cut);
        let mut sizes = Vec::new();
        for set in 1..1usize << model.bundles.len() {
            let mut changed = pattern;
            members(set).flat_map(|bundle| &model.bundles[bundle]).for_each(|&field| changed[field] = equal[field]);
            // A set that changes nothing is no change.
            if changed != pattern && scorer.score(changed).match_probability() >= cut.probability() {
                sizes.push(set.count_ones() as usize);
            }
        }
        match found {
            Some((bundles, score)) => {
                prop_assert!(score.match_probability() >= cut.probability());
                prop_assert_eq!(Some(bundles.len()), sizes.iter().min().copied());
            }
            None => prop_assert!(sizes.is_empty()),
        }
    }
}

#[test]
fn what_changes_nothing_contributes_nothing_and_equals_share_alike() {
    // Players 0 and 1 together are worth 7, player 2 nothing.
    let values: Vec<i32> = (0..8).map(|set| if set & 3 == 3 { 7 } else { 0 }).collect();
    assert_eq!(shapley(&values), [4, 3, 0]);
    assert_eq!(shapley(&[5]), Vec::<i32>::new());
}

#[test]
fn every_level_of_every_measure_has_a_name() {
    use Measure::{Date, Digits, Email, Exact, Family, FullName, Given, Postcode, Street, Words};
    for measure in [Given, Family, FullName, Date, Email, Digits, Street, Words, Postcode, Exact] {
        assert_eq!(super::levels::inexact(measure).len(), usize::from(measure.exact()), "{measure:?}");
        let names: Vec<_> = (0..measure.levels()).map(|level| super::levels::level_name(measure, level)).collect();
        let mut different = names.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), names.len(), "{measure:?} {names:?}");
    }
    let tests = [Test::Equal(Part::Whole), Test::JaroWinkler(Part::Whole, 9200), Test::Levenshtein(2)];
    let measure = Measure::Levels(Levels::new(&tests, Bands::One).unwrap());
    let names: Vec<_> = (0..4).map(|level| super::levels::level_name(measure, level)).collect();
    assert_eq!(names, ["different", "at most 2 edits", "whole 92 % alike by Jaro-Winkler", "exact"]);
}

fn views(rows: &[[Option<&str>; 4]]) -> Vec<ItemView> {
    let view = |(place, texts): (usize, &[Option<&str>; 4])| ItemView {
        name: format!("r{place}"),
        id: place as u64 + 10,
        node: place as u64,
        exclusive: Vec::new(),
        texts: texts.iter().map(|text| text.map(str::to_owned)).collect(),
    };
    rows.iter().enumerate().map(view).collect()
}

#[test]
fn levels_are_named_and_generic_values_are_shown_as_missing() {
    let model = model(4, 1);
    let rows = [
        [Some("Robert"), Some("Smith"), Some("1990-01-02"), Some("bob@example.org\u{1f}x@example.org")],
        [Some("Bob"), Some("Smyth"), Some("1990-02-01"), Some("x@example.org")],
        [Some("Smith"), Some("Robert"), None, Some("bob@example.org")],
    ];
    let is_generic = |_, place: usize, text: &str| place == 3 && text.starts_with("x@");
    let items = Items::new(&model, Cut::default(), &views(&rows), is_generic).unwrap();
    let levels =
        |one, other| items.pair(one, other).comparisons.into_iter().map(|known| known.level).collect::<Vec<_>>();
    let generic = "missing: says nothing of a person";
    assert_eq!(levels(0, 1), ["nickname", "one edit", "one edit, or day and month swapped", generic]);
    let swapped = "given and family name swapped";
    assert_eq!(levels(0, 2), [swapped, swapped, "missing", "exact"]);
    let explained = items.pair(0, 1);
    assert_eq!(explained.comparisons[2].values[0][0].text, "1990-01-02");
    let emails: Vec<(&str, bool)> =
        explained.comparisons[3].values[0].iter().map(|value| (value.text.as_str(), value.generic)).collect();
    assert!(emails.contains(&("x@example.org", true)) && emails.contains(&("bob@example.org", false)), "{emails:?}");
}

#[test]
fn a_value_taken_from_one_item_is_none_of_its_own() {
    let model = model(4, 1);
    let row = [Some("Robert"), Some("Smith"), Some("1990-01-02"), Some("bob@example.org")];
    let taken = |item: usize, place: usize, _: &str| item == 1 && place == 3;
    let items = Items::new(&model, Cut::default(), &views(&[row, row, row]), taken).unwrap();
    let email = |one, other| items.pair(one, other).comparisons.swap_remove(3);
    assert_eq!((email(0, 1).missing, email(0, 2).missing), (true, false));
    let generic = email(0, 1).values.map(|values| values[0].generic);
    assert_eq!(generic, [false, true]);
}

#[test]
fn pairs_of_as_many_fields_as_there_can_be_are_explained_in_time() {
    let model = model(FIELDS_MAX, 5);
    let text = |place: usize, row: usize| match KINDS[place % KINDS.len()].1 {
        Measure::Date => format!("19{:02}-0{}-1{}", 50 + row % 40, 1 + row % 9, place % 10),
        Measure::Email => format!("person{row}@place{place}.example"),
        _ => format!("{}son {}", ["ann", "eric", "robert", "maria"][row % 4], ["lee", "north"][(row + place) % 2]),
    };
    let view = |row: usize| ItemView {
        name: row.to_string(),
        id: row as u64,
        node: row as u64,
        texts: (0..FIELDS_MAX).map(|place| Some(text(place, row))).collect(),
        ..ItemView::default()
    };
    let mut times = Vec::new();
    for row in 0..100 {
        let started = std::time::Instant::now();
        let items = Items::new(&model, Cut::default(), &[view(row), view(row * 7 + 3)], |_, _, _| false).unwrap();
        let explained = items.pair(0, 1);
        times.push(started.elapsed());
        assert_eq!(explained.contributions.len(), PLAYERS_MAX);
    }
    times.sort_unstable();
    println!("16 fields: median {:?}, p99 {:?}", times[50], times[99]);
    assert!(times[50] < std::time::Duration::from_millis(50), "{:?}", times[50]);
}

#[test]
fn records_of_one_node_are_joined_by_what_they_share() {
    let model = model(4, 1);
    let mut views = views(&[[Some("Ann"), None, None, None], [None, Some("Lee"), None, None], [None; 4]]);
    views[1].node = views[0].node;
    (views[0].exclusive, views[1].exclusive) = (vec!["user_id 7".to_owned()], vec!["user_id 7".to_owned()]);
    let items = Items::new(&model, Cut::default(), &views, |_, _, _| false).unwrap();
    let path = items.path(&[0, 1], 0, 1);
    assert_eq!(path.weakest, None);
    assert!(matches!(&path.steps[0].hop, Hop::Exclusive { identifiers } if identifiers == &["user_id 7"]));
    let history = items.how(&[0, 1]);
    assert_eq!((history.joined.len(), history.merges.len(), history.groups.len()), (1, 0, 1));
    let why = items.why_not((0, 2), [&[0, 1], &[2]], &Situation { candidate: Some(false), ..Situation::default() });
    assert!(matches!(&why.held[0], Held::NotCandidate { shared_keys } if shared_keys.is_empty()));
    assert!(why.held.iter().any(|held| matches!(held, Held::WeightBelowZero { .. })));
}

#[test]
fn queries_find_their_fields_by_name_and_by_meaning() {
    let model = model(4, 1);
    let texts = |attributes: &[(&str, &str)]| {
        let query = Query::new(&model, attributes.iter().copied());
        (query.texts.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|"), query.unknown)
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(
        texts(&[("name", "Ann Mary Lee"), ("dob", "1990-01-02")]),
        ("Ann Mary|Lee|1990-01-02|".into(), none.clone())
    );
    assert_eq!(texts(&[("firstName", "Ann"), ("FIELD3", "a@b.c")]), ("Ann|||a@b.c".into(), none));
    assert_eq!(texts(&[("shoe size", "7")]), ("|||".into(), vec!["shoe size".to_owned()]));
}
