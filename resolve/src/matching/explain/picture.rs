//! An explanation as a waterfall.

use super::pair::{Contribution, Explanation};
use super::text::{percent, values_of};
use crate::chart::{Step, Waterfall};

impl Explanation {
    /// The waterfall of its contributions.
    #[must_use]
    pub fn waterfall(&self) -> Waterfall {
        let [one, other] = &self.records;
        let title = if self.reaches_cut {
            format!("Why {one} and {other} are one person")
        } else {
            format!("Why {one} and {other} are not one person")
        };
        let probability = format!("{} same person", percent(self.match_probability));
        Waterfall {
            description: self.in_words(),
            title,
            unit: "bits of evidence".to_owned(),
            start: Step {
                label: "nothing known".to_owned(),
                detail: "any two records".to_owned(),
                value: self.prior.bits(),
            },
            steps: self.contributions.iter().map(|part| self.step(part)).collect(),
            total: ("match weight".to_owned(), probability),
        }
    }

    fn step(&self, part: &Contribution) -> Step {
        let details: Vec<String> = part
            .fields
            .iter()
            .map(|&place| &self.comparisons[place])
            .filter(|comparison| !comparison.missing)
            .map(|comparison| format!("{}: {}", values_of(comparison), comparison.level))
            .collect();
        Step { label: part.name.clone(), detail: details.join("; "), value: part.match_weight.bits() }
    }

    fn in_words(&self) -> String {
        let part = |part: &Contribution| format!("{} {:+.2}", part.name, part.match_weight.bits());
        let parts: Vec<String> = self.contributions.iter().map(part).collect();
        format!(
            "Match weight {:.2} bits from {:.2} with nothing known: {}. Probability of the same person {}.",
            self.match_weight.bits(),
            self.prior.bits(),
            if parts.is_empty() { "no value in common to compare".to_owned() } else { parts.join(", ") },
            percent(self.match_probability),
        )
    }
}
