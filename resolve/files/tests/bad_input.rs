//! Files nobody would want to be given: a clear message or a stated default,
//! never a giant cluster, never a panic.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Folder, Person, Texts, USUAL, csv, people};

/// Columns of [`USUAL`] with another text in one of them.
fn but(name: &'static str, cell: fn(&Person) -> String) -> Vec<Texts> {
    let mut columns = USUAL.to_vec();
    columns.iter_mut().filter(|column| column.0 == name).for_each(|column| column.1 = cell);
    columns
}

/// Runs, and checks that what is found is good and no profile is giant.
#[track_caller]
fn check(records: &[Person], columns: &[Texts], precision: f64, recall: f64) -> String {
    let (summary, printed) = Folder::new().run(&csv(records, columns));
    let quality = summary.quality.unwrap();
    assert!(summary.largest <= 6, "largest {}\n{printed}", summary.largest);
    assert!(quality.pairs.precision >= precision, "{printed}");
    assert!(quality.pairs.recall >= recall, "{printed}");
    printed
}

#[test]
fn no_usable_column() {
    let message = Folder::new().refused("id,x,y\n1,17,a9\n2,18,a8\n3,17,a9\n");
    assert!(message.contains("of 2 columns none was recognised"), "{message}");
    assert!(message.contains("--config"), "{message}");
}

#[test]
fn a_key_that_repeats() {
    let message = Folder::new().refused("id,email\n1,a@b.com\n2,c@d.com\n2,e@f.com\n");
    assert!(message.contains("people.csv: key \"2\" of column \"id\" comes twice, in rows 2 and 3"), "{message}");
}

#[test]
fn a_record_without_a_key() {
    let message = Folder::new().refused("id,email\n1,a@b.com\n,c@d.com\n");
    assert!(message.contains("people.csv, row 2: no key in column \"id\""), "{message}");
}

#[test]
fn no_such_key_column() {
    let message = Folder::new().refused("record,email\n1,a@b.com\n");
    assert!(message.contains("no column \"id\": its columns are record, email"), "{message}");
}

#[test]
fn a_placeholder_birth_date_on_many_rows() {
    let cell =
        |person: &Person| if person.id.is_multiple_of(20) { "1900-01-01".to_owned() } else { person.birth.clone() };
    let printed = check(&people(3000, 0.3, 1), &but("dob", cell), 0.97, 0.9);
    assert!(printed.contains("dob: 1 values of many people"), "{printed}");
}

#[test]
fn one_phone_on_ten_thousand_rows() {
    let cell =
        |person: &Person| if person.id.is_multiple_of(3) { person.phone.clone() } else { "5550000000".to_owned() };
    let printed = check(&people(12_000, 0.25, 2), &but("phone", cell), 0.95, 0.8);
    assert!(printed.contains("phone: 1 values of many people"), "{printed}");
}

#[test]
fn names_in_one_column() {
    let whole: Texts = ("name", |person| format!("{} {}", person.given, person.family));
    let columns = [USUAL[0], whole, USUAL[3], USUAL[4], USUAL[5], USUAL[8]];
    let printed = check(&people(2000, 0.3, 3), &columns, 0.97, 0.9);
    assert!(printed.contains("whole name"), "{printed}");
}

#[test]
fn other_scripts() {
    fn script(text: &str) -> String {
        text.chars().map(|letter| char::from_u32(u32::from(letter) + 0x430 - u32::from('a')).unwrap()).collect()
    }
    let given = |person: &Person| script(&person.given);
    let mut columns = but("first_name", given);
    columns[2].1 = |person| script(&person.family);
    columns[7].1 = |person| script(&person.city);
    check(&people(2000, 0.3, 4), &columns, 0.97, 0.9);
}

