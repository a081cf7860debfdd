//! The comparison of a forename and a surname together.

use super::super::Result;
use super::comparison::{Adjustment, Compared, Comparison, Level, NOT_OF_THE_LIBRARY, OTHER_TERMS, Probabilities};
use super::condition::{Condition, read};
use crate::matching::compare::levels::{Bands, Levels, Part, Test};

const EQUAL: Test = Test::Equal(Part::Whole);

/// What a level asks of the two columns.
enum Asked {
    /// That each passes its test; none where the column is not looked at.
    Tests([Option<Test>; 2]),
    /// That the values are swapped.
    Swapped,
    /// What no other level is.
    Otherwise,
}

struct Rule {
    asked: Asked,
    probabilities: Probabilities,
    adjustment: Option<Adjustment>,
}

/// Reads a comparison of two columns whose levels count together.
///
/// # Errors
/// [`Error::SplinkRefused`] and [`Error::SplinkUnreadable`].
pub(super) fn read_both(comparison: &Comparison) -> Result<Compared> {
    let columns = comparison.comparison_levels.iter().find_map(|level| match read(&level.sql_condition) {
        Some(Condition::MissingBoth(one, other)) if level.of_missing => Some([one, other]),
        _ => None,
    });
    let columns = columns.ok_or_else(|| comparison.unreadable())?;
    let asking = comparison.comparison_levels.iter().filter(|level| !level.of_missing);
    let rules = asking.map(|level| rule(comparison, level, &columns)).collect::<Result<Vec<_>>>()?;
    if !matches!(rules.last(), Some(Rule { asked: Asked::Otherwise, .. })) {
        return Err(comparison.unreadable());
    }
    let levels = [levels(comparison, &rules, &columns, 0)?, levels(comparison, &rules, &columns, 1)?];
    let radix = levels.map(|levels| levels.top() + levels.bands() + 1);
    let patterns = (0..radix[0]).flat_map(|one| (0..radix[1]).map(move |other| [one, other]));
    let probabilities = patterns.map(|pattern| of_pattern(&rules, levels, pattern, &columns)).collect();
    Ok(Compared { columns: columns.into_iter().zip(levels).collect(), probabilities })
}

fn rule(comparison: &Comparison, level: &Level, columns: &[String; 2]) -> Result<Rule> {
    let place = |column: &String| columns.iter().position(|known| known == column);
    let refused = |reason| comparison.refused(level, reason);
    let mut tests = [None; 2];
    let asked = match read(&level.sql_condition) {
        Some(Condition::Passes(column, test)) => {
            tests[place(&column).ok_or_else(|| refused("not of the two columns"))?] = Some(test);
            Asked::Tests(tests)
        }
        Some(Condition::PassBoth(one, other)) if columns[0] == one.0 && columns[1] == other.0 => {
            Asked::Tests([Some(one.1), Some(other.1)])
        }
        Some(Condition::Swapped(one, other)) if columns == &[one.clone(), other.clone()] => Asked::Swapped,
        Some(Condition::Otherwise) => Asked::Otherwise,
        _ => return Err(refused(NOT_OF_THE_LIBRARY)),
    };
    let adjustment = level.adjustment();
    let is_equal = |adjustment: &Adjustment| match (&asked, place(&adjustment.column)) {
        (Asked::Tests(tests), Some(place)) => tests[place] == Some(EQUAL),
        _ => false,
    };
    if adjustment.as_ref().is_some_and(|adjustment| !is_equal(adjustment)) {
        return Err(refused(OTHER_TERMS));
    }
    Ok(Rule { asked, probabilities: level.probabilities(), adjustment })
}

/// The levels of one of the columns: every test that some rule makes of it, in
/// the order of the rules.
fn levels(comparison: &Comparison, rules: &[Rule], columns: &[String; 2], place: usize) -> Result<Levels> {
    let mut tests = vec![EQUAL];
    for rule in rules {
        let test = match rule.asked {
            Asked::Tests(of_columns) => of_columns[place],
            Asked::Swapped => Some(Test::Swapped),
            Asked::Otherwise => None,
        };
        tests.extend(test.filter(|test| !tests.contains(test)));
    }
    let is_adjusted = rules.iter().any(|rule| rule.adjustment.as_ref().is_some_and(|by| by.column == columns[place]));
    let bands: Bands = comparison.bands(is_adjusted);
    Levels::new(&tests, bands).ok_or_else(|| comparison.unreadable())
}

/// m and u of a pattern of both columns, each 0 where missing, else the level + 1.
fn of_pattern(rules: &[Rule], levels: [Levels; 2], pattern: [u8; 2], columns: &[String; 2]) -> Probabilities {
    let passed = [0, 1].map(|place| pattern[place].checked_sub(1).and_then(|level| levels[place].test(level)));
    if pattern == [0, 0] {
        return None;
    }
    let holds = |rule: &&Rule| match rule.asked {
        Asked::Tests(tests) => {
            (0..2).all(|place| tests[place].is_none_or(|test| passes(levels[place], passed[place], test)))
        }
        Asked::Swapped => passed == [Some(Test::Swapped); 2],
        Asked::Otherwise => true,
    };
    let rule = rules.iter().find(holds)?;
    let band = |by: &Adjustment| {
        let place = usize::from(by.column == columns[1]);
        levels[place].tell_frequencies().then(|| (pattern[place] - 1).saturating_sub(levels[place].top()))
    };
    match rule.adjustment.as_ref().and_then(|by| Some((by, band(by)?))) {
        Some((by, band)) => rule.probabilities.map(|of_level| by.of_band(of_level, band)),
        None => rule.probabilities,
    }
}

/// Whether values that passed one test of a list pass another: tests after it ask for less.
fn passes(levels: Levels, passed: Option<Test>, asked: Test) -> bool {
    let place = |test: Test| (0..=levels.top()).rev().position(|level| levels.test(level) == Some(test));
    match passed {
        None | Some(Test::Swapped) => false,
        Some(passed) => place(passed).zip(place(asked)).is_some_and(|(passed, asked)| passed <= asked),
    }
}
