//! Why two items are one person or not, and how a profile came about.

use crate::decision::{Action, Decision, ItemId};
use crate::item::Item;
use crate::{Error, Result, State};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;
use tributary_resolve::matching::explain::{History, Hop, ItemView, Items, Path, Situation, Step, WhyNot};
use tributary_resolve::matching::{Cut, Model};
use uuid::Uuid;

/// Most items of a profile that are looked at, those of the least ids.
const ITEMS_MAX: usize = 256;

/// Why two items are one person, or why not.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explained {
    /// They are in one profile: how they hang together.
    Together(Path),
    /// They are in two: what holds these apart.
    Apart(Box<WhyNot>),
}

impl Explained {
    /// The explanation for a reader, several lines.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Together(path) => path.to_text(false),
            Self::Apart(why_not) => why_not.to_text(false),
        }
    }

    /// The waterfall of the pair, of two in one profile that of the weakest step
    /// between them, as SVG; none if no evidence is between them.
    #[must_use]
    pub fn to_svg(&self) -> Option<String> {
        let evidence = |step: &Step| match &step.hop {
            Hop::Evidence(pair) => Some((pair.match_weight, pair.waterfall().to_svg())),
            Hop::Exclusive { .. } => None,
        };
        match self {
            Self::Apart(why_not) => Some(why_not.pair.waterfall().to_svg()),
            Self::Together(path) => {
                path.steps.iter().filter_map(evidence).min_by_key(|step| step.0.0).map(|step| step.1)
            }
        }
    }
}

/// Items of one or two profiles, as the library of explanations takes them.
struct Gathered {
    model: Arc<Model>,
    cut: Cut,
    ids: Vec<ItemId>,
    items: Vec<Item>,
    views: Vec<ItemView>,
    /// Values of each item that are compared, by field.
    compared: Vec<HashSet<(usize, String)>>,
}

impl State {
    /// Says why two items are one person, or why not; `None` if one was never seen.
    ///
    /// # Errors
    /// [`Error::NoMatcher`], or if the store cannot be read.
    pub fn explain(&self, one: ItemId, other: ItemId) -> Result<Option<Explained>> {
        let Some((first, second)) = self.item(one)?.zip(self.item(other)?) else { return Ok(None) };
        let first_ids = self.ids_of_profile(first.profile_id, one)?;
        if first.profile_id == second.profile_id {
            let mut ids = first_ids;
            if !ids.contains(&other) {
                ids.push(other);
            }
            let gathered = self.gather(&ids)?;
            let members: Vec<u32> = (0u32..).take(ids.len()).collect();
            let path = gathered.ready()?.path(&members, gathered.place(one), gathered.place(other));
            return Ok(Some(Explained::Together(path)));
        }
        let second_ids = self.ids_of_profile(second.profile_id, other)?;
        let gathered = self.gather(&[first_ids.clone(), second_ids.clone()].concat())?;
        let places = |ids: &[ItemId]| ids.iter().map(|&id| gathered.place(id)).collect::<Vec<u32>>();
        let (ours, theirs) = (places(&first_ids), places(&second_ids));
        let pair = (gathered.place(one), gathered.place(other));
        let situation = self.situation(&gathered, &first_ids, &second_ids)?;
        let why_not = gathered.ready()?.why_not(pair, [&ours, &theirs], &situation);
        Ok(Some(Explained::Apart(Box::new(why_not))))
    }

    /// Replays how a profile was merged; `None` if it holds no items.
    ///
    /// # Errors
    /// [`Error::NoMatcher`], or if the store cannot be read.
    pub fn how(&self, profile: Uuid) -> Result<Option<History>> {
        let mut ids: Vec<ItemId> = self.items_of_profile(profile)?.into_iter().map(|item| item.id).collect();
        ids.sort_unstable();
        ids.truncate(ITEMS_MAX);
        if ids.is_empty() {
            return Ok(None);
        }
        let gathered = self.gather(&ids)?;
        let members: Vec<u32> = (0u32..).take(ids.len()).collect();
        let history = gathered.ready()?.how(&members);
        Ok(Some(history))
    }

    /// Items of a profile, `wanted` among them.
    fn ids_of_profile(&self, profile: Uuid, wanted: ItemId) -> Result<Vec<ItemId>> {
        let mut ids: Vec<ItemId> = self.items_of_profile(profile)?.into_iter().map(|item| item.id).collect();
        ids.sort_unstable_by_key(|&id| (id != wanted, id));
        ids.truncate(ITEMS_MAX);
        Ok(ids)
    }

    fn gather(&self, ids: &[ItemId]) -> Result<Gathered> {
        let model = self.0.matcher().as_ref().and_then(|matcher| matcher.model());
        let (model, cut) = model.ok_or(Error::NoMatcher)?;
        let (items, views, compared) = (Vec::with_capacity(ids.len()), Vec::new(), Vec::new());
        let mut gathered = Gathered { model, cut, ids: ids.to_vec(), items, views, compared };
        for &id in ids {
            let missing = || Error::Format { what: "item", reason: "missing".to_owned() };
            let item = self.0.item(id.0)?.ok_or_else(missing)?;
            gathered.views.push(self.view(id, &item)?);
            gathered.items.push(item);
            let shown = self.0.matcher().as_ref().and_then(|matcher| matcher.compared(id.0)).unwrap_or_default();
            let values = |(place, values): (usize, Vec<String>)| values.into_iter().map(move |value| (place, value));
            gathered.compared.push(shown.into_iter().enumerate().flat_map(values).collect());
        }
        gathered.join_asserted(&self.decisions());
        Ok(gathered)
    }

