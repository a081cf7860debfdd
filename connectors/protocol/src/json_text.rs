//! A JSON object as its canonical text: keys sorted, no white space.
//!
//! Most of what a record carries is never looked into: it goes from the log
//! into a column. As text it costs one pass and no tree of maps.

use crate::Json;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Deeper texts are refused, as by `serde_json`.
const DEPTH_MAX: usize = 127;
/// Digits of a decimal number that a 64-bit float gives back as they were.
const DIGITS_EXACT: usize = 15;
/// Digits of a whole number that surely fits 64 bits.
const DIGITS_WHOLE: usize = 18;
const EMPTY: &str = "{}";

/// The canonical text of a JSON object. Equal objects have equal texts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct JsonText(Cow<'static, str>);

impl JsonText {
    /// Brings the text of an object into its canonical form, that of
    /// `serde_json`'s sorted maps: of repeated keys the last counts, numbers
    /// are 64-bit integers or floats.
    ///
    /// # Errors
    /// What is wrong with a text that is no JSON object.
    pub fn of(text: &str) -> serde_json::Result<Self> {
        if let Some(known) = Writer::new(text).run() {
            return Ok(Self(Cow::Owned(known)));
        }
        // Whatever is left over is rare or wrong: `serde_json` knows which.
        serde_json::from_str::<Json>(text).map(Self::from)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the object has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0 == EMPTY
    }

    /// The object.
    ///
    /// # Panics
    /// Never: the text is that of an object.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::from_str(&self.0).expect("the text is that of an object")
    }

    /// The member called `key` if it is an object. A text that does not
    /// mention the key is not read.
    #[must_use]
    pub fn object(&self, key: &str) -> Option<Json> {
        if !self.0.contains(key) {
            return None;
        }
        match self.to_json().remove(key) {
            Some(serde_json::Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// Adds a member, in place of one of the same name.
    pub fn insert(&mut self, key: &str, value: serde_json::Value) {
        let mut object = self.to_json();
        object.insert(key.to_owned(), value);
        *self = object.into();
    }
}

impl Default for JsonText {
    /// The object without members.
    fn default() -> Self {
        Self(Cow::Borrowed(EMPTY))
    }
}

impl From<&Json> for JsonText {
    fn from(object: &Json) -> Self {
        if object.is_empty() {
            return Self::default();
        }
        Self(Cow::Owned(serde_json::to_string(object).expect("an object has a text")))
    }
}

impl From<Json> for JsonText {
    fn from(object: Json) -> Self {
        Self::from(&object)
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?;
        Self::of(text.get()).map_err(D::Error::custom)
    }
}

/// A member of an object that is being written: its key, and where the whole of it stands.
struct Member<'t> {
    key: &'t str,
    start: usize,
    end: usize,
}

/// Writes the canonical form of a text. Where a method returns nothing, the text is rare or wrong.
struct Writer<'t> {
    rest: &'t str,
    out: String,
    /// Members of the objects that are open.
    members: Vec<Member<'t>>,
}

impl<'t> Writer<'t> {
    fn new(text: &'t str) -> Self {
        Self { rest: text.trim_ascii(), out: String::with_capacity(text.len()), members: Vec::new() }
    }

    /// The canonical form, if the text is a plain object.
    fn run(mut self) -> Option<String> {
        self.object(1)?;
        self.rest.is_empty().then_some(self.out)
    }

    fn is_next(&self, sign: char) -> bool {
        self.rest.starts_with(sign)
    }

    /// Takes a sign, and the space around it.
    fn take(&mut self, sign: char) -> Option<()> {
        self.rest = self.rest.trim_ascii_start().strip_prefix(sign)?.trim_ascii_start();
        Some(())
    }

    /// Takes and writes as many bytes.
    fn copy(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.rest.as_bytes().first()? {
            b'"' => self.text().map(drop),
            b'{' if depth < DEPTH_MAX => self.object(depth + 1),
            b'[' if depth < DEPTH_MAX => self.list(depth + 1),
            b't' | b'f' | b'n' => self.word(),
            _ => self.number(),
        }
    }

    fn word(&mut self) -> Option<()> {
        let word = ["true", "false", "null"].into_iter().find(|word| self.rest.starts_with(word))?;
        self.copy(word.len());
        Some(())
    }

