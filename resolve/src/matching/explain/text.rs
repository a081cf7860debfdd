//! Explanations as text for a terminal: aligned, colours only if asked for.

use super::counterfactual::Counterfactual;
use super::how::{Bridge, History, Merge};
use super::pair::{ClassShare, Comparison, Contribution, Explanation};
use super::path::{Hop, Path};
use super::search::Found;
use super::why_not::{Held, SharedKey, WhyNot};
use std::fmt::Write as _;

const BOLD: &str = "1";
const FOR: &str = "32";
const AGAINST: &str = "31";
const QUIET: &str = "2";
/// Least probability of a class that is shown.
const SHOWN: f64 = 0.001;
/// Most names in a list.
const NAMES_MAX: usize = 8;

/// Text in a style of the terminal, if it has colours.
fn styled(text: &str, style: &str, colour: bool) -> String {
    if colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// A probability in percent, with enough digits near both ends.
pub(super) fn percent(probability: f64) -> String {
    let decimals = match (probability * 100.0).min(100.0 - probability * 100.0) {
        0.0..0.0995 => 3,
        0.0995..0.995 => 2,
        _ => 1,
    };
    let text = format!("{:.decimals$} %", probability * 100.0);
    match text.as_str() {
        "100.000 %" if probability < 1.0 => ">99.999 %".to_owned(),
        "0.000 %" if probability > 0.0 => "<0.001 %".to_owned(),
        _ => text,
    }
}

/// Text without signs that steer a terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// Letters of Eastern scripts, which take two columns each.
const WIDE: [std::ops::RangeInclusive<char>; 5] = [
    '\u{1100}'..='\u{115f}',
    '\u{2e80}'..='\u{a4cf}',
    '\u{ac00}'..='\u{d7a3}',
    '\u{f900}'..='\u{faff}',
    '\u{fe30}'..='\u{ff60}',
];

/// Columns a text takes.
fn columns(text: &str) -> usize {
    text.chars().map(|character| 1 + usize::from(WIDE.iter().any(|wide| wide.contains(&character)))).sum()
}

/// Rows of cells as lines that begin with `indent` spaces, every column but the
/// last padded to the widest of its cells, 48 at most.
#[must_use]
pub fn aligned(rows: &[Vec<String>], indent: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or_default().min(48)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = " ".repeat(indent);
        for (column, cell) in row.iter().enumerate() {
            let padding = widths[column].saturating_sub(columns(cell)) + 2;
            let _ = write!(line, "{cell}{}", if column + 1 == row.len() { String::new() } else { " ".repeat(padding) });
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// The values of both records beside each other.
pub(super) fn values_of(comparison: &Comparison) -> String {
    let [one, other] = &comparison.values;
    let texts = |values: &[super::items::Shown]| {
        let texts: Vec<String> = values.iter().map(|value| printable(&value.text)).collect();
        if texts.is_empty() { "–".to_owned() } else { texts.join(", ") }
    };
    let (one, other) = (texts(one), texts(other));
    if one == other { one } else { format!("{one} ~ {other}") }
}

fn list(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_MAX).map(|name| printable(name)).collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

impl Explanation {
    /// The explanation as text of several lines; `colour` allows escape
    /// sequences.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let [one, other] = self.records.each_ref().map(|name| printable(name));
        let head = format!(
            "{one} and {other}: match weight {:.2} bits, {} same person",
            self.match_weight.bits(),
            percent(self.match_probability)
        );
        let mut out = format!("{}\n\n", styled(&head, BOLD, colour));
        out += &self.waterfall_text(colour);
        out += &self.missing_text(colour);
        out.push('\n');
        out += &classes_text(&self.classes);
        let _ = writeln!(out, "\n{}", self.counterfactual_text());
        out
    }

    /// One line a field; the sum of a bundle stands at its first.
    fn waterfall_text(&self, colour: bool) -> String {
        let bits = |value: f64| format!("{value:+8.2}");
        let mut rows = vec![vec![bits(self.prior.bits()), "nothing known".to_owned(), "any two records".to_owned()]];
        for part in &self.contributions {
            let mut amount = bits(part.match_weight.bits());
            for place in self.compared(part) {
                let comparison = &self.comparisons[place];
                rows.push(vec![amount, comparison.field.clone(), comparison.level.to_string(), values_of(comparison)]);
                amount = format!("{:>8}", "\"");
            }
        }
        rows.push(vec![format!("{:8.2}", self.match_weight.bits()), "match weight".to_owned()]);
        let text = aligned(&rows, 2);
        if !colour {
            return text;
        }
        let line = |line: &str| match line.trim_start().as_bytes() {
            [b'+', ..] => styled(line, FOR, true),
            [b'-', ..] => styled(line, AGAINST, true),
            _ => line.to_owned(),
        };
        text.lines().map(|text| line(text) + "\n").collect()
    }

    fn compared(&self, part: &Contribution) -> Vec<usize> {
        part.fields.iter().copied().filter(|&place| !self.comparisons[place].missing).collect()
    }

    fn missing_text(&self, colour: bool) -> String {
        let row = |comparison: &Comparison| {
            vec![" ".repeat(8), comparison.field.clone(), comparison.level.to_string(), values_of(comparison)]
        };
        let rows: Vec<Vec<String>> = self.comparisons.iter().filter(|one| one.missing).map(row).collect();
        aligned(&rows, 2).lines().map(|line| styled(line, QUIET, colour) + "\n").collect()
    }

    fn counterfactual_text(&self) -> String {
        match &self.counterfactual {
            Counterfactual::Without { names, match_weight, match_probability } => format!(
                "Without {} it would be {:.2} bits, {}: below the cut of {}.",
                names.join(" and "),
                match_weight.bits(),
                percent(*match_probability),
                percent(self.cut)
            ),
            Counterfactual::WereEqual { names, match_weight, match_probability } => format!(
                "Were {} equal, it would be {:.2} bits, {}: enough for the cut of {}.",
                names.join(" and "),
                match_weight.bits(),
                percent(*match_probability),
                percent(self.cut)
            ),
            Counterfactual::None => {
                format!("No change of its values would move it across the cut of {}.", percent(self.cut))
            }
        }
    }
}

/// Same person and same household always, others where they are likely.
fn classes_text(classes: &[ClassShare]) -> String {
    let always = |share: &ClassShare| share.class == "household" || share.meaning == "same person";
    let shown = classes.iter().filter(|share| always(share) || share.probability >= SHOWN);
    let rows: Vec<Vec<String>> =
        shown.map(|share| vec![format!("{:>9}", percent(share.probability)), printable(&share.meaning)]).collect();
    aligned(&rows, 2)
}

impl Path {
    /// The path as text, each hop explained.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let mut out = String::new();
        for (index, step) in self.steps.iter().enumerate() {
            if self.steps.len() > 1 {
                let _ = writeln!(out, "Step {} of {}", index + 1, self.steps.len());
            }
            match &step.hop {
                Hop::Evidence(explanation) => out += &explanation.to_text(colour),
                Hop::Exclusive { identifiers } => {
                    let [one, other] = step.records.each_ref().map(|name| printable(name));
                    let by = if identifiers.is_empty() { "records between them".to_owned() } else { list(identifiers) };
                    let _ = writeln!(out, "{}", styled(&format!("{one} and {other}: joined by {by}"), BOLD, colour));
                }
            }
            out.push('\n');
        }
        if let Some(weakest) = self.weakest.filter(|_| self.steps.len() > 1) {
            let _ = writeln!(out, "The weakest step is worth {:.2} bits.", weakest.bits());
        }
        out
    }
}

impl WhyNot {
    /// The reasons and the pair as text.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let [one, other] = self.pair.records.each_ref().map(|name| printable(name));
        let mut out = format!("{}\n", styled(&format!("{one} and {other} are two profiles"), BOLD, colour));
        for held in &self.held {
            let _ = writeln!(out, "  {}", held_text(held));
        }
        let _ = write!(out, "\n{}", self.pair.to_text(colour));
        if let Some(strongest) = &self.strongest {
            let _ = write!(out, "\nThe strongest pair between the profiles\n{}", strongest.to_text(colour));
        }
        out
    }
}

