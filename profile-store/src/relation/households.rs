//! Households: profiles that share a postal address, or a telephone, and the
//! family name. A household is a relation of profiles, never a merge.

use std::collections::{BTreeSet, HashMap};
use tributary_protocol::{Identifier, KIND_PHONE, hash128};
use tributary_resolve::matching::{Role, normalised};
use tributary_resolve::{DEFAULT_ID_KEY, NodeId, profile_id};
use uuid::Uuid;

/// Most profiles that share a clue of one household: more are a block of
/// flats, a company's switchboard or a placeholder.
const CARRIERS_MAX: usize = 12;

/// What profiles of one household share, the family name aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Evidence {
    Address,
    Phone,
}

impl Evidence {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Phone => "phone",
        }
    }
}

/// A piece of evidence and the hash of what it says.
pub(super) type Clue = (Evidence, u128);

/// A profile that may be of a household.
#[derive(Clone, Debug)]
pub(super) struct Resident {
    pub(super) profile_id: Uuid,
    pub(super) clues: Vec<Clue>,
}

/// A profile of a household of at least two.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) household_id: Uuid,
    pub(super) profile_id: Uuid,
    /// What it shares with others of the household.
    pub(super) evidence: BTreeSet<Evidence>,
    /// Profiles of the household.
    pub(super) members: usize,
}

