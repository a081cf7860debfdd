//! Items: what is matched. An item is the present content of one (source,
//! key), or of one set of identifiers that was observed without a key.
//!
//! Like contributions it is a semilattice: of each attribute the greatest
//! value by (event time, record hash) is kept, of identifiers the set, so that
//! no order, batch or repeat of records changes it.

mod form;

use crate::fold::fold_trait_name;
use crate::traits::Traits;
use std::collections::BTreeMap;
use tributary_protocol::{
    Identifier, KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_EMAIL, KIND_PHONE, Record, RecordKind, hash128, is_exclusive,
};
use tributary_resolve::matching::Role;

/// Most values of one kind that an item is matched by: those of the least hashes.
const VALUES_MAX: usize = 16;
/// What parts the values of a cell that holds several.
const VALUE_SEPARATOR: &str = "\u{1f}";

/// Attributes, what they are to a model, and the traits they are read from:
/// the reserved traits of the Segment specification and their usual spellings.
/// Stored items name an attribute by its place: a new one comes last.
const ATTRIBUTES: [(&str, Role, &[&str]); 15] = [
    ("given_name", Role::GivenName, &["first_name", "given_name", "firstname", "forename"]),
    ("family_name", Role::FamilyName, &["last_name", "family_name", "lastname", "surname"]),
    ("full_name", Role::FullName, &["name", "full_name", "fullname"]),
    ("birth_date", Role::BirthDate, &["birthday", "birth_date", "birthdate", "date_of_birth", "dob"]),
    ("street", Role::Street, &["street", "address", "street_address", "address1", "address_line1"]),
    ("house_number", Role::HouseNumber, &["house_number", "street_number"]),
    ("second_line", Role::SecondLine, &["address2", "address_line2"]),
    ("city", Role::City, &["city", "town"]),
    ("postcode", Role::Postcode, &["postal_code", "postcode", "zip", "zip_code", "zipcode"]),
    ("region", Role::Region, &["state", "region", "province"]),
    ("national_id", Role::NationalId, &["national_id", "ssn", "social_security_number"]),
    ("company", Role::Text, &["company", "company_name", "organization", "organisation", "employer"]),
    ("country", Role::Text, &["country", "country_code"]),
    ("title", Role::Text, &["title", "job_title"]),
    ("gender", Role::Text, &["gender", "sex"]),
];

/// What an address has parts of.
const OF_ADDRESS: [&str; 7] = ["street", "house_number", "second_line", "city", "postcode", "region", "country"];

/// Cells that identifiers stand in. Stored items name a cell by its place.
const CELLS: [&str; 3] = [KIND_EMAIL, KIND_PHONE, KIND_DEVICE];

/// The unit that a record belongs to.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    /// Hash of the exclusive identifier, or of the set that was observed.
    unit: u128,
    /// The node of pass 1 that stands for it.
    pub(crate) node: u128,
    /// The identifier the unit is known by.
    pub(crate) identifier: Identifier,
    /// Whether it is a set of identifiers, none of which is exclusive.
    pub(crate) is_set: bool,
}

impl Home {
    /// The source's own key, else the strongest exclusive identifier, else the
    /// set of all identifiers; `None` if the record belongs to nobody.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let owner = record.node.as_ref()?;
        let exclusive = record.identifiers.iter().filter(|identifier| is_exclusive(&identifier.kind));
        let strongest = if is_exclusive(&owner.kind) {
            Some(owner)
        } else {
            exclusive.min_by_key(|identifier| (tributary_protocol::kind_rank(&identifier.kind), *identifier))
        };
        if let Some(identifier) = strongest {
            let unit = identifier.hash();
            return Some(Self { unit, node: unit, identifier: identifier.clone(), is_set: false });
        }
        let of_person = record.identifiers.iter().filter(|identifier| is_of_person(identifier));
        let mut parts: Vec<&[u8]> = vec![b"observation"];
        parts.extend(of_person.flat_map(|identifier| [identifier.kind.as_bytes(), identifier.value.as_bytes()]));
        let unit = hash128(&parts);
        Some(Self { unit, node: unit, identifier: owner.clone(), is_set: true })
    }

    /// The same unit where every kind of identifier joins by itself: the
    /// owner's node stands for a set.
    pub(crate) fn within_owner(self) -> Self {
        let node = if self.is_set { self.identifier.hash() } else { self.node };
        Self { node, ..self }
    }

    /// The id of its item in a source. The items of a set are of no source:
    /// equal sets are one item.
    pub(crate) fn item_id(&self, source: &str) -> u64 {
        let source = if self.is_set { "" } else { source };
        (hash128(&[b"item", &self.unit.to_be_bytes(), source.as_bytes()]) >> 64) as u64
    }
}

