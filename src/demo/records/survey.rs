//! Survey answers: "how likely are you to recommend us" twice a year, and how
//! content people were with a ticket.

use super::{Records, SURVEY};
use crate::demo::names::{COMPLAINTS, PRAISE, SHRUGS};
use crate::demo::people::{DAY, Person, STORY_END, iso, pick, rng};
use crate::demo::told::{Says, Told};
use rand::Rng as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

/// A survey: its id, what it measures, and its scale.
struct Survey {
    id: &'static str,
    metric: &'static str,
    scale: (i64, i64),
    /// Days before the story's end that it goes out.
    days_before: i64,
    /// How many of those who answer at all answer this one.
    rate: f64,
}

const SURVEYS: [Survey; 3] = [
    Survey { id: "nps-2025-h2", metric: "nps", scale: (0, 10), days_before: 200, rate: 0.6 },
    Survey { id: "nps-2026-h1", metric: "nps", scale: (0, 10), days_before: 25, rate: 0.9 },
    Survey { id: "ticket-csat", metric: "csat", scale: (1, 5), days_before: 60, rate: 0.2 },
];

/// How often those who answer say what.
const SAYS: Says = Says { birth: 0.75, phone: 0.5, address: 0.4 };

/// Adds the answers of a person; some people have another address for such things.
pub fn answers(seed: u64, person: &Person, records: &mut Records) {
    if !person.answers {
        return;
    }
    let mut rng = rng(seed, person.number, "survey");
    let other_email = rng.random_bool(0.25).then_some(&person.other_email);
    for survey in &SURVEYS {
        let sent_at = STORY_END - survey.days_before * DAY;
        if sent_at < person.since || !rng.random_bool(survey.rate) {
            continue;
        }
        let mut answer = answer(person, survey, sent_at, &mut rng);
        if let Some(other_email) = other_email {
            let told = Told::hastily(person, SAYS, &mut rng);
            answer["contact"] = contact(other_email, &person.city, told);
        } else if rng.random_bool(0.5) {
            let (told, email) = (Told::exactly(person, SAYS, &mut rng), person.email_as_typed(&mut rng));
            answer["contact"] = contact(&email, &person.city, told);
        }
        let owner = format!("email:{}", other_email.unwrap_or(&person.email));
        if answer["contact"]["last_name"].is_string() {
            records.truth.saw_name(person.number, &owner);
        }
        records.surveys.push(answer);
        records.truth.saw(person.number, &[owner]);
    }
    if rng.random_bool(0.01) {
        records.surveys.push(json!({"survey": "nps-2026-h1", "note": format!("no id {}", person.number)}));
        records.broke(SURVEY);
    }
}

/// Who answers, as they say themselves; what is not said is left out.
fn contact(email: &str, city: &str, told: Told) -> Value {
    let Told { given, family, birth, phone, street, postcode } = told;
    let said = [
        ("email", email.to_owned()),
        ("first_name", given),
        ("last_name", family),
        ("birth_date", birth),
        ("phone", phone),
        ("street", street),
        ("postcode", postcode),
        ("city", city.to_owned()),
    ];
    let said = said.into_iter().filter(|(_, text)| !text.is_empty());
    Value::Object(said.map(|(name, text)| (name.to_owned(), text.into())).collect())
}

fn answer(person: &Person, survey: &Survey, sent_at: i64, rng: &mut SmallRng) -> Value {
    let (low, high) = survey.scale;
    #[allow(clippy::cast_possible_truncation, reason = "the share lies between 0 and 1, the scale between 0 and 10")]
    #[allow(clippy::cast_precision_loss, reason = "the scale lies between 0 and 10")]
    let score = low
        + ((high - low) as f64 * (person.satisfaction + rng.random_range(-0.1..0.1)).clamp(0.0, 1.0)).round() as i64;
    let comment = match (score - low) * 10 / (high - low) {
        9.. => pick(&PRAISE, rng),
        7..9 => pick(&SHRUGS, rng),
        _ => pick(&COMPLAINTS, rng),
    };
    json!({
        "id": format!("r-{}-{}", survey.id, person.number),
        "survey": survey.id,
        "metric": survey.metric,
        "scale": {"min": low, "max": high},
        "contact": {"email": person.email_as_typed(rng)},
        "score": score,
        "comment": if rng.random_bool(0.4) { Value::from(comment) } else { Value::Null },
        "channel": pick(&["email", "in-app"], rng),
        "sent_at": iso(sent_at),
        "answered_at": iso(sent_at + rng.random_range(600..5 * DAY)),
    })
}
