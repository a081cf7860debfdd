//! What classes are thought to look like before pairs are seen: matches, strangers
//! who share something, households, chance.

use super::super::model::radix;
use super::super::role::Role;
use super::em::Mixture;
use super::{Chance, Trainer};

/// Growth of the prior of a match from level to level, natural logarithm.
const PRIOR_SLOPE: f64 = 1.2;
/// Share of the match prior in a class that shares a bundle.
const SEED_SHARE: f64 = 0.7;
/// Share of each class but chance at the start.
const START_SHARE: f64 = 0.05;
/// Share of the match prior in the mail of a household, and in its dates of birth:
/// some are twins, and some give one for another's. Where they start from nothing,
/// households that share more than a home are taken for matches.
const MAIL_SHARE: f64 = 0.4;
const BIRTH_SHARE: f64 = 0.05;
/// How strongly what strangers share besides their bundle is held to chance,
/// in pairs of the prior per pair observed. Left free, these classes take over
/// matches with a damaged field; fixed, they miss what relatives share.
const STRANGER_HOLD: f64 = 1.0;
/// The class of those who live together.
const HOUSEHOLD: &str = "household";

/// In a bundle of one field: the level of values that differ.
const DIFFERENT: usize = 1;
/// Level of whole names with one part equal.
const ONE_PART_EQUAL: u8 = 2;

/// One way for a pair to come about, as it is thought to be at first.
struct Prior {
    name: String,
    /// Probability of each level of each bundle.
    probabilities: Vec<Vec<f64>>,
    /// How strongly each bundle is held to that, in pairs per pair observed.
    hold: Vec<f64>,
}

impl Trainer {
    /// The prior: a match, classes for each bundle shared by strangers, households,
    /// chance.
    pub(super) fn prior(&self, chance: &Chance) -> (Vec<String>, Mixture) {
        let all: Vec<usize> = (0..self.fields.len()).collect();
        let mut classes = vec![self.free("match", self.seeded(&all, 1.0, chance))];
        classes.extend((0..self.bundles.len()).flat_map(|bundle| self.strangers(bundle, chance)));
        classes.extend(self.household(chance));
        classes.push(self.free("chance", chance.bundles.clone()));
        let rest = 1.0 - START_SHARE * (classes.len() - 1) as f64;
        let mut start = vec![START_SHARE; classes.len()];
        if let Some(last) = start.last_mut() {
            *last = rest.max(START_SHARE);
        }
        let (mut names, mut probabilities, mut hold) = (Vec::new(), Vec::new(), Vec::new());
        for class in classes {
            names.push(class.name);
            probabilities.push(class.probabilities);
            hold.push(class.hold);
        }
        (names, Mixture { shares: start, probabilities, hold })
    }

    /// People who live together, if the fields can tell that: they have a family name
    /// and a home in common, often their mail, and sometimes a date of birth; all else,
    /// given names above all, by chance. What they do not share is held to that, since
    /// matches with a damaged field would else be taken for a household.
    fn household(&self, chance: &Chance) -> Option<Prior> {
        let count = |of: fn(Role) -> bool| self.fields.iter().filter(|field| of(field.role)).count();
        if count(is_home) == 0 || count(is_home) + count(is_of_family) < 2 {
            return None;
        }
        let levels: Vec<Vec<f64>> = (0..self.fields.len()).map(|field| self.of_household(field, chance)).collect();
        let is_shared = |role| is_home(role) || is_of_family(role);
        let bundle = |(place, bundle): (usize, &Vec<usize>)| {
            let share = if self.tells(place, is_shared) { SEED_SHARE } else { 1.0 };
            mixed(share, &self.product(bundle, &chance.fields, &levels), &chance.bundles[place])
        };
        let is_free = |place| self.tells(place, |role| is_shared(role) || role == Role::Email);
        let is_held = |place| !is_free(place) || self.tells(place, |role| role == Role::BirthDate);
        Some(Prior {
            name: HOUSEHOLD.to_owned(),
            probabilities: self.bundles.iter().enumerate().map(bundle).collect(),
            hold: (0..self.bundles.len()).map(|place| if is_held(place) { STRANGER_HOLD } else { 0.0 }).collect(),
        })
    }

