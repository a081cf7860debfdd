//! Web and app events: anonymous sessions, sign-ups, logins, use, and the
//! mistakes that clients make.

use super::{Records, WEB};
use crate::demo::people::{DAY, Device, Person, STORY_END, iso, pick, rng};
use crate::demo::told::{Says, Told};
use rand::Rng as _;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

/// What clients send in place of an id they do not know.
const MEANINGLESS: [&str; 6] = ["", "anonymous", "undefined", "null", "-1", "[object Object]"];
/// Pages of the site.
const PAGES: [(&str, &str); 5] =
    [("/", "Home"), ("/pricing", "Pricing"), ("/docs/start", "Docs"), ("/blog/planning", "Blog"), ("/app", "App")];
/// What people do before and after they signed up.
const ANONYMOUS_EVENTS: [&str; 3] = ["Pricing Viewed", "Video Played", "Signup Started"];
const KNOWN_EVENTS: [&str; 4] = ["Project Created", "Report Exported", "Colleague Invited", "Pricing Viewed"];

/// How often those who sign up, or leave an address for news, say what.
const ACCOUNT: Says = Says { birth: 0.8, phone: 0.5, address: 0.5 };
const VISITOR: Says = Says { birth: 0.5, phone: 0.3, address: 0.0 };

/// Adds all visits of a person.
pub fn visits(seed: u64, person: &Person, records: &mut Records) {
    let mut rng = rng(seed, person.number, "web");
    let signed_up_at = person.user_id.as_ref().map(|_| person.since + rng.random_range(0..12) * DAY);
    let mut visitor = Visitor { person, rng, records, signed_up_at, sent: 0 };
    for index in 0..person.devices.len() {
        let device = &person.devices[index];
        visitor.device(device, index == 0);
    }
}

/// A person on the web; every event goes through [`Visitor::send`].
struct Visitor<'a> {
    person: &'a Person,
    rng: SmallRng,
    records: &'a mut Records,
    signed_up_at: Option<i64>,
    sent: u32,
}

/// Who an event says it is of.
#[derive(Clone, Copy)]
struct Caller<'a> {
    device: &'a Device,
    anonymous_id: &'a str,
    /// Whether the person is logged in.
    known: bool,
    at: i64,
}

