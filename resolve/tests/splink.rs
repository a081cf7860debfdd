//! Settings and models of Splink, saved by Splink 5.0.0 after training on
//! `fake_1000.csv`: `plain.json` without adjusting by the frequency of terms,
//! `terms.json` with it as the library has it, `names.json` with forename and
//! surname compared together. `*_weights.csv`: what Splink said of every eighth pair.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use shared::{Rows, quality};
use tributary_resolve::matching::explain::Items;
use tributary_resolve::matching::{Cut, Error, Model, ModelFile, Options, SplinkSettings, run};

const SAVED: &str = include_str!("splink/plain.json");
const HIDDEN: [&str; 2] = ["unique_id", "cluster"];

fn f1(options: &Options) -> f64 {
    let rows = Rows::read("fake_1000.csv").shuffled(5);
    let outcome = run(rows.table(&HIDDEN), options).unwrap();
    quality(&outcome.clusters, &rows.column("cluster")).2
}

#[test]
fn a_model_saved_by_splink_matches_with_its_levels_and_weights() {
    let settings = SplinkSettings::from_json(SAVED).unwrap();
    let columns: Vec<&str> = settings.comparisons.iter().map(|(column, _)| column.as_str()).collect();
    assert_eq!(columns, ["first_name", "surname", "dob", "city", "email"]);
    let model = settings.model.unwrap();
    assert_eq!(Model::from_json(&model.to_json().unwrap()).unwrap(), model);
    let f1 = f1(&Options { model: Some(model), ..Options::default() });
    assert!(f1 >= 0.8, "{f1}");
}

#[test]
fn the_weight_of_a_pair_is_the_sum_that_splink_makes() {
    let model = SplinkSettings::from_json(SAVED).unwrap().model.unwrap();
    let header = ["unique_id", "first_name", "surname", "dob", "city", "email", "cluster"];
    let row = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let rows = vec![
        row("0,Robert,Allen,1971-05-24,London,robert.allen@x.org,0"),
        row("1,Robert,Alen,1971-05-25,,robert.allen@y.com,0"),
        row("2,Mia,Wood,1999-01-02,Leeds,mw@z.net,1"),
    ];
    let outcome = run(Rows::new(&header, rows).table(&HIDDEN), &Options { model: Some(model), ..Options::default() });
    let outcome = outcome.unwrap();
    let pair = outcome.pairs.iter().find(|pair| (pair.one, pair.other) == (0, 1)).unwrap();
    let saved: serde_json::Value = serde_json::from_str(SAVED).unwrap();
    let share = saved["probability_two_random_records_match"].as_f64().unwrap();
    // First name equal, surname one edit, date one edit, city missing, user name equal.
    let levels = [(0, 1), (1, 2), (2, 2), (4, 2)];
    let weight = levels.iter().fold((share / (1.0 - share)).log2(), |weight, &(comparison, level)| {
        let level = &saved["comparisons"][comparison]["comparison_levels"][level];
        weight + (level["m_probability"].as_f64().unwrap() / level["u_probability"].as_f64().unwrap()).log2()
    });
    assert!((pair.score.match_weight() - weight).abs() < 0.01, "{} {weight}", pair.score.match_weight());
}

/// Differences between our weights and those of Splink in bits, sorted.
fn differences(saved: &str, weights: &str) -> Vec<f64> {
    let ModelFile::Trained(model) = ModelFile::from_json(saved).unwrap() else { panic!("it is trained") };
    let rows = Rows::read("fake_1000.csv");
    let outcome = run(rows.table(&HIDDEN), &Options { model: Some(model), ..Options::default() }).unwrap();
    let model = outcome.model.clone().unwrap();
    assert_eq!(Model::from_json(&model.to_json().unwrap()).unwrap(), model);
    let names = rows.column("unique_id").into_iter().map(str::to_owned).collect();
    let items = Items::of_table(&model, Cut::default(), rows.table(&HIDDEN), &outcome.recognised, names).unwrap();
    let difference = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [one, other] = [0, 1].map(|place| items.place(cells[place]).unwrap());
        (items.pair(one, other).match_weight.bits() - cells[2].parse::<f64>().unwrap()).abs()
    };
    let mut differences: Vec<f64> = weights.lines().skip(1).map(difference).collect();
    assert_eq!(differences.len(), 301);
    differences.sort_by(f64::total_cmp);
    differences
}