#[test]
fn nine_of_ten_values_missing() {
    fn rare(person: &Person, column: usize, text: &str) -> String {
        let mixed = ((person.id * 16 + column) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let kept = mixed.is_multiple_of(10);
        if kept { text.to_owned() } else { String::new() }
    }
    let mut columns = USUAL.to_vec();
    columns[1].1 = |person| rare(person, 1, &person.given);
    columns[2].1 = |person| rare(person, 2, &person.family);
    columns[3].1 = |person| rare(person, 3, &person.birth);
    columns[4].1 = |person| rare(person, 4, &person.email);
    columns[5].1 = |person| rare(person, 5, &person.phone);
    columns[6].1 = |person| rare(person, 6, &person.street);
    columns[7].1 = |person| rare(person, 7, &person.city);
    for seed in [5, 15, 25] {
        let (summary, printed) = Folder::new().run(&csv(&people(3000, 0.3, seed), &columns));
        // Most records carry one value or none: there is little to find, and no harm may be done.
        assert!(summary.largest <= 4, "{printed}");
        assert!(summary.quality.unwrap().false_pairs <= 10, "{printed}");
    }
}

#[test]
fn no_duplicate_at_all() {
    let (summary, printed) = Folder::new().run(&csv(&people(3000, 0.0, 6), &USUAL));
    assert!(summary.profiles >= 2997, "{printed}");
}

#[test]
fn two_hundred_rows() {
    check(&people(160, 0.25, 7), &USUAL, 0.97, 0.9);
}

#[test]
fn one_row_and_no_row() {
    let folder = Folder::new();
    let (summary, _) = folder.run("id,email\n1,a@b.com\n");
    assert_eq!((summary.records, summary.profiles, summary.largest), (1, 1, 1));
    let (summary, printed) = folder.run("id,email\n");
    assert_eq!((summary.records, summary.profiles), (0, 0));
    assert!(printed.contains("no records: nothing to match"), "{printed}");
    assert_eq!(folder.read("clusters.csv"), "record_key,profile_id,probability\n");
    assert_eq!(folder.read("pairs.csv"), "record_key_l,record_key_r,match_weight,match_probability\n");
}

#[test]
fn an_empty_file() {
    let message = Folder::new().refused("");
    assert!(message.contains("people.csv: the file is empty"), "{message}");
}

#[test]
fn a_column_of_constant_values() {
    let cell = |_: &Person| "springfield".to_owned();
    let printed = check(&people(1000, 0.3, 8), &but("city", cell), 0.97, 0.9);
    assert!(printed.contains("one value or none"), "{printed}");
}

#[test]
fn only_constant_values() {
    let message = Folder::new().refused("id,first_name\n1,ann\n2,ann\n3,ann\n");
    assert!(message.contains("none was recognised"), "{message}");
}

/// Named or not, the right answer left in the file is not compared.
#[test]
fn a_truth_column_left_in() {
    for name in ["cluster", "entity_id", "x7"] {
        let mut columns = USUAL.to_vec();
        columns.push((name, |person| person.truth.to_string()));
        let printed = check(&people(1500, 0.4, 9), &columns, 0.97, 0.9);
        let line = printed.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains("not compared"), "{name}: {printed}");
    }
}

#[test]
fn a_file_sorted_by_truth() {
    let mut records = people(1500, 0.4, 10);
    records.sort_by_key(|person| person.truth);
    let sorted = check(&records, &USUAL, 0.97, 0.9);
    records.reverse();
    let reversed = check(&records, &USUAL, 0.97, 0.9);
    let figures = |text: &str| text.lines().filter(|line| line.contains("F1")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(figures(&sorted), figures(&reversed));
}

#[test]
fn a_model_of_another_version() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(50, 0.4, 11), &USUAL));
    folder.write("model.json", "{\"version\":99}");
    let mut args = folder.args(&["people.csv"]);
    args.model = Some(folder.path("model.json"));
    let message = common::refused(&args).to_string();
    assert!(message.contains("model.json: model version 99, this program reads"), "{message}");
    assert!(message.contains("tributary identity train"), "{message}");
}

#[test]
fn rows_of_uneven_length_and_repeated_columns() {
    let folder = Folder::new();
    let message = folder.refused("id,street\n1,high street\n2,1, low street\n");
    assert!(message.contains("people.csv, row 2: 3 fields, the header has 2"), "{message}");
    let message = folder.refused("id,email,email\n1,a@b.com,c@d.com\n");
    assert!(message.contains("two columns are called \"email\""), "{message}");
}

#[test]
fn other_encodings() {
    let folder = Folder::new();
    let message = folder.refused(b"id\0,name\n");
    assert!(message.contains("neither text nor Parquet"), "{message}");
    let text = "sep=;\r\nid;name\r\n1;J\u{fc}rgen Meier\r\n2;Hans Schmidt\r\n3;J\u{fc}rgen Meier\r\n";
    let bytes: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    folder.write("people.csv", &bytes);
    assert_eq!(common::ran(&folder.args(&["people.csv"])).0.records, 3);
    let message = Folder::new().refused(b"id,name\n1,M\xc3\xbcller\n2,M\xfcller\n");
    assert!(message.contains("row 2: column \"name\" is not UTF-8 but rows above are"), "{message}");
    folder.write("people.csv", b"\xef\xbb\xbfid;name\n1;J\xc3\xbcrgen Meier\n2;Hans Schmidt\n3;J\xc3\xbcrgen Meier\n");
    let (summary, _) = common::ran(&folder.args(&["people.csv"]));
    assert_eq!(summary.records, 3);
    folder.write("people.csv", b"id\tname\n1\tJ\xfcrgen Meier\n2\tHans Schmidt\n3\tJ\xfcrgen Meier\n");
    let (_, printed) = common::ran(&folder.args(&["people.csv"]));
    assert!(printed.contains("not UTF-8 from row 1 on, read as windows-1252"), "{printed}");
}

