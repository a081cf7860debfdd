//! Accounts: profiles that belong to a company, by group calls, by objects of
//! a CRM that name both, or by the domain of their email.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use tributary_protocol::{Identifier, KIND_EMAIL};
use uuid::Uuid;

/// The kind of objects that are companies.
const COMPANIES: &str = "companies";
/// The kind of identifier that a group call tells.
const GROUP: &str = "group_id";
/// Least profiles of a domain that is taken for a company's.
const COLLEAGUES_MIN: usize = 2;
/// Domains where anybody has an address.
const FREE_MAIL: [&str; 32] = [
    "126.com",
    "163.com",
    "aol.com",
    "bol.com.br",
    "duck.com",
    "fastmail.com",
    "free.fr",
    "gmail.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hey.com",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.fr",
    "icloud.com",
    "libero.it",
    "live.com",
    "mac.com",
    "mail.com",
    "mail.ru",
    "me.com",
    "msn.com",
    "naver.com",
    "orange.fr",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "qq.com",
    "t-online.de",
    "web.de",
    "yandex.ru",
];
/// Providers that have a domain in every country.
const FREE_MAIL_EVERYWHERE: [&str; 4] = ["hotmail.", "live.", "outlook.", "yahoo."];

/// How a profile is known to belong to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    Group,
    Object,
    Domain,
}

impl Evidence {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Object => "object",
            Self::Domain => "domain",
        }
    }
}

/// A profile that may belong to accounts.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) profile_id: Uuid,
    pub(super) identifiers: Vec<Identifier>,
}

/// An object that its source did not delete.
#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) source: String,
    pub(super) kind: String,
    pub(super) id: String,
    /// What it is called.
    pub(super) name: Option<String>,
    pub(super) associations: Vec<Identifier>,
}

/// A profile of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// `group_id:ID`, `SOURCE:companies:ID` or `domain:NAME`.
    pub(super) account_id: String,
    pub(super) profile_id: Uuid,
    /// What the company is called, where an object says it.
    pub(super) name: Option<String>,
    pub(super) evidence: BTreeSet<Evidence>,
}

type Memberships = BTreeMap<(String, Uuid), BTreeSet<Evidence>>;

/// The profiles of every account, sorted.
pub(super) fn accounts(people: &[Person], things: &[Thing]) -> Vec<Membership> {
    let mut memberships = Memberships::new();
    let mut add = |account: String, profile: Uuid, evidence: Evidence| {
        memberships.entry((account, profile)).or_default().insert(evidence);
    };
    let groups = groups(people);
    for (profile, group) in &groups {
        add(group_account(group), *profile, Evidence::Group);
    }
    for (domain, profiles) in domains(people).into_iter().filter(|(_, profiles)| profiles.len() >= COLLEAGUES_MIN) {
        for profile in profiles {
            add(format!("domain:{domain}"), profile, Evidence::Domain);
        }
    }
    let owners = owners(people, things);
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    for company in of_companies(things) {
        let profiles: BTreeSet<Uuid> =
            company.members.iter().filter_map(|member| owners.get(member).copied()).collect();
        let is_group = profiles.iter().any(|&profile| groups.contains(&(profile, company.id)));
        let account = if is_group { group_account(company.id) } else { company.account() };
        // The object of a group is its latest call: it tells nothing that the calls do not.
        let told = profiles.into_iter().filter(|&profile| !groups.contains(&(profile, company.id)));
        told.for_each(|profile| add(account.clone(), profile, Evidence::Object));
        if let Some(name) = company.name {
            names.entry(account).or_insert(name);
        }
    }
    let membership = |((account_id, profile_id), evidence): ((String, Uuid), BTreeSet<Evidence>)| {
        let name = names.get(&account_id).map(|&name| name.to_owned());
        Membership { account_id, profile_id, name, evidence }
    };
    memberships.into_iter().map(membership).collect()
}

fn group_account(group: &str) -> String {
    format!("{GROUP}:{group}")
}

/// Which profiles said that they are of which group.
fn groups(people: &[Person]) -> BTreeSet<(Uuid, &str)> {
    let all = people.iter().flat_map(|person| person.identifiers.iter().map(|known| (person.profile_id, known)));
    all.filter(|(_, known)| known.kind == GROUP).map(|(profile, known)| (profile, known.value.as_str())).collect()
}

/// The profiles of each domain that is no provider's.
fn domains(people: &[Person]) -> BTreeMap<&str, BTreeSet<Uuid>> {
    let mut domains: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::new();
    for person in people {
        for email in person.identifiers.iter().filter(|identifier| identifier.kind == KIND_EMAIL) {
            if let Some((_, domain)) = email.value.rsplit_once('@').filter(|(_, domain)| !is_free_mail(domain)) {
                domains.entry(domain).or_default().insert(person.profile_id);
            }
        }
    }
    domains
}

fn is_free_mail(domain: &str) -> bool {
    FREE_MAIL.binary_search(&domain).is_ok() || FREE_MAIL_EVERYWHERE.iter().any(|provider| domain.starts_with(provider))
}

/// A company as an object tells of it.
struct Company<'t> {
    source: &'t str,
    id: &'t str,
    name: Option<&'t str>,
    members: Vec<Identifier>,
}

impl Company<'_> {
    fn account(&self) -> String {
        format!("{}:{COMPANIES}:{}", self.source, self.id)
    }
}