fn held_text(held: &Held) -> String {
    match held {
        Held::NeverTogether { decision } => format!("An operator decided it: {}.", printable(decision)),
        Held::Limit { limit } => format!("A profile has at most one value of a kind: {}.", printable(limit)),
        Held::NotCandidate { shared_keys } => not_candidate(shared_keys),
        Held::WeightBelowZero { match_weight } => {
            format!("The evidence speaks against it: the strongest pair is worth {:.2} bits.", match_weight.bits())
        }
        Held::MeanBelowCut { mean_probability, cut } => {
            format!("On the mean their pairs are {} likely, the cut is {}.", percent(*mean_probability), percent(*cut))
        }
        Held::TooLarge => {
            "Too many records hang together by weaker evidence: only stronger evidence was used.".to_owned()
        }
    }
}

fn not_candidate(keys: &[SharedKey]) -> String {
    if keys.is_empty() {
        return "They share no blocking key, so the pair is not looked at.".to_owned();
    }
    let key =
        |key: &SharedKey| format!("{} ({} records{})", key.name, key.carriers, if key.open { "" } else { ", closed" });
    let names: Vec<String> = keys.iter().map(key).collect();
    let why = if keys.iter().any(|key| key.open) { "others are better partners" } else { "none is rare enough" };
    format!("The pair is not looked at: of the blocking keys they share, {}; {why}.", list(&names))
}

