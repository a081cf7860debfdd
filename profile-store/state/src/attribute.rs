//! The attributes of people that traits tell, by the names they usually have.

use crate::item::values_of;
use serde_json::Value;

/// Returns what a trait, by its folded name, tells of a person: attributes such
/// as `family_name` or `postcode`, `email` and `phone`, each with its text. An
/// address tells several; most traits tell none.
///
/// ```
/// let address = serde_json::json!({"street": "Main St 1", "zip": "89073"});
/// let told = tributary_state::attributes("address", &address);
/// assert_eq!(told, [("street", "Main St 1".to_owned()), ("postcode", "89073".to_owned())]);
/// ```
#[must_use]
pub fn attributes(name: &str, value: &Value) -> Vec<(&'static str, String)> {
    values_of(name, value).into_iter().filter_map(|(attribute, text)| Some((attribute, text?))).collect()
}