/// The source of the company that an identifier is of.
fn company_source(identifier: &Identifier) -> Option<&str> {
    identifier.kind.strip_suffix(":companies")
}

/// Every company that an object is, or names beside others.
fn of_companies(things: &[Thing]) -> impl Iterator<Item = Company<'_>> {
    things.iter().flat_map(companies_of)
}

fn companies_of(thing: &Thing) -> Vec<Company<'_>> {
    let others = thing.associations.iter().filter(|identifier| company_source(identifier).is_none()).cloned();
    let mut members: Vec<Identifier> = others.collect();
    if thing.kind == COMPANIES {
        return vec![Company { source: &thing.source, id: &thing.id, name: thing.name.as_deref(), members }];
    }
    members.push(Identifier { kind: format!("{}:{}", thing.source, thing.kind), value: thing.id.clone() });
    let named = thing.associations.iter().filter_map(|identifier| Some((company_source(identifier)?, identifier)));
    named
        .map(|(source, identifier)| Company { source, id: &identifier.value, name: None, members: members.clone() })
        .collect()
}

/// The profile of every identifier that an object of a company names.
fn owners(people: &[Person], things: &[Thing]) -> HashMap<Identifier, Uuid> {
    let named: HashSet<Identifier> = of_companies(things).flat_map(|company| company.members).collect();
    let of = |person: &Person| {
        let profile_id = person.profile_id;
        let known = person.identifiers.iter().filter(|identifier| named.contains(identifier));
        known.map(move |identifier| (identifier.clone(), profile_id)).collect::<Vec<_>>()
    };
    people.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identifier(text: &str) -> Identifier {
        let (kind, value) = text.rsplit_once(':').unwrap();
        Identifier { kind: kind.to_owned(), value: value.to_owned() }
    }

    fn person(number: u128, identifiers: &[&str]) -> Person {
        let identifiers = identifiers.iter().map(|text| identifier(text)).collect();
        Person { profile_id: Uuid::from_u128(number), identifiers }
    }

    fn thing(kind: &str, id: &str, name: Option<&str>, associations: &[&str]) -> Thing {
        let (source, name) = ("crm".to_owned(), name.map(str::to_owned));
        let associations = associations.iter().map(|text| identifier(text)).collect();
        Thing { source, kind: kind.to_owned(), id: id.to_owned(), name, associations }
    }

    /// `account profile name evidence`, a line each.
    fn shown(people: &[Person], things: &[Thing]) -> Vec<String> {
        let line = |one: &Membership| {
            let evidence: Vec<&str> = one.evidence.iter().map(|evidence| evidence.as_str()).collect();
            let name = one.name.as_deref().unwrap_or("-");
            format!("{} {} {name} {}", one.account_id, one.profile_id.as_u128(), evidence.join("+"))
        };
        accounts(people, things).iter().map(line).collect()
    }

    #[test]
    fn profiles_belong_by_group_by_object_and_by_domain() {
        let people = [
            person(1, &["user_id:a", "group_id:7", "email:ann@acme.example"]),
            person(2, &["crm:contacts:42", "email:bob@acme.example"]),
            person(3, &["crm:contacts:43", "email:eve@gmail.com"]),
            person(4, &["email:dan@yahoo.de", "email:dan@alone.example"]),
            person(5, &["email:joe@yahoo.de", "email:joe@gmail.com"]),
        ];
        let things = [
            thing("companies", "9", Some("Acme"), &["crm:contacts:42"]),
            thing("deals", "d1", Some("Big deal"), &["crm:contacts:43", "crm:companies:9"]),
            thing("companies", "7", Some("Seven"), &["user_id:a"]),
            thing("tickets", "t1", None, &["crm:contacts:43"]),
        ];
        assert_eq!(
            shown(&people, &things),
            [
                "crm:companies:9 2 Acme object",
                "crm:companies:9 3 Acme object",
                "domain:acme.example 1 - domain",
                "domain:acme.example 2 - domain",
                "group_id:7 1 Seven group",
            ]
        );
    }

    #[test]
    fn a_contact_that_names_its_company_belongs_to_it() {
        let people = [person(1, &["crm:contacts:42"])];
        let things = [thing("contacts", "42", Some("Bob"), &["crm:companies:9"])];
        assert_eq!(shown(&people, &things), ["crm:companies:9 1 - object"]);
        assert!(shown(&people, &[]).is_empty() && shown(&[], &things).is_empty());
    }

    #[test]
    fn merged_profiles_belong_once_and_split_ones_each() {
        let things = [thing("companies", "9", None, &["crm:contacts:1", "crm:contacts:2"])];
        let merged = [person(1, &["crm:contacts:1", "crm:contacts:2"])];
        assert_eq!(shown(&merged, &things), ["crm:companies:9 1 - object"]);
        let split = [person(2, &["crm:contacts:2"]), person(1, &["crm:contacts:1"])];
        assert_eq!(shown(&split, &things), ["crm:companies:9 1 - object", "crm:companies:9 2 - object"]);
    }

    #[test]
    fn providers_are_sorted_and_found() {
        assert!(FREE_MAIL.is_sorted());
        assert!(["gmail.com", "yahoo.co.uk", "web.de"].iter().all(|domain| is_free_mail(domain)));
        assert!(["acme.com", "notgmail.com"].iter().all(|domain| !is_free_mail(domain)));
    }
}