impl History {
    /// The history as text.
    #[must_use]
    pub fn to_text(&self, colour: bool) -> String {
        let head = format!(
            "{} records, {} of the pairs with evidence for, mean probability {}",
            self.records.len(),
            percent(self.density),
            percent(self.mean_probability)
        );
        let mut out = format!("{}\n", styled(&head, BOLD, colour));
        for joined in &self.joined {
            let _ = writeln!(out, "  joined by exclusive identifiers: {}", list(joined));
        }
        for (index, merge) in self.merges.iter().enumerate() {
            out += &merge_text(index + 1, merge);
        }
        if self.groups.len() > 1 {
            let _ = writeln!(out, "  evidence alone leaves {} groups; a decision joins them", self.groups.len());
        }
        for bridge in &self.bridges {
            let _ = writeln!(out, "  {}", bridge_text(bridge));
        }
        out
    }
}

fn merge_text(number: usize, merge: &Merge) -> String {
    let [one, other] = &merge.sides;
    let evidence = |part: &Contribution| format!("{} {:+.2}", part.name, part.match_weight.bits());
    let evidence: Vec<String> = merge.evidence.iter().map(evidence).collect();
    format!(
        "  {number}. {} + {}: mean {}\n     {} and {}, {:.2} bits: {}\n",
        list(one),
        list(other),
        percent(merge.mean_probability),
        printable(&merge.strongest[0]),
        printable(&merge.strongest[1]),
        merge.match_weight.bits(),
        evidence.join(", ")
    )
}

fn bridge_text(bridge: &Bridge) -> String {
    match bridge {
        Bridge::Record { name, leaves } => {
            let parts: Vec<String> = leaves.iter().map(|names| list(names)).collect();
            format!("bridge: without {} these would be apart: {}", printable(name), parts.join(" | "))
        }
        Bridge::Pair { records: [one, other], match_weight } => {
            let (one, other) = (printable(one), printable(other));
            format!("bridge: {one} and {other} ({:.2} bits) alone join its two sides", match_weight.bits())
        }
    }
}

impl Found {
    /// Several of them as text, one a line.
    #[must_use]
    pub fn list(found: &[Self]) -> String {
        let row = |found: &Self| {
            let amounts = (percent(found.match_probability), found.match_weight.bits());
            vec![format!("{:>9}", amounts.0), format!("{:8.2} bits", amounts.1), printable(&found.name)]
        };
        aligned(&found.iter().map(row).collect::<Vec<_>>(), 2)
    }
}