    /// Copies a text without escapes; returns what stands between its quotes.
    fn text(&mut self) -> Option<&'t str> {
        let inner = self.rest.strip_prefix('"')?;
        let length = inner.bytes().position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
        let inner = inner.get(..length).filter(|_| inner.as_bytes()[length] == b'"')?;
        self.copy(length + 2);
        Some(inner)
    }

    fn number(&mut self) -> Option<()> {
        let is_part = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.bytes().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let text = self.rest.get(..length)?;
        if is_canonical(text) {
            self.copy(length);
        } else {
            let number: serde_json::Number = text.parse().ok()?;
            self.out.push_str(&number.to_string());
            self.rest = &self.rest[length..];
        }
        Some(())
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.take('[')?;
        self.out.push('[');
        let mut is_first = true;
        while !self.is_next(']') {
            if !is_first {
                self.take(',')?;
                self.out.push(',');
            }
            is_first = false;
            self.value(depth)?;
            self.rest = self.rest.trim_ascii_start();
        }
        self.copy(1);
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.take('{')?;
        self.out.push('{');
        let (begun, from) = (self.out.len(), self.members.len());
        while !self.is_next('}') {
            if self.members.len() > from {
                self.take(',')?;
                self.out.push(',');
            }
            let start = self.out.len();
            let key = self.text()?;
            self.take(':')?;
            self.out.push(':');
            self.value(depth)?;
            self.rest = self.rest.trim_ascii_start();
            self.members.push(Member { key, start, end: self.out.len() });
        }
        if !self.members[from..].is_sorted_by(|one, next| one.key < next.key) {
            self.sort(begun, from);
        }
        self.members.truncate(from);
        self.copy(1);
        Some(())
    }

    /// Writes the members from the one numbered `from` on again, which begin at `begun`: sorted, each key once.
    fn sort(&mut self, begun: usize, from: usize) {
        let written = self.out.split_off(begun);
        let members = &mut self.members[from..];
        members.sort_by_key(|member| member.key);
        for (at, member) in members.iter().enumerate() {
            if members.get(at + 1).is_some_and(|next| next.key == member.key) {
                continue;
            }
            if self.out.len() > begun {
                self.out.push(',');
            }
            self.out.push_str(&written[member.start - begun..member.end - begun]);
        }
    }
}

/// Whether a number reads as `serde_json` writes it. Says no where that takes more than a look.
fn is_canonical(text: &str) -> bool {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let is_zero = whole == "0";
    if !are_digits(whole) || (whole.starts_with('0') && !is_zero) {
        return false;
    }
    match fraction {
        None => whole.len() <= DIGITS_WHOLE && !(is_zero && text.len() > 1),
        Some("0") => whole.len() < DIGITS_EXACT,
        Some(fraction) => {
            let is_small = is_zero && fraction.starts_with('0');
            are_digits(fraction) && !fraction.ends_with('0') && !is_small && digits.len() <= DIGITS_EXACT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) {
        let expected = serde_json::from_str::<Json>(text).map(|object| serde_json::to_string(&object).unwrap());
        let found = JsonText::of(text).map(|text| text.as_str().to_owned());
        assert_eq!(found.ok(), expected.ok(), "{text}");
    }

    #[test]
    fn it_is_what_sorted_maps_print() {
        for text in [
            "{}",
            " { } ",
            r#"{"b":1,"a":{"d":[ ],"c":[1, 2.50 ,{"z":0,"y":""}]}}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"{"a":{"x":1},"a":{"z":1,"y":2}}"#,
            r#"{"é":"ü","e":"\u00e9\n","\u0061":1,"a":2}"#,
            "{\"a\" : true,\n\t\"b\":false , \"c\":null}",
            r#"{"a":[1,]}"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":[,1]}"#,
            r#"{"a" 1}"#,
            r#"{"a":1}}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":tru}"#,
            r#"{"a":"#,
            r#"{"a":"x"#,
            "[1]",
            "1",
            "",
        ] {
            check(text);
        }
        check(&format!(r#"{{"a":{}{}}}"#, "[".repeat(126), "]".repeat(126)));
        check(&format!(r#"{{"a":{}{}}}"#, "[".repeat(127), "]".repeat(127)));
    }

    #[test]
    fn numbers_are_as_they_are_printed() {
        for number in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "00",
            "01",
            "1.",
            ".1",
            "1.0",
            "1.50",
            "129.95",
            "0.1",
            "0.01",
            "0.00001",
            "-7",
            "1e2",
            "1E-7",
            "1e999",
            "-",
            "--1",
            "1.2.3",
            "999999999999999.0",
            "99999999999999.0",
            "123456789012345678",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775809",
            "0.1234567890123",
            "0.12345678901234567",
            "123456789.12345",
            "123456789.123456",
        ] {
            check(&format!(r#"{{"a":{number}}}"#));
        }
    }

    #[test]
    fn a_member_is_found_where_the_text_mentions_it() {
        let text = JsonText::of(r#"{"traits":{"b":1},"x":{"other":{"c":2}}}"#).unwrap();
        assert_eq!(text.object("traits").map(JsonText::from).unwrap().as_str(), r#"{"b":1}"#);
        assert_eq!((text.object("other"), text.object("b"), JsonText::default().object("a")), (None, None, None));
        assert!(JsonText::of(" {} ").unwrap().is_empty() && !text.is_empty());
    }
}