/// Each of four columns is adjusted to an eighth of a bit. Some pairs differ by
/// more, having values that we normalise: the case of letters, signs in dates,
/// addresses of mail that are none.
#[test]
fn weights_adjusted_by_the_frequency_of_terms_are_those_of_splink() {
    for (saved, weights) in [
        (include_str!("splink/terms.json"), include_str!("splink/terms_weights.csv")),
        (include_str!("splink/names.json"), include_str!("splink/names_weights.csv")),
    ] {
        let differences = differences(saved, weights);
        assert!(differences[150] <= 0.125, "{differences:?}");
        let within = differences.iter().filter(|difference| **difference <= 0.5).count();
        assert!(within >= 290, "{within} of 301: {differences:?}");
    }
}

#[test]
fn swapped_names_and_a_missing_one_have_their_levels() {
    let ModelFile::Trained(model) = ModelFile::from_json(include_str!("splink/names.json")).unwrap() else { panic!() };
    let row = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
    let texts = ["0,Robert,Allen", "1,Allen,Robert", "2,,Allen", "3,Robert,", "4,Robert,Allen"];
    let rows = Rows::new(&["unique_id", "first_name", "surname"], texts.map(row).to_vec());
    let outcome = run(rows.table(&["unique_id"]), &Options { model: Some(model), ..Options::default() }).unwrap();
    let model = outcome.model.clone().unwrap();
    let names = (0..5).map(|row: u32| row.to_string()).collect();
    let table = rows.table(&["unique_id"]);
    let items = Items::of_table(&model, Cut::default(), table, &outcome.recognised, names).unwrap();
    let saved: serde_json::Value = serde_json::from_str(include_str!("splink/names.json")).unwrap();
    let share = saved["probability_two_random_records_match"].as_f64().unwrap();
    let prior = (share / (1.0 - share)).log2();
    let weight = |level: usize, share: Option<f64>| {
        let level = &saved["comparisons"][0]["comparison_levels"][level];
        let [m, u] = ["m_probability", "u_probability"].map(|name| level[name].as_f64().unwrap());
        prior + (m / share.unwrap_or(u)).log2()
    };
    // Of four surnames three are Allen; a missing forename cannot be alike.
    for (one, other, expected) in [
        (0, 4, weight(1, None)),
        (0, 1, weight(2, None)),
        (0, 2, weight(5, Some(0.75))),
        (0, 3, weight(6, Some(0.75))),
        (2, 3, prior),
    ] {
        let found = items.pair(one, other).match_weight.bits();
        assert!((found - expected).abs() <= 0.13, "{one} {other} {found} {expected}");
    }
}

#[test]
fn settings_without_probabilities_give_comparisons_to_train() {
    let mut settings: serde_json::Value = serde_json::from_str(SAVED).unwrap();
    for comparison in settings["comparisons"].as_array_mut().unwrap() {
        for level in comparison["comparison_levels"].as_array_mut().unwrap() {
            let level = level.as_object_mut().unwrap();
            level.remove("m_probability");
            level.remove("u_probability");
        }
    }
    let settings = SplinkSettings::from_json(&settings.to_string()).unwrap();
    assert_eq!(settings.model, None);
    let mut comparisons = settings.comparisons;
    let f1 = f1(&Options { comparisons: comparisons.clone(), ..Options::default() });
    assert!(f1 >= 0.9, "{f1}");
    comparisons[0].0 = "forename".into();
    let rows = Rows::read("fake_1000.csv");
    let error = run(rows.table(&HIDDEN), &Options { comparisons, ..Options::default() }).unwrap_err();
    assert!(matches!(error, Error::NotCompared { column } if column == "forename"));
}

#[test]
fn what_is_not_of_the_library_is_refused_by_name() {
    let replaced = |from: &str, to: &str| SplinkSettings::from_json(&SAVED.replacen(from, to, 1));
    let sql = "levenshtein(\\\"surname_l\\\", \\\"surname_r\\\") <= 1";
    let refused = replaced(sql, "my_distance(surname_l, surname_r) < 3");
    assert!(
        matches!(&refused, Err(Error::SplinkRefused { comparison, sql, .. })
            if comparison == "surname" && sql.starts_with("my_distance")),
        "{refused:?}"
    );
    let adjusted = "\"label_for_charts\": \"Exact match on surname\"";
    let refused = replaced(adjusted, &format!("\"tf_adjustment_column\": \"city\", {adjusted}"));
    assert!(matches!(refused, Err(Error::SplinkRefused { reason, .. }) if reason.contains("frequency of other terms")));
    for text in ["", "{}", "{\"comparisons\": []}", "{\"comparisons\": [{\"comparison_levels\": []}]}"] {
        assert!(matches!(SplinkSettings::from_json(text), Err(Error::SplinkUnreadable { .. })), "{text}");
    }
}
