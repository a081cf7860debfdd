//! What each column is taken for, by its name and by what is in it.

mod birth;
mod content;
mod known;
mod names;

use super::normalise;
use super::table::{Column, MISSING};
pub(crate) use birth::without_fraction;
use content::{agrees, by_content, is_day_of_year, is_one_word};
pub(crate) use names::by_name;
use names::says_other_date;
use serde::{Deserialize, Serialize};

/// What a column tells of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Given name or names.
    GivenName,
    /// Family name.
    FamilyName,
    /// Whole name in one column.
    FullName,
    /// Date of birth.
    BirthDate,
    /// Year of birth where the date of birth has three columns.
    BirthYear,
    /// Month of birth, likewise.
    BirthMonth,
    /// Day of birth, likewise.
    BirthDay,
    /// Address of mail.
    Email,
    /// Telephone number.
    Phone,
    /// Number of the house where it has a column of its own.
    HouseNumber,
    /// Street line.
    Street,
    /// Second line of an address.
    SecondLine,
    /// Town or place.
    City,
    /// Code of the post.
    Postcode,
    /// State or province.
    Region,
    /// Number a state gives a person.
    NationalId,
    /// The operator's own id of a person: joins by itself, one a profile.
    UserId,
    /// Browser or device.
    Device,
    /// Id that some source gives a person.
    SourceId,
    /// One of a few words, such as an occupation.
    Text,
    /// Not compared.
    Ignored(Ignored),
}

/// Why a column is not compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ignored {
    /// It has one value or none.
    Constant,
    /// No value comes twice: it names the row.
    NamesTheRow,
    /// Its name says that it holds the answer, which is not to be read.
    Answer,
    /// Its name says that it is about the record, not the person.
    AboutTheRecord,
    /// Numbers or codes of unknown meaning.
    UnknownCode,
    /// The columns compared already say what it says.
    Redundant,
    /// There are more columns than can be compared.
    OneTooMany,
}

/// What one column was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    /// Name of the column.
    pub column: String,
    /// What it was taken for.
    pub role: Role,
}

/// Finds what each column is, by its name and by the first of its values; for
/// an answer that does not depend on the order of rows give it columns whose
/// rows are in an order of their own.
#[must_use]
pub fn recognise(columns: &[Column]) -> Vec<Recognised> {
    let mut found: Vec<Recognised> =
        columns.iter().map(|column| Recognised { column: column.name.clone(), role: role_of(column) }).collect();
    prefer_named_birth_dates(&mut found);
    birth::tell_parts(columns, &mut found);
    tell_whole_names(columns, &mut found);
    tell_parts_of_names(columns, &mut found);
    tell_family_names(columns, &mut found);
    tell_names_of_others(columns, &mut found);
    found
}

/// The columns taken for a role.
fn places_of(role: Role, found: &[Recognised]) -> Vec<usize> {
    (0..found.len()).filter(|&place| found[place].role == role).collect()
}

/// Beside given and family names, a whole name that repeats neither is not that of
/// the person but of an account, an employer or somebody else.
fn tell_names_of_others(columns: &[Column], found: &mut [Recognised]) {
    let (given, family) = (places_of(Role::GivenName, found), places_of(Role::FamilyName, found));
    if given.is_empty() || family.is_empty() {
        return;
    }
    let parts: Vec<&Column> = given.iter().chain(&family).map(|&place| &columns[place]).collect();
    for whole in places_of(Role::FullName, found).into_iter().filter(|&whole| !repeats(&columns[whole], &parts)) {
        found[whole].role = Role::Text;
    }
}

/// Rows that tell whether a column repeats others.
const ROWS_SEEN: usize = 4000;

