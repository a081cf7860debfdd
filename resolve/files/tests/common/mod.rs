//! A folder of files, invented people, and commands on them.

#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part, and fails by panicking")]

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::SliceRandom as _};
use std::path::PathBuf;
use tempfile::TempDir;
use tributary_identity_files::{Error, InputArgs, RunArgs, Summary, run};

pub const GIVEN: [&str; 24] = [
    "james",
    "mary",
    "robert",
    "patricia",
    "john",
    "jennifer",
    "michael",
    "linda",
    "david",
    "elizabeth",
    "william",
    "barbara",
    "richard",
    "susan",
    "joseph",
    "jessica",
    "thomas",
    "sarah",
    "charles",
    "karen",
    "daniel",
    "nancy",
    "matthew",
    "lisa",
];
pub const FAMILY: [&str; 24] = [
    "smith",
    "johnson",
    "williams",
    "brown",
    "jones",
    "garcia",
    "miller",
    "davis",
    "rodriguez",
    "martinez",
    "hernandez",
    "lopez",
    "gonzalez",
    "wilson",
    "anderson",
    "taylor",
    "moore",
    "jackson",
    "martin",
    "lee",
    "perez",
    "thompson",
    "white",
    "harris",
];

/// One record: key, truth, and what is known.
#[derive(Clone, Debug, Default)]
pub struct Person {
    pub id: usize,
    pub truth: usize,
    pub given: String,
    pub family: String,
    pub birth: String,
    pub email: String,
    pub phone: String,
    pub street: String,
    pub city: String,
}

/// Invents `people`, each with one record and, with probability `repeats`, a
/// second that lacks some and misspells some; in random order.
pub fn people(people: usize, repeats: f64, seed: u64) -> Vec<Person> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut records = Vec::new();
    for truth in 0..people {
        let (given, family) = (GIVEN[random.random_range(0..24)], FAMILY[random.random_range(0..24)]);
        // Family names of a long tail, as real ones are.
        let family =
            format!("{family}{}", ["", "", "son", "man", "ley", "ton", "field", "worth"][random.random_range(0..8)]);
        let person = Person {
            id: 0,
            truth,
            given: given.to_owned(),
            birth: format!(
                "{}-{:02}-{:02}",
                random.random_range(1940..2005),
                random.random_range(1..13),
                random.random_range(1..29)
            ),
            email: format!("{given}.{family}{}@example.com", random.random_range(1..9999)),
            phone: format!("555{:07}", random.random_range(0..10_000_000)),
            street: format!("{} {} street", random.random_range(1..900), FAMILY[random.random_range(0..24)]),
            city: format!("{}ville", FAMILY[random.random_range(0..24)]),
            family,
        };
        if random.random_bool(repeats) {
            let mut again = person.clone();
            if random.random_bool(0.3) {
                again.given.pop();
            }
            if random.random_bool(0.3) {
                again.email.clear();
            }
            if random.random_bool(0.3) {
                again.phone.clear();
            }
            if random.random_bool(0.2) {
                again.birth.clear();
            }
            records.push(again);
        }
        records.push(person);
    }
    records.shuffle(&mut random);
    records.iter_mut().enumerate().for_each(|(id, record)| record.id = id);
    records
}

/// A column: its name, and its text of a record.
pub type Texts = (&'static str, fn(&Person) -> String);

/// The columns of a usual file of customers.
pub const USUAL: [Texts; 9] = [
    ("id", |person| person.id.to_string()),
    ("first_name", |person| person.given.clone()),
    ("last_name", |person| person.family.clone()),
    ("dob", |person| person.birth.clone()),
    ("email", |person| person.email.clone()),
    ("phone", |person| person.phone.clone()),
    ("street", |person| person.street.clone()),
    ("city", |person| person.city.clone()),
    ("truth", |person| person.truth.to_string()),
];

/// CSV text of records.
pub fn csv(records: &[Person], columns: &[Texts]) -> String {
    let mut text = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",") + "\n";
    for record in records {
        let cells: Vec<String> = columns.iter().map(|(_, cell)| cell(record)).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

/// A folder of its own.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Files of this folder with their key.
    pub fn input(&self, files: &[&str]) -> InputArgs {
        InputArgs {
            files: files.iter().map(|name| self.path(name)).collect(),
            key: "id".into(),
            config: None,
            ignore: Vec::new(),
        }
    }

    /// Flags of a run over files of this folder, output as CSV.
    pub fn args(&self, files: &[&str]) -> RunArgs {
        RunArgs {
            input: self.input(files),
            out: self.path("clusters.csv"),
            pairs: Some(self.path("pairs.csv")),
            model: None,
            labels: None,
            link_only: false,
            one_to_one: false,
            evaluate_against: None,
            dry_run: false,
        }
    }

    /// Runs over one CSV text; what is compared with is column `truth`, if there is one.
    pub fn run(&self, text: &str) -> (Summary, String) {
        self.write("people.csv", text);
        let mut args = self.args(&["people.csv"]);
        let has_truth = text.lines().next().is_some_and(|header| header.split(',').any(|name| name == "truth"));
        args.evaluate_against = has_truth.then(|| "truth".to_owned());
        ran(&args)
    }

    /// Runs over one CSV text that is refused.
    pub fn refused(&self, text: impl AsRef<[u8]>) -> String {
        self.write("people.csv", text);
        refused(&self.args(&["people.csv"])).to_string()
    }
}

/// Runs and returns what came out and what was printed.
pub fn ran(args: &RunArgs) -> (Summary, String) {
    let mut out = Vec::new();
    let summary = run(args, 2, &mut out).unwrap_or_else(|error| panic!("{error}"));
    (summary, String::from_utf8(out).unwrap())
}

/// Runs what is refused, and checks that nothing was written.
pub fn refused(args: &RunArgs) -> Error {
    let error = run(args, 2, &mut Vec::new()).expect_err("is refused");
    assert!(!args.out.exists() || args.input.files.contains(&args.out), "output of a refused run");
    error
}
