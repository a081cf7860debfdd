//! Conditions of Splink's comparison library, read from the SQL they are saved as.

use crate::matching::compare::levels::{Part, Test};

/// What a condition says of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    /// One of the values is missing.
    Missing(String),
    /// The values pass a test.
    Passes(String, Test),
    /// Of each of two columns one of the values is missing.
    MissingBoth(String, String),
    /// The values of two columns pass a test each.
    PassBoth((String, Test), (String, Test)),
    /// The values of two columns are the other's, each way.
    Swapped(String, String),
    /// What no other level is.
    Otherwise,
}

/// Patterns of regular expressions that the library cuts values by.
const PARTS: [(&str, Part); 4] = [
    ("^[^@]+", Part::Username),
    ("^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? [0-9]", Part::Sector),
    ("^[A-Za-z]{1,2}[0-9][A-Za-z0-9]?", Part::District),
    ("^[A-Za-z]{1,2}", Part::Area),
];

/// Reads a condition; `None` if it is not of the library.
pub(super) fn read(sql: &str) -> Option<Condition> {
    let sql = sql.split_whitespace().collect::<Vec<_>>().join(" ").replace(['"', '`'], "");
    if sql.eq_ignore_ascii_case("else") {
        return Some(Condition::Otherwise);
    }
    if let Some((one, other)) = sql.split_once(") AND (") {
        return of_two(one.strip_prefix('(')?, other.strip_suffix(')')?);
    }
    if let Some((one, other)) = sql.split_once(" AND ") {
        let ((left, right), (back, forth)) = (one.split_once(" = ")?, other.split_once(" = ")?);
        let (one, other) = (left.strip_suffix("_l")?, right.strip_suffix("_r")?);
        let is_swapped =
            one != other && back.strip_suffix("_r") == Some(one) && forth.strip_suffix("_l") == Some(other);
        let are_columns = is_column(one) && is_column(other);
        return (is_swapped && are_columns).then(|| Condition::Swapped(one.to_owned(), other.to_owned()));
    }
    if let Some((left, right)) = sql.split_once(" OR ") {
        let column = |text: &str| text.strip_suffix(" IS NULL").and_then(operand);
        let (left, right) = (column(left)?, column(right)?);
        return both_sides(&left, &right).map(|(column, _)| Condition::Missing(column));
    }
    let (column, test) = test(&sql)?;
    Some(Condition::Passes(column, test))
}

/// Reads what is asked of two columns at once.
fn of_two(one: &str, other: &str) -> Option<Condition> {
    match (read(one)?, read(other)?) {
        (Condition::Missing(one), Condition::Missing(other)) if one != other => {
            Some(Condition::MissingBoth(one, other))
        }
        (Condition::Passes(one, of_one), Condition::Passes(other, of_other)) if one != other => {
            Some(Condition::PassBoth((one, of_one), (other, of_other)))
        }
        _ => None,
    }
}

fn test(sql: &str) -> Option<(String, Test)> {
    if let Some((left, least)) = sql.rsplit_once(" >= ") {
        return at_least(left, least.parse().ok()?);
    }
    if let Some((left, most)) = sql.rsplit_once(" <= ") {
        return at_most(left, most.parse().ok()?);
    }
    let (left, right) = sql.split_once(" = ")?;
    let (column, part) = both_sides(&operand(left)?, &operand(right)?)?;
    Some((column, Test::Equal(part)))
}

/// Similarities.
fn at_least(call: &str, least: f64) -> Option<(String, Test)> {
    let (name, left, right) = call_of_two(call)?;
    let (column, part) = both_sides(&operand(left)?, &operand(right)?)?;
    if !(0.0..=1.0).contains(&least) {
        return None;
    }
    let least = (least * 10_000.0).round() as u16;
    let test = match (name.to_ascii_lowercase().as_str(), part) {
        ("jaro_winkler_similarity" | "jaro_winkler", part) => Test::JaroWinkler(part, least),
        ("jaro_similarity" | "jaro_sim", Part::Whole) => Test::Jaro(least),
        ("jaccard", Part::Whole) => Test::Jaccard(least),
        _ => return None,
    };
    Some((column, test))
}

/// Distances.
fn at_most(call: &str, most: f64) -> Option<(String, Test)> {
    if let Some(inside) = call.strip_prefix("ABS(").and_then(|rest| rest.strip_suffix(')')) {
        let (left, right) = inside.split_once(" - ")?;
        let date = |text: &str| operand(text.strip_prefix("EPOCH(")?.strip_suffix(')')?);
        let (column, part) = both_sides(&date(left)?, &date(right)?)?;
        let days = most / 86_400.0;
        let whole = part == Part::Whole && (0.0..=f64::from(1 << 24)).contains(&days);
        return whole.then_some((column, Test::DaysApart(days as u32)));
    }
    let (name, left, right) = call_of_two(call)?;
    let (column, part) = both_sides(&operand(left)?, &operand(right)?)?;
    if part != Part::Whole || !(0.0..=100.0).contains(&most) || most.fract() != 0.0 {
        return None;
    }
    let test = match name.to_ascii_lowercase().as_str() {
        "levenshtein" => Test::Levenshtein(most as u8),
        "damerau_levenshtein" => Test::DamerauLevenshtein(most as u8),
        _ => return None,
    };
    Some((column, test))
}

/// Name and the two arguments of a call.
fn call_of_two(call: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = call.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    let (mut depth, mut quoted) = (0, false);
    for (place, byte) in inside.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth -= 1,
            b',' if !quoted && depth == 0 => return Some((name, &inside[..place], inside[place + 1..].trim_start())),
            _ => {}
        }
    }
    None
}

/// A column with its side, and the part of it that is looked at.
type Operand = (String, Part);