/// Whether most of a column's texts hold a word of the others, where these have one.
fn repeats(whole: &Column, parts: &[&Column]) -> bool {
    let beside = |row: &usize| parts.iter().any(|part| part.get(*row).is_some());
    let filled = (0..whole.codes.len()).filter(beside).filter_map(|row| Some((row, whole.get(row)?)));
    let (mut rows, mut repeated) = (0, 0);
    for (row, text) in filled.take(ROWS_SEEN) {
        let text = normalise::plain(text);
        let part = |column: &&Column| column.get(row).map(normalise::plain).unwrap_or_default();
        rows += 1;
        repeated += usize::from(parts.iter().any(|column| {
            let part = part(column);
            part.split(' ').any(|word| !word.is_empty() && text.split(' ').any(|other| other == word))
        }));
    }
    repeated * 2 >= rows
}

/// A birth date known by name alone is believed beside one that is guessed.
fn prefer_named_birth_dates(found: &mut [Recognised]) {
    let named = |found: &Recognised| by_name(&found.column) == Some(Role::BirthDate);
    let births = |found: &Recognised| found.role == Role::BirthDate;
    if found.iter().any(|found| births(found) && named(found)) {
        for guessed in found.iter_mut().filter(|found| births(found) && !named(found)) {
            guessed.role = Role::Ignored(Ignored::AboutTheRecord);
        }
    }
}

/// Given names without family names, or these without those, are whole names if most
/// are of several words: what one language calls one of the two, another calls both.
fn tell_whole_names(columns: &[Column], found: &mut [Recognised]) {
    let [given, family, whole] = [Role::GivenName, Role::FamilyName, Role::FullName].map(|role| places_of(role, found));
    let alone = match (given.as_slice(), family.as_slice()) {
        (&[alone], []) | ([], &[alone]) if whole.is_empty() => alone,
        _ => return,
    };
    if content::are_several_words(&columns[alone]) {
        found[alone].role = Role::FullName;
    }
}

/// Two numbered columns of names that are single words are the family names, of which
/// there are more, and the given names.
fn tell_parts_of_names(columns: &[Column], found: &mut [Recognised]) {
    let is_name = |place: &usize| matches!(found[*place].role, Role::GivenName | Role::FamilyName | Role::FullName);
    let names: Vec<usize> = (0..found.len()).filter(is_name).collect();
    let &[one, other] = names.as_slice() else { return };
    let is_part = |place: usize| found[place].role == Role::FullName && is_one_word(&columns[place]);
    let unnumbered = |place: usize| {
        let is_number = |word: &String| word.bytes().all(|byte| byte.is_ascii_digit());
        names::words(&columns[place].name).into_iter().filter(|word| !is_number(word)).collect::<Vec<_>>()
    };
    if is_part(one) && is_part(other) && unnumbered(one) == unnumbered(other) {
        let fewer = columns[one].values.len() < columns[other].values.len();
        let (given, family) = if fewer { (one, other) } else { (other, one) };
        found[given].role = Role::GivenName;
        found[family].role = Role::FamilyName;
    }
}

/// Beside given names and no family names, `name` is the family name if it is one word
/// or repeats no given name, or else the column of single words, called nothing known,
/// that has the most.
fn tell_family_names(columns: &[Column], found: &mut [Recognised]) {
    let given: Vec<&Column> = places_of(Role::GivenName, found).into_iter().map(|place| &columns[place]).collect();
    if given.is_empty() || !places_of(Role::FamilyName, found).is_empty() {
        return;
    }
    let one_word = |place: &usize| is_one_word(&columns[*place]);
    let is_part = |place: &usize| {
        let column = &columns[*place];
        one_word(place) || (!content::are_several_words(column) && !repeats(column, &given))
    };
    let whole = places_of(Role::FullName, found).into_iter().find(is_part);
    let words = (0..found.len()).filter(|&place| {
        let enough = columns[place].values.len() * FAMILY_SHARE >= columns[place].codes.len();
        found[place].role == Role::Text && by_name(&found[place].column).is_none() && enough
    });
    let place = whole.or_else(|| words.filter(one_word).max_by_key(|&place| columns[place].values.len()));
    if let Some(place) = place {
        found[place].role = Role::FamilyName;
    }
}

/// One over the share of rows that bring another family name, at the least.
const FAMILY_SHARE: usize = 50;