/// Whether an identifier is one of a person, not of a group of people.
pub(crate) fn is_of_person(identifier: &Identifier) -> bool {
    identifier.kind != "group_id"
}

/// A value of an attribute, in the order of the fold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kept {
    event_time: i64,
    record: u128,
    /// `None` if the record says that there is none.
    value: Option<String>,
}

/// When an identifier was seen with an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sighting {
    /// Least event time of any record.
    first: i64,
    /// Greatest event time of a record that tells traits.
    told: Option<i64>,
}

impl Sighting {
    fn merge(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), told: self.told.max(other.told) }
    }

    fn is_later_than(self, deletion: i64) -> bool {
        self.told.unwrap_or(self.first) > deletion
    }
}

/// The content of an item, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) home: u128,
    /// Its source; empty for a set of identifiers.
    pub(crate) source: String,
    attributes: BTreeMap<&'static str, Kept>,
    /// Emails, phones and devices.
    identifiers: BTreeMap<&'static str, BTreeMap<String, Sighting>>,
    /// Event time up to which its source deleted it.
    deleted_up_to: Option<i64>,
    /// Least node of its component in pass 1.
    pub(crate) component: u128,
    /// The user id of its component; 0 without one.
    pub(crate) user: u128,
}

impl Item {
    /// An item of which nothing is known.
    pub(crate) fn new(home: &Home, source: &str) -> Self {
        Self::empty(home.node, if home.is_set { "" } else { source })
    }

    fn empty(home: u128, source: &str) -> Self {
        Self {
            home,
            source: source.to_owned(),
            attributes: BTreeMap::new(),
            identifiers: BTreeMap::new(),
            deleted_up_to: None,
            component: 0,
            user: 0,
        }
    }

    /// Whether a record tells anything that an item keeps.
    pub(crate) fn is_told_by(record: &Record, traits: &Traits<'_>) -> bool {
        record.kind == RecordKind::Delete
            || record.identifiers.iter().any(|identifier| cell_of(&identifier.kind).is_some())
            || !traits.is_empty()
    }

    /// Takes in what a record tells.
    pub(crate) fn take(&mut self, record: &Record, traits: &Traits<'_>, hash: &mut impl FnMut() -> u128) {
        let event_time = record.event_time().0;
        if record.kind == RecordKind::Delete {
            self.deleted_up_to = self.deleted_up_to.max(Some(event_time));
            return;
        }
        let sighting = Sighting { first: event_time, told: (!traits.is_empty()).then_some(event_time) };
        for identifier in &record.identifiers {
            self.see(&identifier.kind, &identifier.value, sighting);
        }
        for (name, value) in traits.of_context().chain(traits.top_level()) {
            self.tell(name, value, sighting, event_time, hash);
        }
    }

    /// Takes in what a trait tells.
    fn tell(
        &mut self,
        name: &str,
        value: &serde_json::Value,
        sighting: Sighting,
        event_time: i64,
        hash: &mut impl FnMut() -> u128,
    ) {
        for (attribute, text) in values_of(&fold_trait_name(name), value) {
            if let Some((kind, text)) = contact(attribute).zip(text.as_deref()) {
                if let Some(found) = Identifier::new(kind, text) {
                    self.see(&found.kind, &found.value, sighting);
                }
            } else if contact(attribute).is_none() {
                self.keep(attribute, Kept { event_time, record: hash(), value: text });
            }
        }
    }

    fn see(&mut self, kind: &str, value: &str, sighting: Sighting) {
        let Some(cell) = cell_of(kind) else { return };
        let values = self.identifiers.entry(cell).or_default();
        if let Some(known) = values.get_mut(value) {
            *known = known.merge(sighting);
            return;
        }
        values.insert(value.to_owned(), sighting);
        let hash = |value: &&String| hash128(&[value.as_bytes()]);
        if values.len() > VALUES_MAX
            && let Some(last) = values.keys().max_by_key(hash).cloned()
        {
            values.remove(&last);
        }
    }

    fn keep(&mut self, attribute: &'static str, new: Kept) {
        if self.attributes.get(attribute).is_none_or(|known| *known < new) {
            self.attributes.insert(attribute, new);
        }
    }