fn operand(text: &str) -> Option<Operand> {
    let text = text.trim();
    if let Some(inside) = text.strip_prefix("NULLIF(").and_then(|rest| rest.strip_suffix(", '')")) {
        return operand(inside);
    }
    if let Some(inside) = text.strip_prefix("regexp_extract(").and_then(|rest| rest.strip_suffix(')')) {
        let (column, expression) = inside.split_once(", '")?;
        let expression = expression.strip_suffix(", 0").unwrap_or(expression).strip_suffix('\'')?;
        let (_, part) = PARTS.iter().find(|(known, _)| *known == expression)?;
        return is_column(column).then(|| (column.to_owned(), *part));
    }
    if let Some(inside) = text.strip_prefix("try_strptime(").and_then(|rest| rest.strip_suffix(')')) {
        let (column, format) = inside.split_once(", ")?;
        let read_as_date = format == "'%Y-%m-%d'" && is_column(column);
        return read_as_date.then(|| (column.to_owned(), Part::Whole));
    }
    is_column(text).then(|| (text.to_owned(), Part::Whole))
}

fn is_column(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|character| character.is_alphanumeric() || " _-".contains(character))
}

/// The column whose left and right sides these are.
fn both_sides(left: &Operand, right: &Operand) -> Option<(String, Part)> {
    let column = left.0.strip_suffix("_l")?;
    (right.0.strip_suffix("_r")? == column && left.1 == right.1).then(|| (column.to_owned(), left.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_of_the_library_are_read() {
        let month =
            "ABS(EPOCH(try_strptime(\"d_l\", '%Y-%m-%d')) - EPOCH(try_strptime(\"d_r\", '%Y-%m-%d'))) <= 2629800.0";
        let sector = "NULLIF(regexp_extract(\"p_l\", '^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? [0-9]', 0), '') = \
            NULLIF(regexp_extract(\"p_r\", '^[A-Za-z]{1,2}[0-9][A-Za-z0-9]? [0-9]', 0), '')";
        let username = "jaro_winkler_similarity(NULLIF(regexp_extract(\"e_l\", '^[^@]+', 0), ''), \
            NULLIF(regexp_extract(\"e_r\", '^[^@]+', 0), '')) >= 0.88";
        for (sql, column, test) in [
            ("\"a b_l\" = \"a b_r\"", "a b", Test::Equal(Part::Whole)),
            ("levenshtein(\"a_l\", \"a_r\") <= 2", "a", Test::Levenshtein(2)),
            ("damerau_levenshtein(`a_l`, `a_r`) <= 1", "a", Test::DamerauLevenshtein(1)),
            ("jaro_similarity(a_l, a_r) >= 0.9", "a", Test::Jaro(9000)),
            ("jaro_winkler_similarity(\"a_l\", \"a_r\") >= 0.7", "a", Test::JaroWinkler(Part::Whole, 7000)),
            ("jaccard(\"a_l\", \"a_r\")  >=  0.9", "a", Test::Jaccard(9000)),
            (month, "d", Test::DaysApart(30)),
            (sector, "p", Test::Equal(Part::Sector)),
            (username, "e", Test::JaroWinkler(Part::Username, 8800)),
        ] {
            assert_eq!(read(sql), Some(Condition::Passes(column.into(), test)), "{sql}");
        }
        let no_date = "try_strptime(\"d_l\", '%Y-%m-%d') IS NULL OR try_strptime(\"d_r\", '%Y-%m-%d') IS NULL";
        assert_eq!(read(no_date), Some(Condition::Missing("d".into())));
        assert_eq!(read("\"a_l\" IS NULL OR \"a_r\" IS NULL"), Some(Condition::Missing("a".into())));
        assert_eq!(read("ELSE"), Some(Condition::Otherwise));
        let swapped = read("\"f_l\" = \"s_r\" AND \"f_r\" = \"s_l\"");
        assert_eq!(swapped, Some(Condition::Swapped("f".into(), "s".into())));
        let missing = read("(\"f_l\" IS NULL OR \"f_r\" IS NULL) AND (\"s_l\" IS NULL OR \"s_r\" IS NULL)");
        assert_eq!(missing, Some(Condition::MissingBoth("f".into(), "s".into())));
        let both = read("(jaro_winkler_similarity(\"f_l\", \"f_r\") >= 0.92) AND (\"s_l\" = \"s_r\")");
        let tests = (Test::JaroWinkler(Part::Whole, 9200), Test::Equal(Part::Whole));
        assert_eq!(both, Some(Condition::PassBoth(("f".into(), tests.0), ("s".into(), tests.1))));
    }

    #[test]
    fn any_other_sql_is_not() {
        for sql in [
            "",
            "a_l = b_r",
            "\"f_l\" = \"s_r\" AND \"f_l\" = \"s_r\"",
            "\"f_l\" = \"s_r\" AND \"f_r\" = \"t_l\"",
            "\"f_l\" = \"f_r\" AND \"f_r\" = \"f_l\"",
            "(\"f_l\" = \"f_r\") AND (\"f_l\" = \"f_r\")",
            "(\"f_l\" = \"f_r\") AND (ELSE)",
            "array_length(list_intersect(\"a_l\", \"a_r\")) >= 1",
            "levenshtein(a_l, a_r) <= 1.5",
            "levenshtein(a_l, a_r",
            "jaro_winkler_similarity(a_l, a_r) >= 7",
            "my_function(a_l, a_r) >= 0.7",
            "regexp_extract(a_l, '.*') = regexp_extract(a_r, '.*')",
            "a_l = a_r OR 1 = 1",
            "substr(a_l, 1, 3) = substr(a_r, 1, 3)",
            "((",
            "é_l <= é_r",
        ] {
            assert_eq!(read(sql), None, "{sql}");
        }
    }
}