fn role_of(column: &Column) -> Role {
    if column.values.len() <= 1 {
        return Role::Ignored(Ignored::Constant);
    }
    let named = by_name(&column.name);
    let by_texts = || match (by_content(column), named) {
        // A date, but of what it says that is none of birth.
        (Role::BirthDate, None) if says_other_date(&column.name) => Role::Ignored(Ignored::AboutTheRecord),
        (_, Some(Role::BirthDate)) if is_day_of_year(column) => Role::Text,
        (role, _) => role,
    };
    let role = named.filter(|&role| agrees(role, column)).unwrap_or_else(by_texts);
    let is_id = matches!(role, Role::SourceId | Role::Device | Role::UserId | Role::NationalId);
    let names_the_row = is_id || (role == Role::Text && !content::are_titles(column));
    if names_the_row && no_value_twice(column) { Role::Ignored(Ignored::NamesTheRow) } else { role }
}

fn no_value_twice(column: &Column) -> bool {
    column.values.len() == column.codes.iter().filter(|&&code| code != MISSING).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, texts: &[&str], expected: Role) {
        let column = Column::from_texts(name, texts.iter().copied());
        assert_eq!(recognise(&[column])[0].role, expected, "{name} {texts:?}");
    }

    #[test]
    fn columns_are_known_by_name() {
        let words = ["green", "blue"];
        check("given_name", &words, Role::GivenName);
        check("Customer First Name", &words, Role::GivenName);
        check("lastName", &words, Role::FamilyName);
        check("dob", &["1990-01-02", "1950-03-04"], Role::BirthDate);
        check("phone2", &["0151 1234567", "0151 7654321"], Role::Phone);
        check("soc_sec_id", &["1", "2", "1"], Role::NationalId);
        check("cluster", &["1", "2", "1"], Role::Ignored(Ignored::Answer));
        check("postcode_fake", &["ab1 2cd", "ef3 4gh"], Role::Postcode);
    }

    #[test]
    fn columns_are_known_by_content() {
        check("x", &["a@b.c", "d@e.f"], Role::Email);
        check("x", &["1931-05-06", "1999-01-02", "1960-01-02"], Role::BirthDate);
        check("x", &["2024-05-06", "2024-01-02"], Role::Ignored(Ignored::AboutTheRecord));
        check("x", &["robert", "william", "mary"], Role::GivenName);
        check("x", &["robert smith", "william jones"], Role::FullName);
        check("x", &["+1 555 123 4567", "(555) 123-4568"], Role::Phone);
        check("x", &["12 oak street", "4 elm road"], Role::Street);
        check("x", &["1", "2", "2"], Role::Ignored(Ignored::UnknownCode));
        check("x", &["ab1 2cd", "ef33 4gh"], Role::Postcode);
    }

    #[test]
    fn names_are_known_in_any_order_case_and_language() {
        let words = ["green", "blue"];
        for name in ["fname", "NAME_FIRST", "FirstNm", "Vorname", "prénom", "cust_given_name", "firstName1", "voornaam"]
        {
            check(name, &words, Role::GivenName);
        }
        for name in ["lastname", "NAME_LAST", "Nachname", "Surname*", "apellido paterno", "nom_de_famille", "LName"] {
            check(name, &words, Role::FamilyName);
        }
        let dates = ["1990-01-02", "1950-03-04"];
        for name in ["Geburtsdatum", "birth_dt", "DATE OF BIRTH", "fechaNacimiento", "dob_raw", "person.birthDate"] {
            check(name, &dates, Role::BirthDate);
        }
        let phones = ["0151 1234567", "0151 7654321"];
        for name in ["mobile", "Handynr", "Tel.", "PhoneHome", "telefono_1", "contact_no", "cell #"] {
            check(name, &phones, Role::Phone);
        }
        check("mail", &["a@b.c", "d@e.f"], Role::Email);
        check("adresse e-mail", &["a@b.c", "d@e.f"], Role::Email);
        check("addr1", &["1 oak road", "2 elm road"], Role::Street);
        check("Straße", &["oak road", "elm road"], Role::Street);
        check("plz", &["10115", "20095", "10115"], Role::Postcode);
        for name in ["ssn", "nin", "SSN_last", "codice_fiscale"] {
            check(name, &["123", "456", "123"], Role::NationalId);
        }
        check("cust_no", &["17", "18", "17"], Role::SourceId);
        check("created_at", &["2024-01-02", "2024-01-03"], Role::Ignored(Ignored::AboutTheRecord));
        check("Wohnort", &["bonn", "köln"], Role::City);
        check("true_person_id", &["1", "2", "1"], Role::Ignored(Ignored::Answer));
    }

    #[test]
    fn columns_without_names_are_told_apart() {
        let names = ["mary", "john", "susan", "david"];
        let columns = [
            Column::from_texts("c1", names),
            Column::from_texts("c2", ["kowalski", "nguyen", "fitzgerald", "kowalski"]),
            Column::from_texts("c3", ["red", "red", "blue", "blue"]),
            Column::from_texts("c4", ["2125550100", "4155550101", "3035550102", "2025550103"]),
            Column::from_texts("c5", ["02139", "90210", "07030", "10001"]),
            Column::from_texts("c6", ["1000000001", "2000000002", "1000000001", "1234567890"]),
            Column::from_texts("c7", ["10021", "10022", "10021", "20023"]),
        ];
        let roles: Vec<Role> = recognise(&columns).into_iter().map(|found| found.role).collect();
        let code = Role::Ignored(Ignored::UnknownCode);
        let expected = [Role::GivenName, Role::FamilyName, Role::Text, Role::Phone, Role::Postcode, code, code];
        assert_eq!(roles, expected);
    }

    #[test]
    fn whole_names_are_told_from_parts_by_their_words() {
        let check = |columns: &[(&str, [&str; 3])], expected: &[Role]| {
            let table: Vec<Column> = columns.iter().map(|(name, texts)| Column::from_texts(name, *texts)).collect();
            let roles: Vec<Role> = recognise(&table).into_iter().map(|found| found.role).collect();
            assert_eq!(roles, expected, "{columns:?}");
        };
        let (given, family, whole) =
            (["anna", "otto", "anna"], ["weber", "kurz", "lang"], ["anna weber", "otto kurz", "anna lang"]);
        check(&[("nome", whole)], &[Role::FullName]);
        check(&[("nom", whole)], &[Role::FullName]);
        check(&[("nome", given)], &[Role::GivenName]);
        check(&[("nome", whole), ("cognome", family)], &[Role::GivenName, Role::FamilyName]);
        check(&[("NAME1", family), ("NAME2", given)], &[Role::FamilyName, Role::GivenName]);
        check(&[("NAME1", whole), ("NAME2", given)], &[Role::FullName, Role::FullName]);
        check(&[("name", given), ("member name", family)], &[Role::FullName, Role::FullName]);
    }

    #[test]
    fn a_single_name_beside_given_names_is_the_family_name() {
        let columns = [Column::from_texts("vorname", ["anna", "otto"]), Column::from_texts("name", ["weber", "kurz"])];
        let roles: Vec<Role> = recognise(&columns).into_iter().map(|found| found.role).collect();
        assert_eq!(roles, [Role::GivenName, Role::FamilyName]);
    }

    #[test]
    fn a_name_that_lies_is_not_believed() {
        check("email", &["yes", "no", "yes"], Role::Text);
        check("phone", &["red", "blue", "red"], Role::Text);
        check("user_id", &["u1", "u2"], Role::Ignored(Ignored::NamesTheRow));
        check("first_name", &["ann", "ann"], Role::Ignored(Ignored::Constant));
    }

    #[test]
    fn a_named_birth_date_wins_over_a_guessed_one() {
        let dates = ["1931-05-06", "1999-01-02", "1960-01-02"];
        let columns = [Column::from_texts("dob", dates), Column::from_texts("x", dates)];
        let roles: Vec<Role> = recognise(&columns).into_iter().map(|found| found.role).collect();
        assert_eq!(roles, [Role::BirthDate, Role::Ignored(Ignored::AboutTheRecord)]);
    }
}
