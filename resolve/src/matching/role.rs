//! What each column is taken for, by its name and by what is in it.

use super::table::{Column, MISSING};
use super::{nickname, normalise};
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

/// Names of columns, letters and digits only; the first list that holds one decides.
const NAMES: &[(Role, &[&str])] = &[
    (
        Role::Ignored(Ignored::Answer),
        &[
            "cluster",
            "clusterid",
            "truecluster",
            "entity",
            "entityid",
            "trueid",
            "truth",
            "groundtruth",
            "goldenid",
            "label",
            "match",
            "matchid",
            "ismatch",
            "household",
            "householdid",
            "personid",
            "simulantid",
            "group",
            "groupid",
            "duplicateof",
            "dupof",
            "duplicategroup",
        ],
    ),
    (
        Role::Ignored(Ignored::AboutTheRecord),
        &[
            "source",
            "sourcesystem",
            "system",
            "ts",
            "timestamp",
            "time",
            "created",
            "createdat",
            "createddate",
            "updated",
            "updatedat",
            "updateddate",
            "modified",
            "modifiedat",
            "lastseen",
            "firstseen",
            "lastlogin",
            "eventtime",
            "receivedat",
            "index",
            "rownumber",
            "row",
            "version",
            "importedat",
            "loadedat",
            "country",
            "countrycode",
            "language",
            "locale",
        ],
    ),
    (
        Role::GivenName,
        &[
            "givenname",
            "givennames",
            "firstname",
            "forename",
            "forenames",
            "fname",
            "first",
            "given",
            "vorname",
            "prenom",
            "nombre",
            "nombres",
            "voornaam",
            "nome",
            "christianname",
        ],
    ),
    (
        Role::FamilyName,
        &[
            "familyname",
            "surname",
            "lastname",
            "lname",
            "last",
            "family",
            "nachname",
            "nomdefamille",
            "apellido",
            "apellidos",
            "achternaam",
            "cognome",
            "sname",
            "secondname",
            "familienname",
        ],
    ),
    (
        Role::FullName,
        &[
            "name",
            "fullname",
            "personname",
            "customername",
            "displayname",
            "contactname",
            "firstandsurname",
            "wholename",
        ],
    ),
    (
        Role::BirthDate,
        &[
            "dob",
            "dateofbirth",
            "birthdate",
            "birthday",
            "birthdt",
            "borndate",
            "dateborn",
            "born",
            "geburtsdatum",
            "datenaissance",
            "datedenaissance",
            "fechanacimiento",
            "fechadenacimiento",
            "bday",
        ],
    ),
    (Role::Email, &["email", "mail", "emailaddress", "mailaddress", "emailaddr", "correo", "primaryemail", "emailid"]),
    (
        Role::Phone,
        &[
            "phone",
            "phonenumber",
            "telephone",
            "tel",
            "telephonenumber",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cell",
            "cellphone",
            "homephone",
            "workphone",
            "telefon",
            "telefono",
            "msisdn",
            "phoneno",
            "contactnumber",
            "primaryphone",
        ],
    ),
    (
        Role::HouseNumber,
        &["streetnumber", "housenumber", "houseno", "streetno", "number", "hausnummer", "buildingnumber"],
    ),
    (
        Role::Street,
        &[
            "street",
            "address",
            "address1",
            "addressline1",
            "addr",
            "addr1",
            "streetaddress",
            "streetname",
            "line1",
            "strasse",
            "rue",
            "calle",
            "addressline",
            "postaladdress",
            "homeaddress",
            "mailingaddress",
        ],
    ),
    (Role::SecondLine, &["address2", "addressline2", "addr2", "line2", "streetaddress2", "locality"]),
    (
        Role::City,
        &[
            "city",
            "town",
            "suburb",
            "place",
            "birthplace",
            "placeofbirth",
            "ort",
            "stadt",
            "ville",
            "ciudad",
            "cityname",
            "posttown",
            "municipality",
            "village",
            "hometown",
        ],
    ),
    (
        Role::Postcode,
        &[
            "postcode",
            "postalcode",
            "zip",
            "zipcode",
            "plz",
            "codepostal",
            "postcodefake",
            "postleitzahl",
            "zip5",
            "pincode",
        ],
    ),
    (Role::Region, &["state", "province", "region", "county", "statecode", "bundesland", "stateprovince"]),
    (
        Role::NationalId,
        &[
            "ssn",
            "socsecid",
            "socialsecuritynumber",
            "socialsecurity",
            "nationalid",
            "nino",
            "nhsnumber",
            "taxid",
            "tin",
            "passport",
            "passportnumber",
            "nationalinsurancenumber",
            "driverslicense",
            "idcard",
            "dni",
            "nin",
            "ssnid",
        ],
    ),
    (Role::UserId, &["userid", "uid", "loginid", "username"]),
    (
        Role::Device,
        &["anonymousid", "deviceid", "device", "cookieid", "visitorid", "anonid", "idfa", "gaid", "clientid"],
    ),
    (
        Role::SourceId,
        &[
            "crmid",
            "customerid",
            "customernumber",
            "memberid",
            "loyaltyid",
            "accountid",
            "contactid",
            "patientid",
            "externalid",
        ],
    ),
    (
        Role::Text,
        &[
            "occupation",
            "gender",
            "sex",
            "job",
            "jobtitle",
            "title",
            "company",
            "employer",
            "organisation",
            "organization",
        ],
    ),
];

