//! Who is this: the items that fit a description best, without inserting it.

use super::items::{ItemView, Items};
use super::pair::Bits;
use crate::matching::Role;
use crate::matching::field::SEPARATOR;
use crate::matching::model::Model;
use crate::matching::role::by_name;
use serde::Serialize;

/// What is searched for: texts in the order of the model's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Texts, in the order of the model's fields.
    pub texts: Vec<Option<String>>,
    /// Attributes no field of the model was found for.
    pub unknown: Vec<String>,
}

/// An item that fits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// What the pair of it and the description is worth.
    pub match_weight: Bits,
    /// Probability that it is about the one described, 0..=1.
    pub match_probability: f64,
    /// Its place among the items.
    #[serde(skip)]
    pub place: u32,
}

impl Query {
    /// Reads attributes: by the name of a field, else by what a column of that
    /// name is taken for. A whole name serves where the model has its parts,
    /// and the parts where it has whole names.
    #[must_use]
    pub fn new<'a>(model: &Model, attributes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut query = Self { texts: vec![None; model.fields.len()], unknown: Vec::new() };
        let mut parts: [Option<&str>; 2] = [None, None];
        for (name, text) in attributes {
            let role = by_name(name);
            match role {
                Some(Role::GivenName) => parts[0] = Some(text),
                Some(Role::FamilyName) => parts[1] = Some(text),
                _ => {}
            }
            let known = query.put(model, name, role, text);
            let as_parts = !known && role == Some(Role::FullName) && query.put_parts(model, text);
            if !known && !as_parts && !matches!(role, Some(Role::GivenName | Role::FamilyName)) {
                query.unknown.push(name.to_owned());
            }
        }
        query.put_whole(model, parts);
        query
    }

    /// The query as an item beside others.
    #[must_use]
    pub fn view(&self) -> ItemView {
        ItemView { name: "search".to_owned(), texts: self.texts.clone(), ..ItemView::default() }
    }

    fn put(&mut self, model: &Model, name: &str, role: Option<Role>, text: &str) -> bool {
        let named = model.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        let free = |place: &usize| self.texts[*place].is_none();
        let taken =
            role.and_then(|role| (0..model.fields.len()).filter(free).find(|&place| model.fields[place].role == role));
        let several = role.filter(|role| matches!(role, Role::Email | Role::Phone));
        let another = || several.and_then(|role| model.fields.iter().position(|field| field.role == role));
        let Some(place) = named.or(taken).or_else(another) else { return false };
        let known = self.texts[place].take().filter(|_| several.is_some());
        self.texts[place] = Some(known.map_or_else(|| text.to_owned(), |known| format!("{known}{SEPARATOR}{text}")));
        true
    }

    /// Writes a whole name as given and family name: the last word is the family's.
    fn put_parts(&mut self, model: &Model, text: &str) -> bool {
        let (given, family) = text.trim().rsplit_once(' ').unwrap_or(("", text));
        let given = self.put(model, "", Some(Role::GivenName), given);
        self.put(model, "", Some(Role::FamilyName), family) || given
    }

    /// Writes given and family name as a whole one where the model has no parts.
    fn put_whole(&mut self, model: &Model, parts: [Option<&str>; 2]) {
        let has = |role: Role| model.fields.iter().any(|field| field.role == role);
        let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        if !whole.is_empty() && !has(Role::GivenName) && !has(Role::FamilyName) {
            self.put(model, "", Some(Role::FullName), &whole);
        }
    }
}

impl Items<'_> {
    /// Returns the items that fit the item `query` best, the best first, at
    /// most `limit` of them, and none below a probability of 1 in 1,000.
    #[must_use]
    pub fn search(&self, query: u32, limit: usize) -> Vec<Found> {
        /// 1 in 1,000, in 1/65535.
        const LEAST: u16 = 66;
        let mut scoring = self.scoring();
        let others = (0..self.len() as u32).filter(|&item| item != query);
        let mut scored: Vec<_> = others.map(|item| (scoring.score(query, item), item)).collect();
        scored.retain(|(score, _)| score.probability >= LEAST);
        scored.sort_by_key(|&(score, item)| (std::cmp::Reverse(score.weight), self.fields.records[item as usize]));
        let found = |&(score, place): &(crate::matching::Score, u32)| Found {
            name: self.names[place as usize].clone(),
            match_weight: Bits(score.weight),
            match_probability: score.match_probability(),
            place,
        };
        scored.iter().take(limit).map(found).collect()
    }
}
