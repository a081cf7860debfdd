//! Items as people see them.

use crate::decision::ItemId;
use crate::keys::of;
use crate::state::Inner;
use crate::values::{Hashes, ShownWith};
use crate::{Result, State};
use serde::Serialize;
use std::collections::BTreeMap;
use tributary_protocol::Identifier;
use uuid::Uuid;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ItemView {
    /// Its id.
    pub id: ItemId,
    /// Its source; empty for a set of identifiers that was observed without a key.
    pub source: String,
    /// The identifier it is known by, `kind:value`.
    pub node: String,
    /// The profile it is in.
    pub profile_id: Uuid,
    /// What is matched, by attribute; several identifiers of a kind in one text each.
    pub values: BTreeMap<String, Vec<String>>,
}

impl Inner {
    /// One item; `None` if it was never seen.
    fn item_view(&self, id: ItemId) -> Result<Option<ItemView>> {
        let Some(item) = self.item(id.0)? else { return Ok(None) };
        let Some(node) = self.node(item.home)? else { return Ok(None) };
        let (node, profile_id) = (node.identifier.to_string(), Uuid::from_u128(node.profile));
        Ok(Some(ItemView { id, node, profile_id, values: item.shown(), source: item.source }))
    }
}

impl State {
    /// One item; `None` if it was never seen.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn item(&self, id: ItemId) -> Result<Option<ItemView>> {
        self.0.item_view(id)
    }

    /// The items of the unit that an identifier names, or is shown with.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn items_of(&self, identifier: &Identifier) -> Result<Vec<ItemView>> {
        let hash = identifier.hash();
        let node = match self.0.store.get(&of(b'N', hash))? {
            Some(_) => hash,
            None => match self.0.read::<ShownWith>(&of(b'H', hash))? {
                Some(shown) => shown.owner,
                None => return Ok(Vec::new()),
            },
        };
        self.items_of_nodes(&[node])
    }

    /// The items of a profile.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn items_of_profile(&self, profile: Uuid) -> Result<Vec<ItemView>> {
        let members: Option<Hashes> = self.0.read(&of(b'M', profile.as_u128()))?;
        self.items_of_nodes(&members.map(|Hashes(nodes)| nodes).unwrap_or_default())
    }

    fn items_of_nodes(&self, nodes: &[u128]) -> Result<Vec<ItemView>> {
        let mut items = Vec::new();
        for &node in nodes {
            for id in self.0.node(node)?.map(|node| node.items).unwrap_or_default() {
                items.extend(self.0.item_view(ItemId(id))?);
            }
        }
        Ok(items)
    }
}