/// Distinct texts of a column that are looked at.
const SAMPLE: usize = 2000;

/// Finds what each column is; `rows` in the order that does not depend on the file's.
pub(crate) fn recognise(columns: &[Column]) -> Vec<Recognised> {
    let mut found: Vec<Recognised> =
        columns.iter().map(|column| Recognised { column: column.name.clone(), role: role_of(column) }).collect();
    let named_birth = columns
        .iter()
        .zip(&found)
        .any(|(column, found)| found.role == Role::BirthDate && by_name(&column.name) == Some(Role::BirthDate));
    for (column, found) in columns.iter().zip(&mut found) {
        if named_birth && found.role == Role::BirthDate && by_name(&column.name) != Some(Role::BirthDate) {
            found.role = Role::Ignored(Ignored::AboutTheRecord);
        }
    }
    found
}

fn role_of(column: &Column) -> Role {
    if column.values.len() <= 1 {
        return Role::Ignored(Ignored::Constant);
    }
    let role = by_name(&column.name).filter(|&role| agrees(role, column)).unwrap_or_else(|| by_content(column));
    let names_the_row = matches!(role, Role::SourceId | Role::Device | Role::UserId | Role::NationalId | Role::Text);
    if names_the_row && no_value_twice(column) { Role::Ignored(Ignored::NamesTheRow) } else { role }
}

fn no_value_twice(column: &Column) -> bool {
    column.values.len() == column.codes.iter().filter(|&&code| code != MISSING).count()
}

/// The role that a column's name tells.
pub(crate) fn by_name(name: &str) -> Option<Role> {
    let name: String = normalise::plain(name).chars().filter(|character| character.is_alphanumeric()).collect();
    let bare = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let in_list = |wanted: &str| NAMES.iter().find(|(_, names)| names.contains(&wanted)).map(|(role, _)| *role);
    in_list(&name).or_else(|| in_list(bare)).or_else(|| by_ending(bare))
}

/// Prefixed names, such as `customer_first_name`.
fn by_ending(name: &str) -> Option<Role> {
    let telling = |known: &str| known.len() >= 5 && name.ends_with(known);
    NAMES.iter().find(|(_, names)| names.iter().any(|known| telling(known))).map(|(role, _)| *role)
}

