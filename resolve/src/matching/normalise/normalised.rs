//! Values as they are compared, for others who look for equal ones.

use super::{DayOrder, folded};
use crate::matching::field::normalise_as;
use crate::matching::role::Role;

/// Brings a text to the form in which values of a role are compared, letters
/// without diacritics; `None` if it says nothing of a person.
///
/// ```
/// use tributary_resolve::matching::{Role, normalised};
/// assert_eq!(normalised(Role::Street, "12 High Street, Apt. 4").as_deref(), Some("12 high st"));
/// assert_eq!(normalised(Role::FamilyName, "O'Brién").as_deref(), Some("obrien"));
/// assert_eq!(normalised(Role::Phone, "-"), None);
/// ```
#[must_use]
pub fn normalised(role: Role, text: &str) -> Option<String> {
    let value = normalise_as(role, text, DayOrder::default())?;
    Some(folded(&value).unwrap_or(value))
}
