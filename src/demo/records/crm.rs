//! The CRM's export: contacts, companies, deals and tickets, with the repeats,
//! gaps and broken rows that exports have.

use super::{COMPANIES, CRM, DEALS, Records, TICKETS, Table};
use crate::demo::names;
use crate::demo::people::{DAY, Person, STORY_END, iso, pick, rng};
use crate::demo::told::{Says, Told};
use rand::Rng as _;
use rand::rngs::SmallRng;

const CONTACT_COLUMNS: [&str; 13] = [
    "Id",
    "First Name",
    "Last Name",
    "Email",
    "Phone",
    "Birth Date",
    "Street",
    "Postcode",
    "City",
    "Company Id",
    "Lead Status",
    "Website User",
    "Updated At",
];
const COMPANY_COLUMNS: [&str; 6] = ["Company Id", "Name", "Industry", "Employees", "City", "Updated At"];
const DEAL_COLUMNS: [&str; 8] =
    ["Deal Id", "Name", "Stage", "Amount", "Currency", "Contact Id", "Company Id", "Updated At"];
const TICKET_COLUMNS: [&str; 6] = ["Ticket Id", "Subject", "Status", "Priority", "Contact Id", "Updated At"];

/// Columns of a contact that differ from one row to another.
const EMAIL: usize = 3;
const LEAD_STATUS: usize = 10;
const WEBSITE_USER: usize = 11;
const UPDATED_AT: usize = 12;

/// Stages of a deal, in their order; the last two end it.
pub const STAGES: [&str; 6] = ["lead", "qualified", "proposal", "negotiation", "won", "lost"];
/// What sellers write where they know no email address.
const NO_EMAIL: [&str; 4] = ["", "unknown", "n/a", "none"];
/// How often sellers note what; where they have entered somebody already, they know less.
const FIRST_ENTRY: Says = Says { birth: 0.85, phone: 0.7, address: 0.7 };
const SECOND_ENTRY: Says = Says { birth: 0.75, phone: 0.6, address: 0.6 };

/// The tables, with the companies filled in.
pub fn tables(seed: u64, people: u32) -> Vec<Table> {
    let mut companies = table(COMPANIES, "companies.csv", &COMPANY_COLUMNS);
    companies.rows = (0..=people / 8).map(|number| company(seed, number)).collect();
    vec![
        table(CRM, "contacts.csv", &CONTACT_COLUMNS),
        companies,
        table(DEALS, "deals.csv", &DEAL_COLUMNS),
        table(TICKETS, "tickets.csv", &TICKET_COLUMNS),
    ]
}

fn table(source: &'static str, file: &'static str, columns: &'static [&'static str]) -> Table {
    Table { source, file, columns, rows: Vec::new() }
}

fn company(seed: u64, number: u32) -> Vec<String> {
    let mut rng = rng(seed, number, "company");
    let name = format!("{} {}", pick(&names::COMPANY_FIRST, &mut rng), pick(&names::COMPANY_SECOND, &mut rng));
    let culture = names::culture(&mut rng);
    vec![
        number.to_string(),
        name,
        pick(&names::INDUSTRIES, &mut rng).to_owned(),
        rng.random_range(2..5000).to_string(),
        culture.place(&mut rng).name,
        iso(STORY_END - rng.random_range(1..300) * DAY),
    ]
}

/// Adds what the CRM holds of a person.
pub fn entries(seed: u64, person: &Person, records: &mut Records) {
    let Some(contact_id) = person.contact_id else { return };
    let mut rng = rng(seed, person.number, "crm");
    contact(person, contact_id, records, &mut rng);
    if let Some(contact_id) = person.second_contact_id {
        second_contact(person, contact_id, records, &mut rng);
    }
    if rng.random_bool(0.3) {
        deal(person, contact_id, records, &mut rng);
    }
    if rng.random_bool((1.0 - person.satisfaction) * 0.4) {
        ticket(person, contact_id, records, &mut rng);
    }
}