/// Share of the first distinct texts that pass a test.
fn share(column: &Column, test: impl Fn(&str) -> bool) -> f64 {
    let seen = column.values.len().min(SAMPLE);
    column.values[..seen].iter().filter(|text| test(text)).count() as f64 / seen.max(1) as f64
}

fn is_date(text: &str) -> bool {
    normalise::date(text, normalise::DayOrder::DayFirst).is_some_and(|date| {
        (1000..=2100).contains(&date[..4].parse().unwrap_or(0)) && date[4..6] <= *"31" && date[6..] <= *"31"
    })
}

fn letters(text: &str) -> bool {
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    letters * 10 >= text.chars().filter(|character| !character.is_whitespace()).count() * 8
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// Whether what is in a column can be what its name says.
fn agrees(role: Role, column: &Column) -> bool {
    match role {
        Role::Email => share(column, |text| text.contains('@')) >= 0.3,
        Role::BirthDate => share(column, |text| normalise::date(text, normalise::DayOrder::DayFirst).is_some()) >= 0.5,
        Role::Phone => share(column, |text| digits(text) >= 6) >= 0.3,
        Role::GivenName | Role::FamilyName | Role::FullName | Role::City => {
            share(column, |text| digits(text) * 2 < text.len()) >= 0.5
        }
        _ => true,
    }
}

fn by_content(column: &Column) -> Role {
    if share(column, |text| text.contains('@') && text.contains('.') && !text.contains(' ')) >= 0.7 {
        return Role::Email;
    }
    if share(column, is_date) >= 0.7 {
        return if spans_generations(column) { Role::BirthDate } else { Role::Ignored(Ignored::AboutTheRecord) };
    }
    let formatted = |text: &str| text.contains(['+', '(', '-']) && text.len() <= 20 && (7..=15).contains(&digits(text));
    let phone_like = |text: &str| (7..=15).contains(&digits(text)) && !text.contains(char::is_alphabetic);
    if share(column, phone_like) >= 0.8 && share(column, formatted) >= 0.2 {
        return Role::Phone;
    }
    if share(column, is_british_postcode) >= 0.6 {
        return Role::Postcode;
    }
    if share(column, is_street) >= 0.6 {
        return Role::Street;
    }
    if share(column, letters) >= 0.7 { words(column) } else { Role::Ignored(Ignored::UnknownCode) }
}

fn is_british_postcode(text: &str) -> bool {
    let Some((outward, inward)) = text.split_once(' ') else { return false };
    let inward = inward.as_bytes();
    (2..=4).contains(&outward.len())
        && outward.starts_with(|first: char| first.is_ascii_alphabetic())
        && matches!(inward, [digit, one, two] if digit.is_ascii_digit() && one.is_ascii_alphabetic() && two.is_ascii_alphabetic())
}

fn spans_generations(column: &Column) -> bool {
    let seen = column.values.len().min(SAMPLE);
    let mut years: Vec<u32> = column.values[..seen]
        .iter()
        .filter_map(|text| normalise::date(text, normalise::DayOrder::DayFirst)?[..4].parse().ok())
        .collect();
    years.sort_unstable();
    let place = |share: usize| years.get(years.len() * share / 20).copied().unwrap_or(0);
    place(19).saturating_sub(place(1)) >= 25
}

/// A column of words: names if many begin with a known given name.
fn words(column: &Column) -> Role {
    let one_word = share(column, |text| !text.trim().contains(' '));
    let starts_given = share(column, |text| normalise::plain(text).split(' ').next().is_some_and(nickname::is_known));
    match (starts_given >= 0.3, one_word >= 0.7) {
        (true, true) => Role::GivenName,
        (true, false) => Role::FullName,
        (false, _) => Role::Text,
    }
}

/// Words and a number.
fn is_street(text: &str) -> bool {
    let letters = text.chars().filter(|character| character.is_alphabetic()).count();
    text.contains(' ') && digits(text) > 0 && letters >= 4
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