    /// Whether its source still holds it.
    pub(crate) fn is_live(&self) -> bool {
        let Some(deletion) = self.deleted_up_to else { return true };
        self.attributes.values().any(|kept| kept.event_time > deletion)
            || self.identifiers.values().flat_map(BTreeMap::values).any(|seen| seen.is_later_than(deletion))
    }

    /// The value of a model's field, as it was received; several identifiers in one cell.
    pub(crate) fn value(&self, role: Role, name: &str) -> Option<String> {
        let cell = match role {
            Role::Email => KIND_EMAIL,
            Role::Phone => KIND_PHONE,
            Role::Device => KIND_DEVICE,
            Role::Text => return self.attribute(attribute_named(&fold_trait_name(name))?).map(str::to_owned),
            _ => return self.attribute_of(role).map(str::to_owned),
        };
        let values = self.identifiers.get(cell)?.iter();
        let live = values.filter(|(_, seen)| self.deleted_up_to.is_none_or(|deletion| seen.is_later_than(deletion)));
        let live: Vec<&str> = live.map(|(value, _)| value.as_str()).collect();
        (!live.is_empty()).then(|| live.join(VALUE_SEPARATOR))
    }

    /// The values of a model's field, each by itself.
    pub(crate) fn values(&self, role: Role, name: &str) -> Vec<String> {
        let cell = self.value(role, name).unwrap_or_default();
        cell.split(VALUE_SEPARATOR).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    /// Every value in force, by attribute or kind of identifier.
    pub(crate) fn shown(&self) -> BTreeMap<String, Vec<String>> {
        let cells = self.identifiers.keys().filter_map(|cell| {
            let values = self.values(role_of(cell)?, cell);
            (!values.is_empty()).then(|| ((*cell).to_owned(), values))
        });
        let attributes = self.attributes.keys().filter_map(|name| {
            let value = self.attribute(name)?;
            Some(((*name).to_owned(), vec![value.to_owned()]))
        });
        cells.chain(attributes).collect()
    }

    fn attribute_of(&self, role: Role) -> Option<&str> {
        let (name, ..) = ATTRIBUTES.iter().find(|(_, of, _)| *of == role)?;
        self.attribute(name)
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let kept = self.attributes.get(name)?;
        if self.deleted_up_to.is_some_and(|deletion| kept.event_time <= deletion) {
            return None;
        }
        kept.value.as_deref()
    }
}

/// What traits tell, as an item of no record.
pub(crate) fn item_of(traits: &BTreeMap<String, serde_json::Value>) -> Item {
    let mut item = Item::empty(0, "");
    let sighting = Sighting { first: 0, told: Some(0) };
    for (name, value) in traits {
        item.tell(name, value, sighting, 0, &mut || 0);
        let identifier = value.as_str().and_then(|text| Identifier::new(name, text));
        if let Some(found) = identifier {
            item.see(&found.kind, &found.value, sighting);
        }
    }
    item
}

/// What an attribute or a kind of identifier is to a model.
pub(crate) fn role_of(name: &str) -> Option<Role> {
    match cell_of(name) {
        Some(KIND_EMAIL) => Some(Role::Email),
        Some(KIND_PHONE) => Some(Role::Phone),
        Some(_) => Some(Role::Device),
        None => ATTRIBUTES.iter().find(|(attribute, ..)| *attribute == name).map(|(_, role, _)| *role),
    }
}

/// The cell that identifiers of a kind stand in.
fn cell_of(kind: &str) -> Option<&'static str> {
    match kind {
        KIND_EMAIL => Some(KIND_EMAIL),
        KIND_PHONE => Some(KIND_PHONE),
        KIND_DEVICE | KIND_ANONYMOUS_ID => Some(KIND_DEVICE),
        _ => None,
    }
}

/// The kind of identifier that a trait holds.
fn contact(attribute: &str) -> Option<&'static str> {
    match attribute {
        "email" => Some(KIND_EMAIL),
        "phone" => Some(KIND_PHONE),
        _ => None,
    }
}