fn contact(person: &Person, contact_id: u32, records: &mut Records, rng: &mut SmallRng) {
    let has_email = rng.random_bool(0.85);
    let user_id = person.user_id.as_ref().filter(|_| rng.random_bool(if has_email { 0.3 } else { 0.6 }));
    let mut row = entry(person, contact_id, Told::exactly(person, FIRST_ENTRY, rng), rng);
    row[EMAIL] = if has_email { person.email_as_typed(rng) } else { pick(&NO_EMAIL, rng).to_owned() };
    row[WEBSITE_USER] = user_id.cloned().unwrap_or_default();
    let email = has_email.then(|| format!("email:{}", person.email));
    let user_id = user_id.map(|user_id| format!("user_id:{user_id}"));
    let own = format!("crm:contacts:{contact_id}");
    let identifiers: Vec<String> = std::iter::once(own).chain(user_id).chain(email).collect();
    records.truth.saw(person.number, &identifiers);
    records.truth.saw_name(person.number, &identifiers[0]);
    let contacts = records.table(CRM);
    if rng.random_bool(0.02) {
        contacts.rows.extend([row.clone(), row.clone()]);
    }
    if rng.random_bool(0.05) {
        // The export holds an older version of the row, too.
        let mut older = row.clone();
        (older[LEAD_STATUS], older[UPDATED_AT]) = ("new".to_owned(), iso(person.since));
        contacts.rows.push(older);
    }
    let broken = vec![format!("{contact_id}x"), "columns".to_owned(), "are missing".to_owned()];
    contacts.rows.push(row);
    if rng.random_bool(0.002) {
        contacts.rows.push(broken);
        records.broke(CRM);
    }
}

/// A row of a contact, without email and user.
fn entry(person: &Person, contact_id: u32, told: Told, rng: &mut SmallRng) -> Vec<String> {
    let Told { given, family, birth, phone, street, postcode } = told;
    let status = pick(&["new", "working", "customer", "customer", "closed"], rng).to_owned();
    let updated_at = iso(person.since + rng.random_range(0..20) * DAY);
    let (company, city) = (person.company.to_string(), person.city.clone());
    let (email, user) = (String::new(), String::new());
    let id = contact_id.to_string();
    vec![id, given, family, email, phone, birth, street, postcode, city, company, status, user, updated_at]
}

/// Somebody who did not look first enters the person again, under another key
/// and without anything that names the person by itself.
fn second_contact(person: &Person, contact_id: u32, records: &mut Records, rng: &mut SmallRng) {
    let mut row = entry(person, contact_id, Told::hastily(person, SECOND_ENTRY, rng), rng);
    let mut identifiers = vec![format!("crm:contacts:{contact_id}")];
    if rng.random_bool(0.4) {
        row[EMAIL].clone_from(&person.other_email);
        identifiers.push(format!("email:{}", person.other_email));
    }
    records.truth.saw(person.number, &identifiers);
    records.truth.saw_name(person.number, &identifiers[0]);
    records.table(CRM).rows.push(row);
}

fn deal(person: &Person, contact_id: u32, records: &mut Records, rng: &mut SmallRng) {
    let reached = rng.random_range(0..STAGES.len());
    let amount = rng.random_range(50_000..5_000_000);
    let name = format!("{} {}", person.family.written, pick(&["renewal", "new business", "upgrade, seats"], rng));
    let begun = person.since + rng.random_range(1..15) * DAY;
    // A deal that ended in one of the last two stages went through the first four.
    let steps = (0..reached.min(4)).chain([reached]);
    let row = |(index, step): (i64, usize)| {
        vec![
            format!("D-{:05}", person.number),
            name.clone(),
            STAGES[step].to_owned(),
            format!("{}.{:02}", amount / 100, amount % 100),
            "EUR".to_owned(),
            contact_id.to_string(),
            person.company.to_string(),
            iso(begun + index * DAY),
        ]
    };
    let rows: Vec<Vec<String>> = (0..).zip(steps).map(row).collect();
    records.table(DEALS).rows.extend(rows);
}

fn ticket(person: &Person, contact_id: u32, records: &mut Records, rng: &mut SmallRng) {
    let opened = person.since + rng.random_range(1..18) * DAY;
    let row = vec![
        format!("T-{:05}", person.number),
        pick(&names::TICKETS, rng).to_owned(),
        pick(&["open", "solved", "solved"], rng).to_owned(),
        pick(&["low", "normal", "high"], rng).to_owned(),
        contact_id.to_string(),
        iso(opened),
    ];
    let tickets = records.table(TICKETS);
    if rng.random_bool(0.02) {
        tickets.rows.push(row.clone());
    }
    tickets.rows.push(row);
}
