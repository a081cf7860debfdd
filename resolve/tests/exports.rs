//! What the exports of well-known programs and the files of other countries call their
//! columns, and how they write what is in them.

use tributary_resolve::matching::{Column, Ignored, Role, recognise};

const ABOUT: Role = Role::Ignored(Ignored::AboutTheRecord);

/// Some texts a column of a role holds.
fn texts(role: Role) -> &'static [&'static str] {
    match role {
        Role::GivenName => &["Ulrike", "Jens", "Annegret", "Jens", "Wolf-Dieter"],
        Role::FamilyName => &["Brandt", "Yilmaz", "O'Hara", "Brandt", "von Thun"],
        Role::FullName => &["Ulrike Brandt", "Jens Yilmaz", "Annegret O'Hara", "Jens Brandt", "Wolf von Thun"],
        Role::BirthDate => &["1980-02-13", "1944-11-30", "2001-07-04", "1980-02-13", "1967-01-01"],
        Role::Email => &["u.b@example.org", "jens@example.net", "ann@example.com", "jens@example.net", "w@example.de"],
        Role::Phone => &["0171 2345678", "+49 30 123456", "030/998877", "0171 2345678", "0221 445566"],
        Role::HouseNumber => &["7", "11a", "203", "7", "4"],
        Role::Street => &["Hauptstr. 7", "Am See 11a", "Elm Road 203", "Hauptstr. 7", "Lindenweg 4"],
        Role::City => &["Ulm", "Bad Homburg", "Kiel", "Ulm", "Köln"],
        Role::Postcode => &["89073", "61348", "24103", "89073", "50667"],
        Role::Region => &["BW", "HE", "SH", "BW", "NW"],
        Role::NationalId => &["12345678901", "98765432109", "11223344556", "12345678901", "55667788990"],
        Role::SourceId => &["100017", "100018", "100019", "100017", "100020"],
        Role::Ignored(Ignored::AboutTheRecord) => {
            &["2024-05-06", "2024-01-02", "2023-12-24", "2024-05-06", "2022-03-03"]
        }
        _ => &["red", "blue", "green", "red", "teal"],
    }
}

fn check(columns: &[(&str, Role)]) {
    let table: Vec<Column> =
        columns.iter().map(|(name, role)| Column::from_texts(name, texts(*role).iter().copied())).collect();
    let found: Vec<(String, Role)> = recognise(&table).into_iter().map(|found| (found.column, found.role)).collect();
    let expected: Vec<(String, Role)> = columns.iter().map(|(name, role)| ((*name).to_owned(), *role)).collect();
    assert_eq!(found, expected);
}

#[test]
fn customer_systems() {
    use Role::{BirthDate, City, Email, FamilyName, FullName, GivenName, Phone, Postcode, Region, Street};
    check(&[
        ("Salutation", Role::Text),
        ("First Name", GivenName),
        ("Last Name", FamilyName),
        ("Mailing Street", Street),
        ("Mailing City", City),
        ("Mailing State/Province", Region),
        ("Mailing Zip/Postal Code", Postcode),
        ("Phone", Phone),
        ("Email", Email),
        ("Account Owner", ABOUT),
        ("Last Activity", ABOUT),
    ]);
    check(&[
        ("(Do Not Modify) Modified On", ABOUT),
        ("Full Name", FullName),
        ("Business Phone", Phone),
        ("Address 1: Street 1", Street),
        ("Address 1: City", City),
        ("Address 1: ZIP/Postal Code", Postcode),
        ("Birthday", BirthDate),
    ]);
    check(&[
        ("firstname", GivenName),
        ("lastname", FamilyName),
        ("emailaddress1", Email),
        ("telephone1", Phone),
        ("address1_line1", Street),
        ("address1_stateorprovince", Region),
        ("address1_postalcode", Postcode),
        ("gendercode", Role::Text),
    ]);
}

