//! Identifiers: (kind, normalised value), and the values that mean nothing.

use crate::{Error, Result, hash128};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// The site's own key of a person; a profile has at most one.
pub const KIND_USER_ID: &str = "user_id";
/// An email address, lower case.
pub const KIND_EMAIL: &str = "email";
/// The key a client made before it knew the person.
pub const KIND_ANONYMOUS_ID: &str = "anonymous_id";
/// A device or advertising id.
pub const KIND_DEVICE: &str = "device";
/// A phone number in E.164; stored and searchable, it links nothing by itself.
pub const KIND_PHONE: &str = "phone";

/// Longest identifier value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 1024;

/// Values that clients send in place of "none", compared in lower case.
const BLOCKED: &[&str] = &[
    "",
    "null",
    "undefined",
    "none",
    "nil",
    "nan",
    "n/a",
    "na",
    "anonymous",
    "unknown",
    "-1",
    "[object object]",
    "true",
    "false",
    "(null)",
];

/// One identifier. Ordered by kind, then value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identifier {
    /// `user_id`, `email`, `<source>:<stream>`, ... in lower case.
    pub kind: String,
    /// The normalised value, never empty.
    pub value: String,
}

impl Identifier {
    /// Normalises `value` by the rules of `kind`; `None` if it means nothing
    /// (empty, `null`, `undefined`, zeros, ...) or cannot be of that kind.
    #[must_use]
    pub fn new(kind: &str, value: &str) -> Option<Self> {
        let text = clean(value);
        if text.len() > VALUE_BYTES_MAX || is_blocked(&text) {
            return None;
        }
        let value = match kind {
            KIND_EMAIL => normalise_email(&text)?,
            KIND_PHONE => normalise_phone(&text)?,
            _ => text.into_owned(),
        };
        Some(Self { kind: kind.to_owned(), value })
    }

    /// Returns the 128-bit hash of (kind, value): the node of the evidence graph.
    #[must_use]
    pub fn hash(&self) -> u128 {
        hash128(&[self.kind.as_bytes(), self.value.as_bytes()])
    }

    /// Parses `kind:value`. A first segment that `is_source` says is a source
    /// makes the kind two segments (`crm:contacts:42`), else one; the rest,
    /// colons included, is the value, which is normalised.
    ///
    /// # Errors
    /// [`Error::IdentifierForm`] if there is no colon or the value means nothing.
    pub fn parse(text: &str, is_source: impl Fn(&str) -> bool) -> Result<Self> {
        let form = || Error::IdentifierForm { value: text.to_owned() };
        let (first, rest) = text.split_once(':').ok_or_else(form)?;
        if !is_source(first) {
            return Self::new(first, rest).ok_or_else(form);
        }
        let (stream, value) = rest.split_once(':').ok_or_else(form)?;
        Self::new(&format!("{first}:{stream}"), value).ok_or_else(form)
    }
}

/// Prints `kind:value`: the form of the column `node` and of URLs.
impl std::fmt::Display for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

/// Prints the kind and a short hash: logs hold no personal data.
impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:#{:08x}", self.kind, self.hash() & 0xffff_ffff)
    }
}

/// Returns the rank of a kind, 0 the strongest: `user_id`, a source's own
/// record key (`<source>:<stream>`), email, `anonymous_id`, device, custom, phone.
#[must_use]
pub fn kind_rank(kind: &str) -> u8 {
    match kind {
        KIND_USER_ID => 0,
        KIND_EMAIL => 2,
        KIND_ANONYMOUS_ID => 3,
        KIND_DEVICE => 4,
        KIND_PHONE => 6,
        "group_id" => 7,
        kind if kind.contains(':') => 1,
        _ => 5,
    }
}

/// Says whether two identifiers of one record are joined through this kind:
/// all but phone and group.
#[must_use]
pub fn links(kind: &str) -> bool {
    kind_rank(kind) < 6
}

/// Says whether a kind names one person and joins by itself wherever records
/// are matched by their contents: `user_id`, a source's own record key, and
/// the kinds an operator made. Email, `anonymous_id`, device and phone may be
/// shared by several people.
#[must_use]
pub fn is_exclusive(kind: &str) -> bool {
    matches!(kind_rank(kind), 0 | 1 | 5)
}

/// Composed characters (NFC), without control characters and surrounding space.
/// Printable ASCII is composed already.
fn clean(value: &str) -> Cow<'_, str> {
    let trimmed = value.trim();
    if trimmed.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(trimmed);
    }
    let composed: String = trimmed.chars().filter(|c| !c.is_control()).nfc().collect();
    Cow::Owned(composed.trim().to_owned())
}

/// Says whether the value means nothing. Every such value is ASCII.
fn is_blocked(text: &str) -> bool {
    BLOCKED.iter().any(|blocked| text.eq_ignore_ascii_case(blocked)) || text.bytes().all(|b| b == b'0' || b == b'-')
}

