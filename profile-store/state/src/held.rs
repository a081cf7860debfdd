//! What an item holds, for those who would take something off it.

use crate::decision::ItemId;
use crate::evidence::Base;
use crate::item::Item;
use crate::{Result, State};
use tributary_protocol::Identifier;
use tributary_resolve::{Evidence as _, NodeId};

impl State {
    /// The values of a field that an item holds instead of this one; `None` if it holds this
    /// one, as it was received, as it is compared or as an identifier of its kind is written.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn held_instead(&self, id: ItemId, field: &str, value: &str) -> Result<Option<Vec<String>>> {
        let Some(item) = self.0.item(id.0)? else { return Ok(Some(Vec::new())) };
        let identifier = Identifier::new(field, value);
        let Some(place) = self.0.shape.field(field) else {
            return self.joined_instead(&item, field, identifier.as_ref());
        };
        let (role, name) = &self.0.shape.fields[place];
        let received = item.values(*role, name);
        let compared = self.0.matcher().as_ref().and_then(|matcher| matcher.compared(id.0)?.into_iter().nth(place));
        let as_identifier = identifier.as_ref().map(|identifier| identifier.value.as_str());
        let is_it = |held: &String| {
            let same = |given: &str| held.to_lowercase() == given.trim().to_lowercase();
            same(value) || as_identifier.is_some_and(same)
        };
        let is_held = received.iter().chain(&compared.unwrap_or_default()).any(is_it);
        Ok((!is_held).then_some(received))
    }

    /// The same of identifiers that join by themselves, without the one that the item is known by.
    fn joined_instead(&self, item: &Item, kind: &str, wanted: Option<&Identifier>) -> Result<Option<Vec<String>>> {
        let mut held = Vec::new();
        for neighbour in Base::new(&*self.0.store).edges(NodeId(item.home))? {
            let Some(node) = self.0.node(neighbour.node.0)? else { continue };
            if wanted == Some(&node.identifier) {
                return Ok(None);
            }
            if node.identifier.kind == kind {
                held.push(node.identifier.value);
            }
        }
        Ok(Some(held))
    }
}
