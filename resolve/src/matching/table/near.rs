//! An order of records in memory: those of like names next to each other.
//!
//! Most partners of a record bear its name, and what is known of a record takes
//! a few lines of memory. Where those who are compared lie near each other, what
//! was read for one is still at hand for the next; in any other order nearly
//! every look at a partner waits for memory once there are many records. Nothing
//! that comes out depends on this order.

use crate::matching::field::Field;
use crate::matching::role::Role;

/// Returns records in the order of their family names, then of their given
/// names; those with the same, or none, stay in the order they have.
pub(crate) fn order(fields: &[Field]) -> Vec<u32> {
    let of = |role: Role| fields.iter().find(|field| field.role == role);
    let whole = of(Role::FullName);
    let family = of(Role::FamilyName).or(whole).map(ranks);
    let given = of(Role::GivenName).or(whole).map(ranks);
    let rank = |ranks: &Option<Vec<u32>>, row: usize| ranks.as_ref().map_or(0, |ranks| u64::from(ranks[row]));
    let rows = fields.first().map_or(0, |field| field.codes.len());
    let mut order: Vec<(u64, u32)> =
        (0..rows).map(|row| (rank(&family, row) << 32 | rank(&given, row), row as u32)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, row)| row).collect()
}

/// The place of each row's name among all names; last where there is none or
/// there are several.
fn ranks(field: &Field) -> Vec<u32> {
    let name = |code: u32| field.values[code as usize].folded();
    let mut sorted: Vec<(&str, u32)> =
        (0..field.values.len() as u32).map(|code| (last_word(field.role, name(code)), code)).collect();
    sorted.sort_unstable_by_key(|&(last, code)| (last, name(code), code));
    let mut ranks = vec![0; sorted.len()];
    for (rank, (_, code)) in (0u32..).zip(sorted) {
        ranks[code as usize] = rank;
    }
    let rank = |&code: &u32| ranks.get(code as usize).copied().unwrap_or(u32::MAX);
    field.codes.iter().map(rank).collect()
}

/// The last word of a whole name, which mostly is the family's; else the name.
fn last_word(role: Role, name: &str) -> &str {
    if role == Role::FullName { name.rsplit(' ').next().unwrap_or(name) } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Column;
    use crate::matching::columns::prepare;
    use crate::matching::role::Recognised;

    fn check(columns: &[(Role, &[&str])], expected: &[u32]) {
        let column = |(index, (_, texts)): (usize, &(Role, &[&str]))| {
            Column::from_texts(&format!("column {index}"), texts.iter().copied())
        };
        let mut found: Vec<Recognised> = (0..)
            .zip(columns)
            .map(|(index, (role, _))| Recognised { column: format!("column {index}"), role: *role })
            .collect();
        let columns = columns.iter().enumerate().map(column).collect();
        assert_eq!(order(&prepare(columns, &mut found, &[])), expected);
    }

    #[test]
    fn records_of_one_name_are_neighbours_whatever_tells_it() {
        let (given, family) = (["tom", "ann", "bob", ""], ["lee", "fox", "lee", "fox"]);
        check(&[(Role::GivenName, &given), (Role::FamilyName, &family)], &[1, 3, 2, 0]);
        check(&[(Role::FullName, &["tom lee", "ann fox", "bob lee", "eve fox"])], &[1, 3, 2, 0]);
        check(&[(Role::GivenName, &given)], &[1, 2, 0, 3]);
        check(&[(Role::Email, &["b@x.org", "a@x.org"])], &[0, 1]);
    }
}