/// Compatible characters (NFKC) in lower case. ASCII is its own compatible form.
fn compatible_lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.nfkc().collect::<String>().to_lowercase() }
}

/// Lower case, no `mailto:`, no surrounding marks; `None` unless it is
/// `local@domain` with a domain of letters, digits, dots and hyphens.
fn normalise_email(text: &str) -> Option<String> {
    let lower = compatible_lower(text);
    let bare = lower
        .strip_prefix("mailto:")
        .unwrap_or(&lower)
        .trim_matches(|c: char| c.is_whitespace() || "<>\"',;".contains(c));
    let (local, domain) = bare.rsplit_once('@')?;
    let domain = domain.trim_end_matches('.');
    let is_domain = domain.contains('.')
        && domain.split('.').all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let is_local = !local.is_empty() && !local.chars().any(char::is_whitespace);
    (is_local && is_domain).then(|| format!("{local}@{domain}"))
}

/// E.164. A number with a country code (`+` or `00`) is validated and
/// formatted; one without is kept as its digits, which is searchable but
/// claims no country.
fn normalise_phone(text: &str) -> Option<String> {
    let ascii: Cow<'_, str> = if text.is_ascii() { text.into() } else { text.nfkc().collect() };
    let international = ascii.strip_prefix("00").map_or_else(|| ascii.clone(), |rest| format!("+{rest}").into());
    if international.starts_with('+')
        && let Ok(number) = phonenumber::parse(None, &international)
    {
        return Some(number.format().mode(phonenumber::Mode::E164).to_string());
    }
    let digits: String = ascii.chars().filter(char::is_ascii_digit).collect();
    (digits.len() >= 5 && digits.len() <= 15 && digits.chars().any(|c| c != '0')).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, input: &str, expected: Option<&str>) {
        assert_eq!(Identifier::new(kind, input).map(|id| id.value).as_deref(), expected, "{kind} {input:?}");
    }

    #[test]
    fn values_are_normalised() {
        check(KIND_EMAIL, " Jane.DOE@Example.COM ", Some("jane.doe@example.com"));
        check(KIND_EMAIL, "mailto:a@b.co", Some("a@b.co"));
        check(KIND_EMAIL, "a@b", None);
        check(KIND_EMAIL, "not an email", None);
        check(KIND_PHONE, "+49 (30) 901820", Some("+4930901820"));
        check(KIND_PHONE, "0049 30 901820", Some("+4930901820"));
        check(KIND_PHONE, "030 901820", Some("030901820"));
        check(KIND_PHONE, "call me", None);
        check(KIND_USER_ID, " u-1 ", Some("u-1"));
        check(KIND_USER_ID, "Ａ", Some("Ａ"));
        check(KIND_USER_ID, "e\u{301}", Some("é"));
        check(KIND_USER_ID, "e\0\u{301}", Some("é"));
        check(KIND_USER_ID, "\0 u\n-1\u{7f} ", Some("u-1"));
        check(KIND_EMAIL, "Ｊane@Example.com", Some("jane@example.com"));
        check(KIND_PHONE, "＋49 30 901820", Some("+4930901820"));
    }

    #[test]
    fn values_that_mean_nothing_are_no_identifiers() {
        for value in [
            "",
            " ",
            "null",
            "NULL",
            "undefined",
            "None",
            "anonymous",
            "Unknown",
            "-1",
            "0",
            "000-000",
            "[object Object]",
            "\0",
            "NuLL\u{0}",
            "\u{a0}",
        ] {
            check(KIND_USER_ID, value, None);
        }
        check(KIND_USER_ID, &"x".repeat(2000), None);
    }

    #[test]
    fn what_is_normal_stays() {
        for (kind, value) in [
            (KIND_EMAIL, " Jane.DOE@Example.COM "),
            (KIND_PHONE, "0049 30 901820"),
            (KIND_PHONE, "030 901820"),
            (KIND_USER_ID, "\u{1} e\u{301}\u{2} x "),
            (KIND_DEVICE, "  ABC-def  "),
        ] {
            let once = Identifier::new(kind, value).unwrap();
            assert_eq!(Identifier::new(kind, &once.value).unwrap().value, once.value);
        }
    }

    #[test]
    fn parsed_with_colons_in_the_value() {
        let is_source = |name: &str| name == "crm";
        assert_eq!(Identifier::parse("crm:contacts:4:2", is_source).unwrap().kind, "crm:contacts");
        assert_eq!(Identifier::parse("user_id:a:b", is_source).unwrap().value, "a:b");
        assert!(Identifier::parse("crm:contacts", is_source).is_err());
        assert!(Identifier::parse("user_id", is_source).is_err());
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Identifier::new(KIND_EMAIL, "jane@example.com").unwrap());
        assert!(!shown.contains("jane"), "{shown}");
    }
}
