//! The members of a JSON object, as they stand in its text.
//!
//! Every query over traits reads this text for every profile, and needs a few
//! of its members: so nothing is parsed that nobody asked for. The text is
//! ours and valid; of a damaged one, the members before the damage are read.

use std::borrow::Cow;

/// Goes through the members of an object: names, and values as JSON.
pub(crate) struct Members<'a> {
    /// What is left, from the next name on.
    rest: &'a str,
}

impl<'a> Members<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self { rest: text.trim_ascii_start().strip_prefix('{').unwrap_or_default() }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        // Taken first: after damage there is nothing more.
        let rest = std::mem::take(&mut self.rest).trim_ascii_start();
        let (name, rest) = rest.split_at_checked(text_end(rest.as_bytes())?)?;
        let rest = rest.trim_ascii_start().strip_prefix(':')?.trim_ascii_start();
        let (value, rest) = rest.split_at_checked(value_end(rest.as_bytes())?)?;
        self.rest = rest.trim_ascii_start().strip_prefix(',').unwrap_or_default();
        Some((unquoted(name)?, value))
    }
}

/// The text that a JSON text stands for; it is copied only if it has escapes.
pub(crate) fn unquoted(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// The length of the JSON text that `json` starts with.
fn text_end(json: &[u8]) -> Option<usize> {
    if json.first() != Some(&b'"') {
        return None;
    }
    let mut at = 1;
    loop {
        match json.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The length of the JSON value that `json` starts with, which another
/// character must follow.
fn value_end(json: &[u8]) -> Option<usize> {
    match json.first()? {
        b'"' => text_end(json),
        b'{' | b'[' => nested_end(json),
        _ => json
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
            .filter(|end| *end > 0),
    }
}

fn nested_end(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match json.get(at)? {
            b'"' => {
                at += text_end(&json[at..])?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn read(text: &str) -> Vec<(String, String)> {
        Members::of(text).map(|(name, value)| (name.into_owned(), value.to_owned())).collect()
    }

    #[test]
    fn damage_ends_the_members() {
        for (text, expected) in [
            ("", ""),
            ("[1]", ""),
            ("7", ""),
            ("{", ""),
            ("{}", ""),
            (r#"{"a":1,"b":"#, "a=1"),
            (r#"{"a":1,"b":}"#, "a=1"),
            (r#"{"a":1,"b":"x"#, "a=1"),
            (r#"{"a":1,"b\"#, "a=1"),
            (r#"{"a":1,"b":[1,{"c":2}"#, "a=1"),
            (r#"{"a":1,b:2}"#, "a=1"),
            (r#"{"a":1 "b":2}"#, "a=1"),
            (r#"{"a":1} x"#, "a=1"),
            (r#" { "a" : [ 1 , "}" ] , "b" : null } "#, r#"a=[ 1 , "}" ] b=null"#),
        ] {
            let shown: Vec<String> = read(text).iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(shown.join(" "), expected, "{text}");
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |part| {
            prop_oneof![
                prop::collection::vec(part.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), part, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_of_a_parser(object in prop::collection::btree_map(any::<String>(), values(), 0..6)) {
            let object: Map<String, Value> = object.into_iter().collect();
            let expected: Vec<(String, String)> =
                object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
            prop_assert_eq!(read(&Value::from(object.clone()).to_string()), &expected[..]);
            let pretty = serde_json::to_string_pretty(&object).unwrap();
            let parsed: Vec<(String, String)> = read(&pretty)
                .into_iter()
                .map(|(name, value)| (name, serde_json::from_str::<Value>(&value).unwrap().to_string()))
                .collect();
            prop_assert_eq!(parsed, expected);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[{}\\[\\],:\"\\\\a1 é]{0,40}") {
            read(&text);
        }
    }
}