#[test]
fn shops_ledgers_address_books_and_warehouses() {
    use Role::{BirthDate, City, Email, FamilyName, GivenName, HouseNumber, Phone, Postcode, Region, Street};
    check(&[
        ("user_email", Email),
        ("billing_first_name", GivenName),
        ("billing_last_name", FamilyName),
        ("billing_address_1", Street),
        ("billing_postcode", Postcode),
        ("billing_phone", Phone),
        ("last_update", ABOUT),
    ]);
    check(&[
        ("KUNNR", Role::SourceId),
        ("NAME_LAST", FamilyName),
        ("NAME_FIRST", GivenName),
        ("BIRTHDT", BirthDate),
        ("HOUSE_NUM1", HouseNumber),
        ("POST_CODE1", Postcode),
        ("CITY1", City),
        ("TEL_NUMBER", Phone),
        ("SMTP_ADDR", Email),
        ("ERDAT", ABOUT),
    ]);
    check(&[
        ("Given Name", GivenName),
        ("Family Name", FamilyName),
        ("E-mail 1 - Type", ABOUT),
        ("E-mail 1 - Value", Email),
        ("Phone 1 - Value", Phone),
        ("Address 1 - Postal Code", Postcode),
    ]);
    check(&[
        ("CUST_FRST_NM", GivenName),
        ("CUST_LST_NM", FamilyName),
        ("CUST_BRTH_DT", BirthDate),
        ("CUST_EML_ADDR_TXT", Email),
        ("CUST_ADDR_LN_1_TXT", Street),
        ("CUST_CITY_NM", City),
        ("CUST_ST_CD", Region),
        ("CUST_ZIP_CD", Postcode),
        ("LOAD_TS", ABOUT),
    ]);
}

#[test]
fn files_of_other_countries() {
    use Role::{BirthDate, City, Email, FamilyName, FullName, GivenName, NationalId, Phone, Postcode, Street};
    for [given, family, birth, street, postcode, city, phone, email] in [
        ["Vorname", "Name", "Geb.-Dat.", "Str. / Nr.", "PLZ", "Ort", "Tel. privat", "E-Mail privat"],
        ["Prénom usuel", "NOM", "Né(e) le", "Adresse 1", "CP", "Ville", "Tél. portable", "Mél"],
        ["Nome", "Cognome", "Data di nascita", "Indirizzo", "CAP", "Città", "Cellulare", "Indirizzo e-mail"],
        [
            "Nombre(s)",
            "Apellido Paterno",
            "Fecha Nac.",
            "Calle y Número",
            "C.P.",
            "Municipio",
            "Tel. Celular",
            "Correo",
        ],
        ["Roepnaam", "Achternaam", "Geb.datum", "Straatnaam", "Postcode", "Plaats", "Telefoonnr.", "E-mailadres"],
        ["Förnamn", "Efternamn", "Födelsedatum", "Adress", "Postnr", "Postort", "Mobil", "E-post"],
        ["Fornavn", "Etternavn", "Fødselsdato", "Adresse", "Postnr.", "By", "Tlf.", "E-post"],
        [
            "Etunimi",
            "Sukunimi",
            "Syntymäaika",
            "Katuosoite",
            "Postinumero",
            "Postitoimipaikka",
            "Puhelin",
            "Sähköposti",
        ],
        ["Imię", "Nazwisko", "Data urodzenia", "Ulica", "Kod pocztowy", "Miejscowość", "Telefon", "Adres e-mail"],
        ["Jméno", "Příjmení", "Datum narození", "Ulice", "PSČ", "Město", "Telefon", "E-mail"],
        ["Keresztnév", "Vezetéknév", "Születési dátum", "Cím", "Irányítószám", "Város", "Telefonszám", "E-mail cím"],
        ["Prenume", "Nume", "Data nașterii", "Adresa", "Cod poștal", "Oraș", "Telefon", "E-mail"],
        ["Ad", "Soyad", "Doğum Tarihi", "Adres", "Posta Kodu", "Şehir", "Cep Telefonu", "E-posta"],
        ["Имя", "Фамилия", "Дата рождения", "Адрес", "Индекс", "Город", "Телефон", "Эл. почта"],
        ["Ім'я", "Прізвище", "Дата народження", "Вулиця", "Поштовий індекс", "Місто", "Телефон", "Електронна пошта"],
        ["Όνομα", "Επώνυμο", "Ημερομηνία γέννησης", "Διεύθυνση", "ΤΚ", "Πόλη", "Τηλέφωνο", "Email"],
        ["名", "姓", "出生日期", "地址", "邮编", "城市", "手机", "邮箱"],
        ["名", "姓", "生年月日", "住所", "郵便番号", "市区町村", "電話番号", "メールアドレス"],
        [
            "الاسم الأول",
            "اسم العائلة",
            "تاريخ الميلاد",
            "العنوان",
            "الرمز البريدي",
            "المدينة",
            "الجوال",
            "البريد الإلكتروني",
        ],
    ] {
        check(&[
            (given, GivenName),
            (family, FamilyName),
            (birth, BirthDate),
            (street, Street),
            (postcode, Postcode),
            (city, City),
            (phone, Phone),
            (email, Email),
        ]);
    }
    for name in
        ["Vor- und Zuname", "Nom et prénom", "Cognome e nome", "ФИО", "姓名", "氏名", "이름", "Ad Soyad", "Nome", "Nom"]
    {
        check(&[(name, FullName)]);
    }
    for name in ["CPF", "Personnummer", "Codice Fiscale", "SSN Last 4", "USt-IdNr.", "СНИЛС", "身份证号"] {
        check(&[(name, NationalId)]);
    }
}

