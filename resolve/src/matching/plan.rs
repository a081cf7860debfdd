//! What blocking proposes, counted before anything is scored.

use super::batch::{Options, Ready};
use super::block::keys::Keys;
use super::block::open::Open;
use super::block::rules::Rule;
use super::block::{entries, same_key};
use super::bounds::Bounds;
use super::compare::comparer::Fields;
use super::explain::rule_name;
use super::role::Recognised;
use super::threads::{joined, map_parts};
use super::{Result, Table};

/// Blocks that are named by their size.
const LARGEST: usize = 3;

/// What a run over a table would look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Records of the table.
    pub records: usize,
    /// Those of them that say what another says: they go where that goes.
    pub copies: usize,
    /// What each column was taken for, by name.
    pub recognised: Vec<Recognised>,
    /// Generic values of each column that are read as missing.
    pub generic_values: Vec<(String, usize)>,
    /// Every blocking rule.
    pub rules: Vec<RuleCounts>,
    /// Most records that may carry a key that proposes pairs.
    pub carriers_max: usize,
    /// Different pairs that the rules propose together.
    pub pairs: u64,
    /// Partners of a record that are looked at, the best.
    pub partners_max: usize,
    /// Pairs that are scored, at most.
    pub scored_max: u64,
}

/// What one blocking rule proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleCounts {
    /// What it looks at, such as `the birth date and the postcode`.
    pub name: String,
    /// Different keys it makes of the records.
    pub keys: usize,
    /// Keys that propose pairs.
    pub open: usize,
    /// Pairs they propose; other rules may propose the same.
    pub pairs: u64,
    /// Keys that too many records carry: they propose nothing.
    pub closed: usize,
    /// Records of the largest blocks, open or not.
    pub largest: Vec<usize>,
}

/// Counts what every blocking rule proposes of a table.
///
/// # Errors
/// As [`super::run`].
pub fn plan(table: Table, options: &Options) -> Result<Plan> {
    let Ready { order, found, generic_values, fields, records, copies, .. } = Ready::new(table, options)?;
    let keys = Keys::new(&Fields::new(fields, records), options.threads);
    let all = options.rules();
    let counted = |rules: &[Rule]| rules.iter().map(|rule| RuleCounts::of(&keys, *rule)).collect::<Vec<_>>();
    let rules = map_parts(options.threads, all.all(), counted);
    let Bounds { open: carriers_max, partners: partners_max, .. } = Bounds::REAL;
    let open = Open::new(&keys, &all, carriers_max, options.threads);
    let rows: Vec<u32> = (0..order.len() as u32).collect();
    let counts = map_parts(options.threads, &rows, |rows| {
        let mut partners = Vec::new();
        let count = |(all, best): (u64, u64), &row: &u32| {
            open.partners(row, &mut partners);
            (all + partners.len() as u64, best + partners.len().min(partners_max) as u64)
        };
        rows.iter().fold((0, 0), count)
    });
    // Each pair was met from both sides.
    let pairs = counts.iter().map(|(all, _)| all).sum::<u64>() / 2;
    let best: u64 = counts.iter().map(|(_, best)| best).sum();
    Ok(Plan {
        records: order.len() + copies.all.len(),
        copies: copies.all.len(),
        recognised: found,
        generic_values,
        rules: joined(rules),
        carriers_max,
        pairs,
        partners_max,
        scored_max: best.min(pairs),
    })
}

impl RuleCounts {
    fn of(keys: &Keys, rule: Rule) -> Self {
        let mut counts = Self { name: rule_name(rule), keys: 0, open: 0, pairs: 0, closed: 0, largest: Vec::new() };
        for block in entries(keys, rule).chunk_by(|one, other| same_key(*one, *other)) {
            let size = block.len();
            counts.keys += 1;
            if size > Bounds::REAL.open {
                counts.closed += 1;
            } else if size > 1 {
                counts.open += 1;
                counts.pairs += (size * (size - 1) / 2) as u64;
            }
            counts.largest.push(size);
            if counts.largest.len() > LARGEST {
                counts.largest.sort_unstable_by(|one, other| other.cmp(one));
                counts.largest.truncate(LARGEST);
            }
        }
        counts.largest.sort_unstable_by(|one, other| other.cmp(one));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Column, record_hash};
    use super::*;

    /// Records of an email and a phone each, blank where there is none, in towns of their own.
    fn counted(emails: &[String], phones: &[String]) -> Plan {
        let texts = |name: &str, texts: &[String]| Column::from_texts(name, texts.iter().map(String::as_str));
        let records = (0..emails.len()).map(|row| record_hash(&row.to_string())).collect();
        let towns: Vec<String> = (0..emails.len()).map(|row| format!("town{row}")).collect();
        let columns = vec![texts("email", emails), texts("phone", phones), texts("city", &towns)];
        let table = Table { records, columns };
        plan(table, &Options { threads: 2, ..Options::default() }).unwrap()
    }

    fn rule<'p>(plan: &'p Plan, name: &str) -> &'p RuleCounts {
        plan.rules.iter().find(|rule| rule.name == name).unwrap()
    }

    #[test]
    fn blocks_are_counted_and_pairs_of_several_rules_once() {
        // Rows 0 to 3 share an email, rows 2 and 3 also a phone, as do 4 and 5.
        let email = |row: usize| format!("user{}@mail{row}.example", if row < 4 { 0 } else { row });
        let mut emails: Vec<String> = (0..60).map(email).collect();
        emails[..4].fill("user0@mail0.example".to_owned());
        let phone = |row: usize| format!("55501{:05}", 7 * if row < 6 { row / 2 } else { row });
        let mut phones: Vec<String> = (0..60).map(phone).collect();
        phones[0].clear();
        let plan = counted(&emails, &phones);
        let by_email = rule(&plan, "the email");
        assert_eq!((by_email.keys, by_email.open, by_email.pairs, by_email.closed), (57, 1, 6, 0));
        assert_eq!(by_email.largest, [4, 1, 1]);
        let by_phone = rule(&plan, "the phone");
        assert_eq!((by_phone.open, by_phone.pairs), (2, 2));
        assert_eq!((plan.pairs, plan.scored_max), (7, 7));
        assert_eq!(rule(&plan, "the birth date").keys, 0);
    }

    #[test]
    fn a_key_of_too_many_records_proposes_nothing() {
        let most = Bounds::REAL.open;
        for (carriers, pairs) in [(most, most * (most - 1) / 2), (most + 1, 0)] {
            let email = |row: usize| format!("user{}@example.com", if row < carriers { 0 } else { row });
            let emails: Vec<String> = (0..3000).map(email).collect();
            let phones: Vec<String> = (0..3000).map(|row| format!("5550{:06}", 7 * row)).collect();
            let plan = counted(&emails, &phones);
            let by_email = rule(&plan, "the email");
            assert_eq!(by_email.largest[0], carriers);
            assert_eq!((by_email.pairs, by_email.closed), (pairs as u64, usize::from(pairs == 0)));
            assert!(plan.scored_max <= plan.pairs && (pairs == 0) == (plan.pairs == 0));
        }
    }

    #[test]
    fn a_table_of_one_record_proposes_nothing() {
        let plan = counted(&["a@example.com".to_owned()], &[String::new()]);
        assert_eq!((plan.records, plan.pairs), (1, 0));
    }
}
