//! Figures of a business, computed from rows: the net promoter score with its
//! interval, and the pipeline by stage.

use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Two-sided 95 % quantile of the normal distribution.
const Z_95: f64 = 1.96;

/// The net promoter score of a set of answers.
///
/// `NPS = 100 (p - d)`, p and d being the shares of promoters (scores 9 and
/// 10) and detractors (0 to 6) among the answers (Reichheld, Harvard Business
/// Review, December 2003). An answer is a draw of +1, 0 or -1 with variance
/// `p + d - (p - d)^2`, so that the half-width of its 95 % interval is
/// `1.96 * 100 * sqrt((p + d - (p - d)^2) / n)` (normal approximation).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Nps {
    /// Answers with 9 or 10.
    pub promoters: u32,
    /// Answers with 7 or 8.
    pub passives: u32,
    /// Answers with 0 to 6.
    pub detractors: u32,
}

impl Nps {
    /// Counts scores from 0 to 10.
    pub fn of(scores: impl IntoIterator<Item = f64>) -> Self {
        let mut nps = Self::default();
        for score in scores {
            let class = match score {
                9.0.. => &mut nps.promoters,
                7.0.. => &mut nps.passives,
                _ => &mut nps.detractors,
            };
            *class += 1;
        }
        nps
    }

    /// Number of answers.
    pub fn answers(self) -> u32 {
        self.promoters + self.passives + self.detractors
    }

    /// From -100 to 100; `None` without answers.
    pub fn score(self) -> Option<f64> {
        self.shares().map(|(p, d)| 100.0 * (p - d))
    }

    /// Half-width of the 95 % interval; `None` without answers.
    pub fn margin(self) -> Option<f64> {
        let variance = |(p, d): (f64, f64)| p + d - (p - d).powi(2);
        self.shares().map(|shares| Z_95 * 100.0 * (variance(shares) / f64::from(self.answers())).sqrt())
    }

    fn shares(self) -> Option<(f64, f64)> {
        let n = f64::from(self.answers());
        (n > 0.0).then(|| (f64::from(self.promoters) / n, f64::from(self.detractors) / n))
    }
}

/// The newest score of each person, of answers `(profile_id, timestamp,
/// properties)`; answers of other metrics are left out.
pub fn latest_nps_scores(answers: &[(String, String, String)]) -> Vec<f64> {
    let mut latest: HashMap<&str, (&str, f64)> = HashMap::new();
    for (profile_id, timestamp, properties) in answers {
        let properties: Value = serde_json::from_str(properties).unwrap_or_default();
        let (Some("nps"), Some(score)) = (properties["metric"].as_str(), properties["score"].as_f64()) else {
            continue;
        };
        let newest = latest.entry(profile_id).or_insert((timestamp, score));
        if *timestamp.as_str() >= *newest.0 {
            *newest = (timestamp, score);
        }
    }
    latest.into_values().map(|(_, score)| score).collect()
}

/// Deals of one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// How many deals are in it.
    pub deals: u64,
    /// Sum of their amounts, in hundredths.
    pub cents: u64,
}

/// Sums deals, given as the JSON text of their fields, by stage in the given
/// order; stages of other names follow.
pub fn pipeline(deals: &[(String,)], order: &[&str]) -> Vec<Stage> {
    let mut stages: BTreeMap<(usize, String), (u64, u64)> = BTreeMap::new();
    for (fields,) in deals {
        let fields: Value = serde_json::from_str(fields).unwrap_or_default();
        let stage = fields["stage"].as_str().unwrap_or("(none)");
        let rank = order.iter().position(|known| *known == stage).unwrap_or(order.len());
        let sums = stages.entry((rank, stage.to_owned())).or_default();
        sums.0 += 1;
        sums.1 += fields["amount"].as_str().and_then(cents).unwrap_or_default();
    }
    stages.into_iter().map(|((_, name), (deals, cents))| Stage { name, deals, cents }).collect()
}

/// Reads an amount with up to two decimals.
fn cents(amount: &str) -> Option<u64> {
    let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
    let decimals = format!("{decimals:0<2}");
    let parts = whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(decimals.parse().ok()?);
    parts.filter(|_| decimals.len() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(promoters: u32, passives: u32, detractors: u32, expected: Option<(f64, f64)>) {
        let nps = Nps { promoters, passives, detractors };
        let rounded = |value: f64| (value * 100.0).round() / 100.0;
        assert_eq!(nps.score().map(rounded).zip(nps.margin().map(rounded)), expected);
    }

    #[test]
    fn score_and_margin() {
        check(0, 0, 0, None);
        check(10, 0, 0, Some((100.0, 0.0)));
        check(1, 0, 1, Some((0.0, 138.59)));
        check(180, 120, 100, Some((20.0, 7.96)));
        check(300, 200, 100, Some((33.33, 5.96)));
    }

    #[test]
    fn classes_of_scores() {
        let nps = Nps::of([0.0, 6.0, 7.0, 8.0, 9.0, 10.0, 10.0]);
        assert_eq!(nps, Nps { promoters: 3, passives: 2, detractors: 2 });
    }

    #[test]
    fn the_latest_answer_of_a_person_counts() {
        let answer = |id: &str, at: &str, properties: &str| (id.to_owned(), at.to_owned(), properties.to_owned());
        let answers = [
            answer("a", "2026-02-01", r#"{"metric":"nps","score":9}"#),
            answer("a", "2026-01-01", r#"{"metric":"nps","score":2}"#),
            answer("a", "2026-03-01", r#"{"metric":"csat","score":5}"#),
            answer("b", "2026-01-01", r#"{"metric":"nps","score":null}"#),
        ];
        assert_eq!(latest_nps_scores(&answers), [9.0]);
    }

    #[test]
    fn deals_are_summed_by_stage() {
        let deals: Vec<(String,)> = [
            r#"{"stage":"won","amount":"10.50"}"#,
            r#"{"stage":"lead","amount":"1.5"}"#,
            r#"{"stage":"won","amount":"3"}"#,
            r#"{"stage":"odd","amount":"x"}"#,
        ]
        .map(|fields| (fields.to_owned(),))
        .into();
        let stage = |name: &str, deals, cents| Stage { name: name.to_owned(), deals, cents };
        assert_eq!(
            pipeline(&deals, &["lead", "won"]),
            [stage("lead", 1, 150), stage("won", 2, 1350), stage("odd", 1, 0)]
        );
    }
}