    fn view(&self, id: ItemId, item: &Item) -> Result<ItemView> {
        let shape = &self.0.shape;
        let home = self.0.node(item.home)?;
        let user = if item.user == 0 { None } else { self.0.node(item.user)? };
        let exclusive = home.iter().chain(&user).filter(|node| !node.is_set);
        let mut exclusive: Vec<String> = exclusive.map(|node| node.identifier.to_string()).collect();
        exclusive.dedup();
        let name = home.map(|node| node.identifier.to_string()).unwrap_or_default();
        let name =
            if item.source.is_empty() { format!("{name} (item:{id})") } else { format!("{name} ({})", item.source) };
        let live = shape.match_item(id.0, item).unwrap_or_default();
        Ok(ItemView { name, id: id.0, node: live.node, exclusive, texts: live.values })
    }

    /// What holds two profiles apart besides their contents.
    fn situation(&self, gathered: &Gathered, ours: &[ItemId], theirs: &[ItemId]) -> Result<Situation> {
        let mut situation = Situation::default();
        let user_of = |ids: &[ItemId]| {
            let items = ids.iter().map(|&id| &gathered.items[gathered.place(id) as usize]);
            items.map(|item| item.user).find(|&user| user != 0)
        };
        if let (Some(one), Some(other)) = (user_of(ours), user_of(theirs)) {
            let value = |user: u128| -> Result<String> {
                Ok(self.0.node(user)?.map(|node| node.identifier.value).unwrap_or_default())
            };
            situation.limits.push(format!("two user_ids: {} and {}", value(one)?, value(other)?));
        }
        situation.limits.extend(self.unique_limits(gathered, ours, theirs)?);
        let holds = |set: &[ItemId], ids: &[ItemId]| set.iter().any(|id| ids.contains(id));
        situation.never_together = self.decisions().into_iter().rev().find_map(|decision| match &decision.action {
            Action::NeverTogether { one, other }
                if (holds(one, ours) && holds(other, theirs)) || (holds(one, theirs) && holds(other, ours)) =>
            {
                Some(format!("{} by {}: {}", decision.id, decision.author, decision.reason))
            }
            _ => None,
        });
        Ok(situation)
    }

    /// Records of both profiles that one source holds, which holds nobody twice.
    fn unique_limits(&self, gathered: &Gathered, ours: &[ItemId], theirs: &[ItemId]) -> Result<Vec<String>> {
        let of = |ids: &[ItemId], source: &str| {
            let items = ids.iter().map(|&id| &gathered.items[gathered.place(id) as usize]);
            items.filter(|item| item.source == source).map(|item| item.home).next()
        };
        let mut limits = Vec::new();
        for source in &self.0.shape.unique_sources {
            if let (Some(one), Some(other)) = (of(ours, source), of(theirs, source))
                && one != other
            {
                let name = |home: u128| -> Result<String> {
                    Ok(self.0.node(home)?.map(|node| node.identifier.to_string()).unwrap_or_default())
                };
                limits.push(format!("{source} holds nobody twice: {} and {}", name(one)?, name(other)?));
            }
        }
        Ok(limits)
    }
}

impl Gathered {
    /// Makes items of which an operator said that they are one person one node,
    /// and the decision what they share.
    fn join_asserted(&mut self, decisions: &[Decision]) {
        for (place, decision) in decisions.iter().enumerate() {
            let Action::Assert { one, other } = decision.action else { continue };
            let parts = |later: &Decision| match &later.action {
                Action::NeverTogether { one: ours, other: theirs } => {
                    (ours.contains(&one) && theirs.contains(&other)) || (ours.contains(&other) && theirs.contains(&one))
                }
                _ => false,
            };
            if decisions[place + 1..].iter().any(parts) || !self.ids.contains(&one) || !self.ids.contains(&other) {
                continue;
            }
            let places = [one, other].map(|id| self.place(id) as usize);
            let shared = format!("decision {} by {}: {}", decision.id, decision.author, decision.reason);
            let [node, joined] = places.map(|place| self.views[place].node);
            self.views.iter_mut().filter(|view| view.node == joined).for_each(|view| view.node = node);
            for place in places {
                self.views[place].exclusive.push(shared.clone());
            }
        }
    }

    fn ready(&self) -> Result<Items<'_>> {
        let is_missing =
            |item: usize, place: usize, value: &str| !self.compared[item].contains(&(place, value.to_owned()));
        let items = Items::new(&self.model, self.cut, &self.views, is_missing);
        items.map_err(|error| Error::Format { what: "model", reason: error.to_string() })
    }

    /// Place of an item among those gathered.
    fn place(&self, id: ItemId) -> u32 {
        let place = self.ids.iter().position(|&known| known == id).unwrap_or_default();
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}
