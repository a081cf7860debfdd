//! What one file tells in several columns and another in one is brought to one, so
//! that the records of both can be compared.

use tributary_resolve::matching::{Column, ColumnBuilder, Role};

/// What can be told whole or in parts.
struct Form {
    whole: Role,
    parts: &'static [Role],
    /// What a whole is made with; nothing where one of the parts must be and is not.
    join: fn(&[&str]) -> String,
}

const FORMS: [Form; 3] = [
    Form {
        whole: Role::BirthDate,
        parts: &[Role::BirthYear, Role::BirthMonth, Role::BirthDay],
        join: |parts| if parts.contains(&"") { String::new() } else { parts.join("-") },
    },
    Form { whole: Role::FullName, parts: &[Role::GivenName, Role::FamilyName], join: |parts| parts.join(" ") },
    Form { whole: Role::Street, parts: &[Role::HouseNumber, Role::Street], join: |parts| parts.join(" ") },
];

/// Joins in each of two files what is whole in the other; `roles` says what their
/// columns are.
pub(super) fn agree(one: &mut Vec<Column>, other: &mut Vec<Column>, roles: impl Fn(&[Column]) -> Vec<Role>) {
    for form in &FORMS {
        let (of_one, of_other) = (roles(one), roles(other));
        if let (Some(whole), Some(parts)) = (form.whole_in(&of_one), form.parts_in(&of_other)) {
            form.join_in(other, &parts, &one[whole].name);
        } else if let (Some(parts), Some(whole)) = (form.parts_in(&of_one), form.whole_in(&of_other)) {
            form.join_in(one, &parts, &other[whole].name);
        }
    }
}

impl Form {
    /// The place of the whole, if it is there without its other parts.
    fn whole_in(&self, roles: &[Role]) -> Option<usize> {
        let place = roles.iter().position(|&role| role == self.whole)?;
        let is_alone = self.parts.iter().all(|part| *part == self.whole || !roles.contains(part));
        is_alone.then_some(place)
    }

    /// The places of all parts, if they are there without the whole.
    fn parts_in(&self, roles: &[Role]) -> Option<Vec<usize>> {
        if roles.contains(&self.whole) && !self.parts.contains(&self.whole) {
            return None;
        }
        self.parts.iter().map(|part| roles.iter().position(|role| role == part)).collect()
    }

    /// Puts the whole in the place of the parts, called `name` unless another column is.
    fn join_in(&self, columns: &mut Vec<Column>, parts: &[usize], name: &str) {
        let is_taken = (0..columns.len()).any(|place| columns[place].name == name && !parts.contains(&place));
        let mut joined = ColumnBuilder::new(if is_taken { columns[parts[0]].name.as_str() } else { name });
        for row in 0..columns[parts[0]].codes.len() {
            let texts: Vec<&str> = parts.iter().map(|&part| columns[part].get(row).unwrap_or_default()).collect();
            joined.push(&(self.join)(&texts));
        }
        let mut place = 0;
        columns.retain(|_| {
            place += 1;
            !parts.contains(&(place - 1))
        });
        columns.push(joined.finish());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tributary_resolve::matching::recognise;

    type Texts = &'static [(&'static str, [&'static str; 2])];

    fn columns(texts: Texts) -> Vec<Column> {
        texts.iter().map(|(name, texts)| Column::from_texts(name, texts.iter().copied())).collect()
    }

    fn roles(columns: &[Column]) -> Vec<Role> {
        recognise(columns).into_iter().map(|found| found.role).collect()
    }

    fn check(one: Texts, other: Texts, expected: Texts) {
        let (mut first, mut second) = (columns(one), columns(other));
        agree(&mut first, &mut second, roles);
        assert_eq!((first, second), (columns(one), columns(expected)));
        let (mut first, mut second) = (columns(other), columns(one));
        agree(&mut first, &mut second, roles);
        assert_eq!((first, second), (columns(expected), columns(one)), "the other file first");
    }

    #[test]
    fn what_is_whole_in_one_file_is_joined_in_the_other() {
        check(
            &[("dob", ["1990-02-01", "1981-12-11"])],
            &[("birth_year", ["1975", "1990"]), ("birth_month", ["11", ""]), ("birth_day", ["3", "4"])],
            &[("dob", ["1975-11-3", ""])],
        );
        check(
            &[("name", ["ann lee", "tom fox"]), ("city", ["bonn", "ulm"])],
            &[("first_name", ["eve", "ada"]), ("town", ["bonn", "kiel"]), ("last_name", ["orr", "poe"])],
            &[("town", ["bonn", "kiel"]), ("name", ["eve orr", "ada poe"])],
        );
        check(
            &[("address", ["hauptstr. 7", "am see 2"])],
            &[("hausnr", ["7", "11"]), ("strasse", ["hauptstr.", "am see"])],
            &[("address", ["7 hauptstr.", "11 am see"])],
        );
    }

    #[test]
    fn what_both_files_tell_in_parts_stays() {
        let names: Texts = &[("first_name", ["eve", "ada"]), ("last_name", ["orr", "poe"])];
        let both: Texts =
            &[("first_name", ["eve", "ada"]), ("last_name", ["orr", "poe"]), ("name", ["eve orr", "ada poe"])];
        check(names, names, names);
        check(both, names, names);
    }
}