impl Visitor<'_> {
    fn device(&mut self, device: &Device, first: bool) {
        let begin = if first { self.person.since } else { self.person.since + self.rng.random_range(1..15) * DAY };
        let installations = device.anonymous_ids.len();
        for (index, anonymous_id) in device.anonymous_ids.iter().enumerate() {
            let span = (STORY_END - begin).max(DAY) / i64::try_from(installations).unwrap_or(1);
            let from = begin + span * i64::try_from(index).unwrap_or(0);
            let caller = |at| Caller { device, anonymous_id, known: self.is_known(device, at), at };
            let first_visit = caller(from);
            let signup = self.signed_up_at.filter(|_| first && index == 0).map(caller);
            self.session(first_visit);
            if let Some(signup) = signup {
                self.sign_up(Caller { known: true, ..signup });
            } else if first && self.signed_up_at.is_none() && self.rng.random_bool(0.35) {
                self.subscribe(first_visit);
            }
            for _ in 0..self.rng.random_range(0..5) {
                let at = from + self.rng.random_range(0..span);
                self.session(Caller { known: self.is_known(device, at), at, ..first_visit });
            }
        }
    }

    fn is_known(&self, device: &Device, at: i64) -> bool {
        device.logs_in && self.signed_up_at.is_some_and(|signed_up_at| at >= signed_up_at)
    }

    fn session(&mut self, caller: Caller<'_>) {
        let mut at = caller.at;
        for _ in 0..self.rng.random_range(1..4) {
            at += self.rng.random_range(5..300);
            self.view(Caller { at, ..caller });
        }
        if caller.known && self.rng.random_bool(0.3) {
            self.log_in(caller);
        }
        let names: &[&str] = if caller.known { &KNOWN_EVENTS } else { &ANONYMOUS_EVENTS };
        for _ in 0..self.rng.random_range(0..4) {
            at += self.rng.random_range(5..600);
            let event = pick(names, &mut self.rng);
            self.send(Caller { at, ..caller }, json!({"type": "track", "event": event, "properties": {"step": 1}}));
        }
        if caller.known && self.rng.random_bool(self.person.satisfaction * 0.5) {
            self.order(Caller { at: at + 60, ..caller });
        }
        if self.rng.random_bool(0.01) {
            self.send_broken(Caller { at: at + 90, ..caller });
        }
    }

    fn view(&mut self, caller: Caller<'_>) {
        let (path, title) = pick(&PAGES, &mut self.rng);
        if caller.device.own_id.is_some() {
            return self.send(caller, json!({"type": "screen", "name": title, "properties": {"path": path}}));
        }
        let page = json!({"path": path, "title": title, "url": format!("https://planner.example{path}")});
        let message = json!({"type": "page", "name": title, "properties": page.clone(), "context": {"page": page}});
        self.send(caller, message);
    }

    fn order(&mut self, caller: Caller<'_>) {
        let (sku, cents) = pick(&[("pro-month", 1900), ("pro-year", 19_000), ("business-year", 89_000)], &mut self.rng);
        let order_id = format!("o-{}-{}", self.person.number, self.sent);
        let revenue = f64::from(cents) / 100.0;
        let product = json!({"product_id": sku, "price": revenue, "quantity": 1});
        let properties = json!({"order_id": order_id, "revenue": revenue, "currency": "EUR", "products": [product]});
        self.send(caller, json!({"type": "track", "event": "Order Completed", "properties": properties}));
    }

    fn sign_up(&mut self, caller: Caller<'_>) {
        let person = self.person;
        let mut traits = json!({
            "firstName": person.given.written,
            "lastName": person.family.written,
            "email": person.email_as_typed(&mut self.rng),
            "city": person.city,
            "country": person.country,
            "age": person.age(),
            "plan": pick(&["free", "free", "pro", "business"], &mut self.rng),
            "title": pick(&["engineer", "manager", "owner"], &mut self.rng),
            "newsletter": person.gets_mail,
            "createdAt": iso(caller.at),
        });
        self.say(ACCOUNT, &mut traits);
        self.send(caller, json!({"type": "identify", "traits": traits}));
        self.send(caller, json!({"type": "track", "event": "Signed Up", "properties": {"plan": traits["plan"]}}));
        let company = json!({"type": "group", "groupId": person.company.to_string(), "traits": {"plan": "team"}});
        self.send(caller, company);
        if self.rng.random_bool(0.05) {
            self.send(caller, json!({"type": "alias", "previousId": caller.anonymous_id}));
        }
    }

    /// A later `identify`: partial, with nulls, types that changed, and emails that mean nothing.
    fn log_in(&mut self, caller: Caller<'_>) {
        let traits = match self.rng.random_range(0..6) {
            0 => json!({"title": null}),
            1 => json!({"age": self.person.age().to_string(), "newsletter": "yes"}),
            2 => json!({"plan": "pro", "Lead Status": "new"}),
            3 => json!({"email": pick(&["unknown", "null", "n/a"], &mut self.rng), "last_seen": iso(caller.at)}),
            4 => json!({"email": self.person.email_as_typed(&mut self.rng)}),
            _ => json!({"preferences": {"theme": "dark", "week": [1, 2, 3]}}),
        };
        self.send(caller, json!({"type": "identify", "traits": traits}));
    }

    /// An anonymous visitor leaves an email address.
    fn subscribe(&mut self, caller: Caller<'_>) {
        let is_other = self.rng.random_bool(0.3);
        let email = if is_other { self.person.other_email.clone() } else { self.person.email_as_typed(&mut self.rng) };
        let mut traits = json!({"email": email, "newsletter": true});
        if is_other || self.rng.random_bool(0.4) {
            traits["firstName"] = self.person.given.written.as_str().into();
            traits["lastName"] = self.person.family.written.as_str().into();
            traits["city"] = self.person.city.as_str().into();
            self.say(VISITOR, &mut traits);
        }
        self.send(caller, json!({"type": "identify", "traits": traits}));
    }

    /// Adds what else the person says of itself.
    fn say(&mut self, says: Says, traits: &mut Value) {
        let told = Told::exactly(self.person, says, &mut self.rng);
        if !told.birth.is_empty() {
            traits["birthday"] = told.birth.into();
        }
        if !told.phone.is_empty() {
            traits["phone"] = told.phone.into();
        }
        if !told.street.is_empty() {
            let city = &self.person.city;
            traits["address"] = json!({"street": told.street, "postalCode": told.postcode, "city": city});
        }
    }

    /// Adds the ids, the context and the time, and notes whose record it is.
    fn send(&mut self, caller: Caller<'_>, mut message: Value) {
        let mut identifiers = Vec::new();
        match (&self.person.user_id, caller.known) {
            (Some(user_id), true) => {
                message["userId"] = user_id.as_str().into();
                identifiers.push(format!("user_id:{user_id}"));
            }
            _ if self.rng.random_bool(0.03) => {
                let nothing = pick(&MEANINGLESS, &mut self.rng);
                message["userId"] = if nothing == "null" { Value::Null } else { nothing.into() };
            }
            _ => {}
        }
        let email = message["traits"]["email"].as_str().unwrap_or_default().trim().to_lowercase();
        if email == self.person.email || email == self.person.other_email {
            identifiers.push(format!("email:{email}"));
        }
        if caller.known && message["type"] != "alias" && self.rng.random_bool(0.02) {
            message["anonymousId"] = "00000000-0000-0000-0000-000000000000".into();
        } else {
            message["anonymousId"] = caller.anonymous_id.into();
            identifiers.push(format!("anonymous_id:{}", caller.anonymous_id));
        }
        message["context"]["locale"] = self.person.locale.into();
        message["context"]["library"] = json!({"name": "tributary-demo", "version": "1"});
        if let Some(device_id) = &caller.device.own_id {
            message["context"]["device"] = json!({"id": device_id, "type": "ios"});
            identifiers.push(format!("device:{device_id}"));
        }
        self.finish(caller, message, &identifiers);
        if self.rng.random_bool(0.002) {
            let message = json!({"type": "track", "event": "Signup Started", "userId": "null", "anonymousId": "0"});
            self.finish(caller, message, &[]);
        }
    }

    fn finish(&mut self, caller: Caller<'_>, mut message: Value, identifiers: &[String]) {
        self.sent += 1;
        message["messageId"] = format!("web-{}-{}", self.person.number, self.sent).into();
        message["timestamp"] = iso(caller.at).into();
        if let Some(owner) = identifiers.first().filter(|_| message["traits"]["lastName"].is_string()) {
            self.records.truth.saw_name(self.person.number, owner);
        }
        self.records.web.push(message);
        self.records.truth.saw(self.person.number, identifiers);
    }

    /// An event that no rule of the specification allows.
    fn send_broken(&mut self, caller: Caller<'_>) {
        self.sent += 1;
        let id = format!("broken-{}-{}", self.person.number, self.sent);
        let whole = json!({"type": "track", "event": "Lost", "messageId": id, "anonymousId": caller.anonymous_id});
        let mut message = whole.clone();
        match self.rng.random_range(0..5) {
            0 => message["type"] = "trakc".into(),
            1 => message["anonymousId"] = Value::Null,
            2 => message["event"] = Value::Null,
            3 => message["properties"] = json!(["a", "list"]),
            _ => message = whole.to_string().into(),
        }
        self.records.web.push(message);
        self.records.broke(WEB);
    }
}
