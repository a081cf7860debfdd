//! Settings and models of Splink: `splink_fake_1000.json` was saved by Splink
//! 5.0.0 after training on `fake_1000.csv`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod shared;

use shared::{Rows, quality};
use tributary_resolve::matching::{Error, Model, Options, SplinkSettings, run};

const SAVED: &str = include_str!("splink_fake_1000.json");
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
    let f1 = f1(&Options { comparisons: settings.comparisons, ..Options::default() });
    assert!(f1 >= 0.9, "{f1}");
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
    let refused = replaced(adjusted, &format!("\"tf_adjustment_column\": \"surname\", {adjusted}"));
    assert!(matches!(refused, Err(Error::SplinkRefused { reason, .. }) if reason.contains("frequency")));
    for text in ["", "{}", "{\"comparisons\": []}", "{\"comparisons\": [{\"comparison_levels\": []}]}"] {
        assert!(matches!(SplinkSettings::from_json(text), Err(Error::SplinkUnreadable { .. })), "{text}");
    }
}