#[test]
fn long_cells() {
    let cell = |person: &Person| {
        if person.id.is_multiple_of(3) {
            format!("{} ", person.street).repeat(5000 / person.street.len())
        } else {
            person.street.clone()
        }
    };
    let begun = std::time::Instant::now();
    check(&people(1000, 0.3, 12), &but("street", cell), 0.97, 0.9);
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
}

#[test]
fn dates_in_many_forms() {
    fn written(person: &Person) -> String {
        let parts: Vec<&str> = person.birth.split('-').collect();
        let &[year, month, day] = parts.as_slice() else { return String::new() };
        match person.id % 5 {
            0 => format!("{day}.{month}.{year}"),
            1 => format!("{day}/{month}/{}", &year[2..]),
            2 => format!("{year}{month}{day}"),
            3 => format!("{year}-{month}-{day} 00:00:00"),
            _ => person.birth.clone(),
        }
    }
    let records = people(1500, 0.3, 13);
    let printed = check(&records, &but("dob", written), 0.97, 0.9);
    assert!(printed.contains("birth date"), "{printed}");
    let short = |person: &Person| {
        person.birth.split('-').rev().collect::<Vec<_>>().join("/").replace("/19", "/").replace("/20", "/")
    };
    let printed = check(&records, &but("dob", short), 0.97, 0.9);
    assert!(printed.contains("birth date"), "{printed}");
}

#[test]
fn whole_numbers_written_with_a_fraction() {
    let cell = |person: &Person| {
        let fraction = if person.id.is_multiple_of(2) || person.phone.is_empty() { "" } else { ".0" };
        format!("{}{fraction}", person.phone)
    };
    let records = people(1000, 0.3, 14);
    let figures = |text: &str| text.lines().filter(|line| line.contains("F1")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(figures(&check(&records, &but("phone", cell), 0.97, 0.9)), figures(&check(&records, &USUAL, 0.97, 0.9)));
}

#[test]
fn what_spreadsheets_add() {
    let folder = Folder::new();
    let text = csv(&people(160, 0.3, 15), &USUAL[..8]);
    let (plain, _) = folder.run(&text);
    let text = format!("sep=;\r\n{}{}", text.replace(',', ";"), ";;;;;;;\n".repeat(3));
    let (summary, printed) = folder.run(&text);
    assert_eq!(summary, plain);
    assert!(printed.contains("people.csv: 3 rows without any value are left out"), "{printed}");
    let message = Folder::new().refused("{\"id\": 1}\n{\"id\": 2}\n");
    assert!(message.contains("people.csv: the file is JSON: give CSV or Parquet"), "{message}");
}

#[test]
fn a_column_to_ignore_that_is_not_there() {
    let folder = Folder::new();
    folder.write("people.csv", "id,email,truth\n1,a@b.com,7\n2,c@d.com,8\n");
    let mut args = folder.args(&["people.csv"]);
    args.input.ignore = vec!["Truth".into()];
    let message = common::refused(&args).to_string();
    assert!(
        message.contains("\"Truth\" is to be ignored, but no file has it: the columns are email, id, truth"),
        "{message}"
    );
}

#[test]
fn every_record_a_hundred_times() {
    let fifty = people(50, 0.0, 16);
    let mut records: Vec<Person> = (0..5000).map(|id| Person { id, ..fifty[id % 50].clone() }).collect();
    let (summary, _) = Folder::new().run(&csv(&records, &USUAL));
    assert_eq!((summary.profiles, summary.largest), (50, 100));
    // Where each says something of its own, too many carry each key to look at any
    // pair: that is said, and no profile is giant.
    for record in &mut records {
        record.phone = format!("5550{:06}", 7 * record.id);
    }
    let (summary, printed) = Folder::new().run(&csv(&records, &USUAL));
    assert_eq!(summary.largest, 1);
    assert!(printed.contains("no pair was looked at"), "{printed}");
}

#[test]
fn binary_and_damaged_files() {
    let folder = Folder::new();
    let message = folder.refused([1, 0, 2, 0]);
    assert!(message.contains("neither text nor Parquet"), "{message}");
    let message = folder.refused(b"PAR1 and nothing more");
    assert!(message.contains("not readable as Parquet"), "{message}");
}

/// What is known too late costs the whole run.
#[test]
fn outputs_without_a_folder_are_refused_before_anything_is_read() {
    let folder = Folder::new();
    let mut args = folder.args(&["missing.csv"]);
    args.out = folder.path("none/out.csv");
    let error = common::refused(&args).to_string();
    assert!(error.contains("there is no folder") && error.contains("none"), "{error}");
}

#[test]
fn the_key_is_no_right_answer() {
    let folder = Folder::new();
    folder.write("people.csv", csv(&people(50, 0.5, 1), &USUAL));
    let mut args = folder.args(&["people.csv"]);
    args.evaluate_against = Some("id".into());
    let error = common::refused(&args).to_string();
    assert!(error.contains("\"id\" is the column of --key"), "{error}");
}
