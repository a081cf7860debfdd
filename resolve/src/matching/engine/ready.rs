//! Items made ready: each value normalised and hashed once, for all who ask.

use super::super::field::normal_values;
use super::super::hash::text;
use super::super::model::Model;
use super::super::normalise::DayOrder;
use super::super::role::Role;
use super::{Change, Decision, Item};

/// A value, normalised.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// What identifies it among the values of its field.
    pub(crate) identity: u64,
    pub(crate) text: String,
}

/// An item whose values are normalised; see [`Item`].
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) id: u64,
    /// The values of each field of the model, each once.
    pub(crate) cells: Vec<Vec<Named>>,
    pub(crate) node: u64,
    pub(crate) limits: Vec<(u64, u64)>,
}

/// A change whose item is ready; see [`Change`].
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Put(Ready),
    Remove(u64),
    Decide(Decision),
    Undo(u64),
}

/// Reads items by the fields of a model.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Vec<(Role, DayOrder)>);

/// What identifies a value among those of its field.
pub(crate) fn identity(normal: &str) -> u64 {
    text(4, normal)
}

impl Reader {
    pub(crate) fn new(model: &Model) -> Self {
        let field = |field: &super::super::FieldModel| (field.role, field.day_order.unwrap_or(DayOrder::DayFirst));
        Self(model.fields.iter().map(field).collect())
    }

    /// The roles of the fields.
    pub(crate) fn roles(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().map(|(role, _)| *role)
    }

    /// The values of a field in what was received.
    pub(crate) fn cell(&self, place: usize, received: &str) -> Vec<Named> {
        let mut values = Vec::new();
        let (received, (role, day_order)) = (received.trim(), self.0[place]);
        if !received.is_empty() {
            normal_values(role, received, day_order, |text| values.push(Named { identity: identity(&text), text }));
            values.sort_unstable_by_key(|value| value.identity);
            values.dedup_by_key(|value| value.identity);
        }
        values
    }

    /// The values of all fields.
    pub(crate) fn cells(&self, received: &[Option<String>]) -> Vec<Vec<Named>> {
        let of = |place: usize| received.get(place).and_then(Option::as_deref).unwrap_or_default();
        (0..self.0.len()).map(|place| self.cell(place, of(place))).collect()
    }

    pub(crate) fn item(&self, item: &Item) -> Ready {
        Ready { id: item.id, cells: self.cells(&item.values), node: item.node, limits: item.limits.clone() }
    }

    pub(crate) fn step(&self, change: &Change) -> Step {
        match change {
            Change::Put(item) => Step::Put(self.item(item)),
            Change::Remove(id) => Step::Remove(*id),
            Change::Decide(decision) => Step::Decide(decision.clone()),
            Change::Undo(id) => Step::Undo(*id),
        }
    }
}