    /// How alike members of a household are thought to be in a field.
    fn of_household(&self, field: usize, chance: &Chance) -> Vec<f64> {
        let by_chance = &chance.fields[field];
        match self.fields[field].role {
            Role::FullName => self.one_part(field),
            role if is_home(role) || is_of_family(role) => self.match_prior(field),
            Role::Email => mixed(MAIL_SHARE, &self.match_prior(field), by_chance),
            Role::BirthDate => mixed(BIRTH_SHARE, &self.match_prior(field), by_chance),
            _ => by_chance.clone(),
        }
    }

    /// Whole names that have a part in common, and else nothing.
    fn one_part(&self, field: usize) -> Vec<f64> {
        let mut levels = vec![0.0; radix(self.measures[field])];
        levels[0] = 1.0;
        levels[1 + usize::from(ONE_PART_EQUAL)] = 0.9;
        levels[2 + usize::from(ONE_PART_EQUAL)] = 0.1;
        levels
    }

    /// A class that is held to nothing.
    fn free(&self, name: &str, probabilities: Vec<Vec<f64>>) -> Prior {
        Prior { name: name.to_owned(), probabilities, hold: vec![0.0; self.bundles.len()] }
    }

    /// Strangers who share a bundle and all else by chance; those whose addresses
    /// of mail are alike, by the name these are made of.
    fn strangers(&self, bundle: usize, chance: &Chance) -> Vec<Prior> {
        let is_mail = matches!(self.bundles[bundle].as_slice(), &[field] if self.fields[field].role == Role::Email);
        let names = |role| matches!(role, Role::GivenName | Role::FamilyName | Role::FullName);
        let names: Vec<usize> = (0..self.bundles.len()).filter(|&other| is_mail && self.tells(other, names)).collect();
        if !names.is_empty() {
            return names.into_iter().map(|name| self.mail_of_name(bundle, name, chance)).collect();
        }
        let with_mail = self.bundles[bundle].len() > 1 && self.tells(bundle, |role| role == Role::Email);
        let is_free = |other: usize| other == bundle || (with_mail && self.tells(other, part_of_mail));
        let hold = (0..self.bundles.len()).map(|other| if is_free(other) { 0.0 } else { STRANGER_HOLD }).collect();
        let mut probabilities = self.seeded(&self.bundles[bundle], SEED_SHARE, chance);
        if with_mail {
            self.without_equal_mail(bundle, &mut probabilities[bundle]);
        }
        vec![Prior { name: self.bundle_name(bundle), probabilities, hold }]
    }

    /// Strangers whose addresses of mail are alike, being made of a name that they
    /// share and often of the year of birth: so these are not held to chance, and
    /// addresses that are equal or differ, or that one has not, are of no such pair.
    fn mail_of_name(&self, mail: usize, name: usize, chance: &Chance) -> Prior {
        let seeds = [self.bundles[mail].as_slice(), self.bundles[name].as_slice()].concat();
        let mut probabilities = self.seeded(&seeds, SEED_SHARE, chance);
        if let &[field] = self.bundles[name].as_slice()
            && self.fields[field].role == Role::FullName
        {
            probabilities[name] = mixed(SEED_SHARE, &self.one_part(field), &chance.bundles[name]);
        }
        let levels = &mut probabilities[mail];
        levels[..=DIFFERENT].fill(0.0);
        levels[1 + usize::from(self.measures[self.bundles[mail][0]].exact())..].fill(0.0);
        let alike: f64 = levels.iter().sum();
        for level in levels {
            *level /= alike.max(f64::MIN_POSITIVE);
        }
        let is_free = |bundle: usize| bundle == mail || self.tells(bundle, part_of_mail);
        let hold = (0..self.bundles.len()).map(|bundle| if is_free(bundle) { 0.0 } else { STRANGER_HOLD }).collect();
        let called = format!("{} + {}", self.bundle_name(mail), self.bundle_name(name));
        Prior { name: called, probabilities, hold }
    }

    /// Takes equal addresses of mail out of what strangers share who share more than
    /// their mail: where addresses are made of few names, so that both hang together,
    /// matches would be taken for such strangers.
    fn without_equal_mail(&self, bundle: usize, levels: &mut [f64]) {
        let fields = &self.bundles[bundle];
        let Some(mail) = fields.iter().position(|&field| self.fields[field].role == Role::Email) else { return };
        let below: usize = fields[mail + 1..].iter().map(|&field| radix(self.measures[field])).product();
        let measure = self.measures[fields[mail]];
        for (level, share) in levels.iter_mut().enumerate().skip(1) {
            let of_mail = level / below % radix(measure);
            if of_mail > usize::from(measure.exact()) {
                *share = 0.0;
            }
        }
        let left: f64 = levels[1..].iter().sum();
        levels[1..].iter_mut().for_each(|share| *share /= left.max(f64::MIN_POSITIVE));
    }