/// The clues of a profile, by what its traits tell and its telephones; none
/// without a family name.
pub(super) fn clues(attributes: &[(&'static str, String)], identifiers: &[Identifier]) -> Vec<Clue> {
    let told = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
    let value = |name: &str, role: Role| told(name).and_then(|text| normalised(role, text));
    let of_full_name = || value("full_name", Role::FullName)?.rsplit(' ').next().map(str::to_owned);
    let Some(family) = value("family_name", Role::FamilyName).or_else(of_full_name) else { return Vec::new() };
    let clue = |evidence: Evidence, parts: &[&str]| {
        let parts: Vec<&[u8]> = [evidence.as_str(), &family].iter().chain(parts).map(|part| part.as_bytes()).collect();
        (evidence, hash128(&parts))
    };
    let line = match (told("house_number"), told("street")) {
        (Some(number), Some(street)) => Some(format!("{number} {street}")),
        (_, street) => street.map(str::to_owned),
    };
    // A street without a number is where many people live.
    let street = line.and_then(|line| normalised(Role::Street, &line)).filter(|line| line.contains(char::is_numeric));
    let place = value("postcode", Role::Postcode).or_else(|| value("city", Role::City));
    let address = street.zip(place).map(|(street, place)| clue(Evidence::Address, &[&street, &place]));
    let phones = identifiers.iter().filter(|identifier| identifier.kind == KIND_PHONE);
    let phones = phones.map(|identifier| identifier.value.as_str());
    let told_phones = attributes.iter().filter(|(name, _)| *name == "phone").map(|(_, text)| text.as_str());
    let phones = phones.chain(told_phones).filter_map(|text| normalised(Role::Phone, text));
    let mut clues: Vec<Clue> =
        address.into_iter().chain(phones.map(|phone| clue(Evidence::Phone, &[&phone]))).collect();
    clues.sort_unstable();
    clues.dedup();
    clues
}

/// The households of two profiles and more, sorted. Their ids are hashes of
/// the least clue that is shared, and do not change with those of profiles;
/// like profile ids under the public key, they hide nothing from who knows the
/// address.
pub(super) fn households(residents: &[Resident]) -> Vec<Member> {
    let mut carriers: HashMap<Clue, Vec<usize>> = HashMap::new();
    for (place, resident) in residents.iter().enumerate() {
        resident.clues.iter().for_each(|clue| carriers.entry(*clue).or_default().push(place));
    }
    let is_shared = |clue: &Clue| carriers.get(clue).is_some_and(|all| (2..=CARRIERS_MAX).contains(&all.len()));
    let mut parent: Vec<usize> = (0..residents.len()).collect();
    for places in carriers.iter().filter(|(clue, _)| is_shared(clue)).map(|(_, places)| places) {
        for two in places.windows(2) {
            let (one, other) = (root(&mut parent, two[0]), root(&mut parent, two[1]));
            parent[one.max(other)] = one.min(other);
        }
    }
    let mut of_root: HashMap<usize, (Clue, Vec<usize>)> = HashMap::new();
    for (place, resident) in residents.iter().enumerate() {
        let Some(&least) = resident.clues.iter().filter(|clue| is_shared(clue)).min() else { continue };
        let (anchor, places) = of_root.entry(root(&mut parent, place)).or_insert_with(|| (least, Vec::new()));
        *anchor = least.min(*anchor);
        places.push(place);
    }
    let mut members: Vec<Member> = Vec::new();
    for ((_, anchor), places) in of_root.into_values() {
        let household_id = profile_id(&DEFAULT_ID_KEY, NodeId(anchor));
        members.extend(places.iter().map(|&place| Member {
            household_id,
            profile_id: residents[place].profile_id,
            evidence: residents[place].clues.iter().filter(|clue| is_shared(clue)).map(|clue| clue.0).collect(),
            members: places.len(),
        }));
    }
    members.sort_unstable();
    members
}

fn root(parent: &mut [usize], mut place: usize) -> usize {
    while parent[place] != place {
        parent[place] = parent[parent[place]];
        place = parent[place];
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resident(number: u128, traits: &serde_json::Value, phones: &[&str]) -> Resident {
        let attributes: Vec<_> = traits
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(name, value)| tributary_state::attributes(name, value))
            .collect();
        let identifiers: Vec<Identifier> =
            phones.iter().map(|phone| Identifier::new(KIND_PHONE, phone).unwrap()).collect();
        Resident { profile_id: Uuid::from_u128(number), clues: clues(&attributes, &identifiers) }
    }

    /// The members of each household, by the numbers of their profiles.
    fn grouped(residents: &[Resident]) -> Vec<Vec<u128>> {
        let members = households(residents);
        let groups = members.chunk_by(|one, other| one.household_id == other.household_id);
        let mut groups: Vec<Vec<u128>> =
            groups.map(|group| group.iter().map(|member| member.profile_id.as_u128()).collect()).collect();
        groups.sort();
        groups
    }

    fn family(name: &str, street: &str, zip: &str) -> serde_json::Value {
        json!({"last_name": name, "address": {"street": street, "postal_code": zip}})
    }

    #[test]
    fn families_are_found_by_address_or_phone_and_by_both_together() {
        let residents = [
            resident(1, &family("Lovelace", "12 St James Street", "SW1 1AA"), &[]),
            resident(2, &family("LOVELACE ", "12 st. james st, Apt 3", "sw11aa"), &["+49 30 901820"]),
            resident(3, &json!({"name": "Byron Lovelace"}), &["+4930901820"]),
            resident(4, &family("Babbage", "12 St James Street", "SW1 1AA"), &["+4930901820"]),
            resident(5, &family("Lovelace", "12 St James Street", "SW1 2AA"), &[]),
            resident(6, &family("Lovelace", "St James Street", "SW1 1AA"), &[]),
            resident(7, &json!({"address": {"street": "12 St James Street", "postal_code": "SW1 1AA"}}), &[]),
        ];
        assert_eq!(grouped(&residents), [[1, 2, 3]]);
        let evidence: Vec<Vec<&str>> = households(&residents)
            .iter()
            .map(|member| member.evidence.iter().map(|evidence| evidence.as_str()).collect())
            .collect();
        assert_eq!(evidence, [vec!["address"], vec!["address", "phone"], vec!["phone"]]);
    }

    #[test]
    fn order_changes_nothing_and_ids_outlive_those_of_profiles() {
        let resident_of = |number: u128| {
            let phone = format!("+49309{:05}", number / 3);
            resident(number, &family("Kaya", &format!("{} Hauptstr.", number / 2), "10115"), &[&phone])
        };
        let mut residents: Vec<Resident> = (0..40).map(resident_of).collect();
        let expected = households(&residents);
        assert!(expected.iter().any(|member| member.members > 2));
        for turn in 1..40 {
            residents.rotate_left(turn);
            residents.swap(0, turn);
            assert_eq!(households(&residents), expected);
        }
        let ids = |residents: &[Resident]| -> BTreeSet<Uuid> {
            households(residents).iter().map(|member| member.household_id).collect()
        };
        let before = ids(&residents);
        for resident in &mut residents {
            resident.profile_id = Uuid::from_u128(resident.profile_id.as_u128() + 1000);
        }
        assert_eq!(ids(&residents), before);
    }

    #[test]
    fn what_too_many_share_joins_nobody() {
        let count = |people: usize| {
            let at = |number: usize| resident(number as u128, &family("Smith", "1 High St", "N1"), &[]);
            households(&(0..people).map(at).collect::<Vec<_>>()).len()
        };
        assert_eq!([1, 2, CARRIERS_MAX, CARRIERS_MAX + 1].map(count), [0, 2, CARRIERS_MAX, 0]);
    }

    #[test]
    fn a_profile_alone_is_no_household() {
        assert!(households(&[resident(1, &family("Smith", "1 High St", "N1"), &["+4930901820"])]).is_empty());
        assert!(households(&[]).is_empty());
    }
}
