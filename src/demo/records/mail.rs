//! Email engagement, as SendGrid's event webhook tells it.

use super::{MAIL, Records};
use crate::demo::people::{DAY, Person, STORY_END, pick, rng};
use rand::Rng as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

/// How many newsletters went out, one every four weeks.
const CAMPAIGNS: i64 = 8;
/// Subjects of the newsletters.
const SUBJECTS: [&str; 4] = ["What is new in June", "Planen ohne Chaos", "Your week in numbers", "50 % off — today"];

/// Adds what a person did with the newsletters.
pub fn campaigns(seed: u64, person: &Person, records: &mut Records) {
    if !person.gets_mail {
        return;
    }
    let mut rng = rng(seed, person.number, "mail");
    for campaign in 0..CAMPAIGNS {
        let mut at = STORY_END - (CAMPAIGNS - campaign) * 28 * DAY + rng.random_range(0..600);
        if at < person.since {
            continue;
        }
        let steps = steps(person, &mut rng);
        for step in &steps {
            let event = event(person, campaign, step, at, &mut rng);
            let mut identifiers = vec![format!("email:{}", person.email)];
            if let Some(user_id) = event["user_id"].as_str() {
                identifiers.insert(0, format!("user_id:{user_id}"));
            }
            records.mail.push(event);
            records.truth.saw(person.number, &identifiers);
            at += rng.random_range(60..40_000);
        }
        if rng.random_bool(0.002) {
            records.mail.push(json!({"timestamp": at, "sg_event_id": format!("broken-{}", person.number)}));
            records.broke(MAIL);
        }
        if steps.contains(&"unsubscribe") {
            return;
        }
    }
}

/// What became of one newsletter.
fn steps(person: &Person, rng: &mut SmallRng) -> Vec<&'static str> {
    if rng.random_bool(0.02) {
        return vec!["bounce"];
    }
    let mut steps = vec!["delivered"];
    if rng.random_bool(0.2 + person.satisfaction * 0.4) {
        steps.push("open");
        if rng.random_bool(0.3) {
            steps.push("click");
        } else if rng.random_bool(0.02) {
            steps.push("unsubscribe");
        }
    }
    steps
}

fn event(person: &Person, campaign: i64, step: &str, at: i64, rng: &mut SmallRng) -> Value {
    let mut event = json!({
        "email": person.email_as_typed(rng).trim(),
        "event": step,
        "timestamp": at,
        "sg_event_id": format!("sg-{}-{campaign}-{step}", person.number),
        "sg_message_id": format!("m-{}-{campaign}", person.number),
        "marketing_campaign_id": campaign,
        "marketing_campaign_name": SUBJECTS[usize::try_from(campaign).unwrap_or(0) % SUBJECTS.len()],
    });
    match step {
        "click" => event["url"] = pick(&["https://planner.example/pricing", "https://planner.example/"], rng).into(),
        "bounce" => event["reason"] = "550 no such mailbox".into(),
        _ => {}
    }
    if let Some(user_id) = &person.user_id
        && rng.random_bool(0.3)
    {
        event["user_id"] = user_id.as_str().into();
    }
    event
}