    /// Whether a bundle has a field of such a role.
    fn tells(&self, bundle: usize, of: impl Fn(Role) -> bool) -> bool {
        self.bundles[bundle].iter().any(|&field| of(self.fields[field].role))
    }

    fn bundle_name(&self, bundle: usize) -> String {
        let names: Vec<&str> = self.bundles[bundle].iter().map(|&field| self.fields[field].name.as_str()).collect();
        names.join(" + ")
    }

    /// Match prior on the seed fields, chance elsewhere; bundle by bundle.
    fn seeded(&self, seeds: &[usize], share: f64, chance: &Chance) -> Vec<Vec<f64>> {
        let levels: Vec<Vec<f64>> = (0..self.fields.len())
            .map(|field| if seeds.contains(&field) { self.match_prior(field) } else { chance.fields[field].clone() })
            .collect();
        let bundle = |(bundle, chance_of): (&Vec<usize>, &Vec<f64>)| {
            if !bundle.iter().any(|field| seeds.contains(field)) {
                return chance_of.clone();
            }
            let seeded = self.product(bundle, &chance.fields, &levels);
            mixed(share, &seeded, chance_of)
        };
        self.bundles.iter().zip(&chance.bundles).map(bundle).collect()
    }

    /// Prior of a level, given a match: the more alike, the likelier.
    fn match_prior(&self, field: usize) -> Vec<f64> {
        let levels = radix(self.measures[field]);
        let raw: Vec<f64> = (1..levels).map(|level| (PRIOR_SLOPE * level as f64).exp()).collect();
        let sum: f64 = raw.iter().sum();
        std::iter::once(1.0).chain(raw.into_iter().map(|weight| weight / sum)).collect()
    }
}

/// Levels of which a share is as in one list, the rest as in another.
fn mixed(share: f64, one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| share * one + (1.0 - share) * other).collect()
}

/// Whether those who live together have it in common.
fn is_home(role: Role) -> bool {
    matches!(role, Role::Street | Role::Postcode | Role::Phone | Role::Device)
}

/// Whether a family has it in common, or part of it, and others too.
fn is_of_family(role: Role) -> bool {
    matches!(role, Role::FamilyName | Role::FullName | Role::City)
}

/// Whether addresses of mail are made of it.
fn part_of_mail(role: Role) -> bool {
    matches!(role, Role::GivenName | Role::FamilyName | Role::FullName | Role::BirthDate)
}

#[cfg(test)]
mod tests {
    use super::super::super::compare::Measure;
    use super::super::super::model::FieldModel;
    use super::*;
    use crate::matching::train::em::{Sample, fit};

    fn trainer(roles: &[(&str, Role, Measure)]) -> Trainer {
        let field = |&(name, role, measure): &(&str, Role, Measure)| FieldModel::new(name, role, measure);
        Trainer::new(roles.iter().map(field).collect(), 1000, 1000)
    }

    #[test]
    fn strangers_of_like_mail_share_the_name_it_is_made_of() {
        let (given, mail) = (("first", Role::GivenName, Measure::Given), ("mail", Role::Email, Measure::Email));
        let trainer = trainer(&[given, mail, ("city", Role::City, Measure::Words)]);
        let (names, prior) = trainer.prior(&trainer.chance(&Vec::new()));
        assert_eq!(names, ["match", "first", "mail + first", "city", "chance"]);
        assert_eq!(prior.hold[2], [0.0, 0.0, STRANGER_HOLD]);
        let sample = Sample { patterns: vec![(vec![1, 0, 1], 900.0), (vec![1, 1, 2], 50.0), (vec![6, 3, 1], 50.0)] };
        let of_mail = &fit(&sample, &prior).probabilities[2][1];
        assert!(of_mail[..=DIFFERENT].iter().all(|&share| share.abs() < f64::MIN_POSITIVE), "{of_mail:?}");
        assert!((of_mail.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{of_mail:?}");
    }

    #[test]
    fn mail_without_names_is_shared_like_anything_else() {
        let trainer = trainer(&[("mail", Role::Email, Measure::Email), ("city", Role::City, Measure::Words)]);
        let (names, prior) = trainer.prior(&trainer.chance(&Vec::new()));
        assert_eq!(names, ["match", "mail", "city", "chance"]);
        assert!((prior.probabilities[1][0][0] - 1.0).abs() < 1e-9);
    }
}