/// The attributes that a trait tells; an address tells several.
pub(crate) fn values_of(name: &str, value: &serde_json::Value) -> Vec<(&'static str, Option<String>)> {
    match (name, value) {
        ("address", serde_json::Value::Object(parts)) => {
            let of_part = |(name, value): (&String, &serde_json::Value)| {
                let name = fold_trait_name(name);
                if value.is_object() { Vec::new() } else { values_of(&name, value) }
            };
            parts.iter().flat_map(of_part).collect()
        }
        ("company", serde_json::Value::Object(parts)) => {
            parts.get("name").map(|name| ("company", text(name))).into_iter().collect()
        }
        ("email" | "email_address", _) => vec![("email", text(value))],
        ("phone" | "mobile" | "mobile_phone" | "phone_number" | "home_phone" | "work_phone", _) => {
            vec![("phone", text(value))]
        }
        _ => attribute_named(name).map(|attribute| (attribute, text(value))).into_iter().collect(),
    }
}

/// The attribute of a trait, by its folded name. `address.street` tells what `street` does: clients and exports
/// make one level of two.
fn attribute_named(name: &str) -> Option<&'static str> {
    let named = |name: &str| ATTRIBUTES.iter().find(|(.., traits)| traits.contains(&name)).map(|(known, ..)| *known);
    let of_address =
        || name.strip_prefix("address_").and_then(named).filter(|attribute| OF_ADDRESS.contains(attribute));
    named(name).or_else(of_address)
}

/// The text of a text or number.
fn text(value: &serde_json::Value) -> Option<String> {
    let text = match value {
        serde_json::Value::String(text) => text.trim().replace(VALUE_SEPARATOR, " "),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(name: &str, value: &serde_json::Value, expected: &[(&str, Option<&str>)]) {
        let found = values_of(&fold_trait_name(name), value);
        let found: Vec<(&str, Option<&str>)> = found.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn reserved_traits_are_attributes() {
        check("firstName", &json!("Ada"), &[("given_name", Some("Ada"))]);
        check("lastName", &json!(" Lovelace "), &[("family_name", Some("Lovelace"))]);
        check("birthday", &json!(null), &[("birth_date", None)]);
        check("plan", &json!("pro"), &[]);
        check("mobile", &json!(15112), &[("phone", Some("15112"))]);
        check("company", &json!({ "name": "Acme", "id": 1 }), &[("company", Some("Acme"))]);
        let address = json!({ "street": "Main 1", "city": "Ulm", "postalCode": "89073", "country": "DE" });
        let parts =
            [("city", Some("Ulm")), ("country", Some("DE")), ("postcode", Some("89073")), ("street", Some("Main 1"))];
        check("address", &address, &parts);
        check("address", &json!("Main 1, Ulm"), &[("street", Some("Main 1, Ulm"))]);
    }

    /// What Segment's specification reserves, as clients, exports and warehouses spell it.
    #[test]
    fn one_level_of_two_tells_the_same() {
        for (name, attribute) in [
            ("address.street", "street"),
            ("address_street", "street"),
            ("addressStreet", "street"),
            ("Address Street", "street"),
            ("address.city", "city"),
            ("address.postalCode", "postcode"),
            ("address_postal_code", "postcode"),
            ("address.state", "region"),
            ("address.country", "country"),
            ("address_line1", "street"),
            ("company.name", "company"),
            ("title", "title"),
            ("gender", "gender"),
            ("email", "email"),
            ("phone", "phone"),
        ] {
            check(name, &json!("x"), &[(attribute, Some("x"))]);
        }
        for name in ["address_name", "address_title", "address_email", "address_id", "street_address_city"] {
            check(name, &json!("x"), &[]);
        }
    }

    #[test]
    fn a_field_of_words_is_found_by_any_of_its_names() {
        let item = item_of(&BTreeMap::from([("job_title".to_owned(), json!("Nurse"))]));
        for name in ["title", "Job Title", "jobTitle"] {
            assert_eq!(item.value(Role::Text, name).as_deref(), Some("Nurse"), "{name}");
        }
        assert_eq!(item.value(Role::Text, "plan"), None);
    }

    #[test]
    fn many_values_of_one_kind_are_cut_whatever_their_order() {
        let home = Home { unit: 1, node: 1, identifier: Identifier::new("user_id", "u").unwrap(), is_set: false };
        let taken = |order: &mut dyn Iterator<Item = i64>| {
            let mut item = Item::new(&home, "web");
            for n in order {
                item.see("anonymous_id", &format!("a{n}"), Sighting { first: n, told: None });
            }
            item.value(Role::Device, "device").unwrap()
        };
        let forwards = taken(&mut (0..50));
        assert_eq!(forwards.split(VALUE_SEPARATOR).count(), VALUES_MAX);
        assert_eq!(forwards, taken(&mut (0..50).rev()));
    }
}