/// Columns by what is in them where the name says little or the wrong thing.
#[test]
fn contents_decide_where_names_do_not() {
    let check = |name: &str, texts: &[&str], expected: Role| {
        let column = Column::from_texts(name, texts.iter().copied());
        assert_eq!(recognise(&[column])[0].role, expected, "{name} {texts:?}");
    };
    let code = Role::Ignored(Ignored::UnknownCode);
    check("c9", &["-73.985130", "-0.127600", "13.404954"], code);
    check("registr_dt", &["1980-05-06", "2019-01-02", "1960-01-02"], ABOUT);
    check("HireDate", &["1980-05-06", "2019-01-02", "1960-01-02"], ABOUT);
    check("c3", &["13.02.1980", "30.11.1944", "04.07.2001"], Role::BirthDate);
    check("c3", &["19222", "19223", "90210"], code);
    check("dob", &["29264", "16406", "37076"], Role::BirthDate);
    check("dob", &["02131980", "11301944", "7042001"], Role::BirthDate);
    check("geboren am", &["13. Februar 1980", "30. November 1944", "4. Juli 2001"], Role::BirthDate);
    check("fecha de nacimiento", &["13 de febrero de 1980", "30 de noviembre de 1944"], Role::BirthDate);
    check("Birthday", &["02/13", "11/30", "02/13"], Role::Text);
    check("st", &["NY", "CA", "TX"], Role::Region);
    check("st", &["12 oak street", "4 elm road", "77 high street"], Role::Street);
    check("verified_email", &["a@b.com", "c@d.com", "e@f.com"], Role::Email);
    check("email_verified", &["yes", "no", "yes"], ABOUT);
    check("id text", &["k1", "k2", "k3"], Role::Ignored(Ignored::UnknownCode));
    check("remark 2", &["ok", "called", "later"], Role::Ignored(Ignored::AboutTheRecord));
    check("title", &["red desk lamp", "desk lamp, blue", "office chair"], Role::Text);
    check("vendor", &["Smith Foods Inc", "John Dairy Ltd", "James Roofing LLC"], Role::Text);
    check("login", &["a@b.com", "c@d.com", "a@b.com"], Role::Email);
    check("Author", &["Smith, J.", "Wu, L.", "O'Neill, P. R."], Role::FullName);
}
