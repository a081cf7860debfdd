//! The outline of one event's JSON: where its members are, found in one pass and without copying.
//!
//! The text is known to be JSON, as it was split off as a raw value. The pass
//! counts the depth, without recursion, and notices what cannot be taken as it
//! stands ([`Finding::Peculiar`]): such a text is rewritten by [`canonical`].

use serde_json::Value;

/// Members are kept down to this depth: that of `context.traits.email`.
const DEPTH_KEPT: usize = 3;
/// A number with fewer characters and no exponent is finite.
const NUMBER_CHARS_PLAIN: usize = 300;
/// Above it `serde_json` decides whether a number is finite.
const NUMBER_FINITE: f64 = 1e300;
/// Characters of `\uXXXX`.
const UNICODE_ESCAPE_CHARS: usize = 6;

/// What a pass over a text found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It can be used as it stands.
    Plain,
    /// It has half a surrogate pair, an escape in a key or a number that may be
    /// infinite: use its canonical form.
    Peculiar,
    /// Arrays and objects are nested too deep.
    TooDeep,
}

#[derive(Clone, Copy, Debug)]
struct Member<'a> {
    depth: usize,
    key: &'a str,
    value: &'a str,
}

/// The members of one text, each followed by those inside it.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    text: &'a str,
    members: Vec<Member<'a>>,
}

impl<'a> Outline<'a> {
    /// Reads a text, in place of the one before.
    pub(crate) fn read(&mut self, text: &'a str, depth_max: usize) -> Finding {
        self.members.clear();
        self.text = text.trim_ascii();
        let open = [None; DEPTH_KEPT + 1];
        Walk { text: self.text, members: &mut self.members, open, depth: 0, peculiar: false }.run(depth_max)
    }

    /// Returns the text as an object, if it is one.
    pub(crate) fn object(&self) -> Option<Object<'_, 'a>> {
        self.text.starts_with('{').then_some(Object { text: self.text, members: &self.members, depth: 1 })
    }
}

/// An object of an outline. Of repeated keys the last counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'o, 'a> {
    text: &'a str,
    members: &'o [Member<'a>],
    depth: usize,
}

impl<'o, 'a> Object<'o, 'a> {
    /// Returns the members, without the braces.
    pub(crate) fn inner(self) -> &'a str {
        let inner = self.text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        inner.unwrap_or_default().trim_ascii()
    }

    /// Returns place, key and value of each member.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Place, &'a str, &'a str)> + use<'o, 'a> {
        let own = move |(_, member): &(usize, &Member<'_>)| member.depth == self.depth;
        self.members.iter().enumerate().filter(own).map(|(at, member)| (Place(at), member.key, member.value))
    }

    /// Returns the value of `key`.
    pub(crate) fn get(self, key: &str) -> Option<&'a str> {
        Some(self.value(self.find(key)?))
    }

    /// Returns the value of `key` if it is an object.
    pub(crate) fn object(self, key: &str) -> Option<Object<'o, 'a>> {
        self.object_at(self.find(key)?)
    }

    fn find(self, key: &str) -> Option<Place> {
        self.iter().filter(|(_, of_member, _)| *of_member == key).last().map(|(place, _, _)| place)
    }

    /// Returns the value of the member at `place`.
    pub(crate) fn value(self, place: Place) -> &'a str {
        self.members.get(place.0).map_or("null", |member| member.value)
    }

    /// Returns the value of the member at `place` if it is an object.
    pub(crate) fn object_at(self, place: Place) -> Option<Object<'o, 'a>> {
        let text = self.value(place);
        let after = self.members.get(place.0 + 1..)?;
        let inside = after.iter().take_while(|member| member.depth > self.depth).count();
        text.starts_with('{').then_some(Object { text, members: &after[..inside], depth: self.depth + 1 })
    }
}

/// Place of a member in its object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

struct Walk<'a, 'o> {
    text: &'a str,
    members: &'o mut Vec<Member<'a>>,
    /// By depth: the member whose value is being read, and where that begins.
    open: [Option<(usize, usize)>; DEPTH_KEPT + 1],
    depth: usize,
    peculiar: bool,
}

impl Walk<'_, '_> {
    fn run(mut self, depth_max: usize) -> Finding {
        let bytes = self.text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            at = match byte {
                b'"' => self.string(at),
                b'-' | b'0'..=b'9' => self.number(at),
                b',' => self.close(at),
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > depth_max {
                        return Finding::TooDeep;
                    }
                    at + 1
                }
                b'}' | b']' => {
                    let next = self.close(at);
                    self.depth = self.depth.saturating_sub(1);
                    next
                }
                _ => at + 1,
            };
        }
        if self.peculiar { Finding::Peculiar } else { Finding::Plain }
    }

    /// Ends the member whose value ends before `at`.
    fn close(&mut self, at: usize) -> usize {
        if let Some(open) = self.open.get_mut(self.depth)
            && let Some((index, begin)) = open.take()
        {
            self.members[index].value = self.text.get(begin..at).unwrap_or_default().trim_ascii_end();
        }
        at + 1
    }

    /// Passes a string; a key opens a member.
    fn string(&mut self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        let (end, has_escapes) = self.string_end(at + 1);
        let colon = skip_space(bytes, end + 1);
        if bytes.get(colon) != Some(&b':') {
            return end + 1;
        }
        let begin = skip_space(bytes, colon + 1);
        if let Some(open) = self.open.get_mut(self.depth) {
            let key = self.text.get(at + 1..end).unwrap_or_default();
            self.peculiar |= has_escapes;
            *open = Some((self.members.len(), begin));
            self.members.push(Member { depth: self.depth, key, value: "null" });
        }
        begin
    }

    /// Finds the quote that ends a string, and whether there are escapes before it.
    fn string_end(&mut self, mut at: usize) -> (usize, bool) {
        let bytes = self.text.as_bytes();
        let mut has_escapes = false;
        loop {
            at = find_quote_or_backslash(bytes, at);
            if bytes.get(at) != Some(&b'\\') {
                return (at, has_escapes);
            }
            let escape = Escape::at(bytes, at);
            self.peculiar |= escape.is_half;
            has_escapes = true;
            at += escape.chars;
        }
    }

    fn number(&mut self, at: usize) -> usize {
        let rest = &self.text.as_bytes()[at..];
        let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let chars = rest.iter().take_while(|byte| is_number(byte)).count();
        if chars >= NUMBER_CHARS_PLAIN || rest[..chars].iter().any(|byte| matches!(byte, b'e' | b'E')) {
            let number = self.text.get(at..at + chars).and_then(|text| text.parse::<f64>().ok());
            self.peculiar |= number.is_none_or(|number| number.abs() > NUMBER_FINITE);
        }
        at + chars
    }
}

fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

/// Eight bytes at a time; returns the end if there is neither.
fn find_quote_or_backslash(bytes: &[u8], from: usize) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let zero_bytes = |word: u64| word.wrapping_sub(LOW) & !word & HIGH;
    let mut at = from;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let found = zero_bytes(word ^ (LOW * u64::from(b'"'))) | zero_bytes(word ^ (LOW * u64::from(b'\\')));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\')).count()
}

/// A backslash and what belongs to it.
struct Escape {
    chars: usize,
    /// Half a surrogate pair.
    is_half: bool,
}

impl Escape {
    fn at(bytes: &[u8], at: usize) -> Self {
        match unit(bytes, at) {
            None => Self { chars: 2, is_half: false },
            Some(0xd800..=0xdbff) => match unit(bytes, at + UNICODE_ESCAPE_CHARS) {
                Some(0xdc00..=0xdfff) => Self { chars: 2 * UNICODE_ESCAPE_CHARS, is_half: false },
                _ => Self { chars: UNICODE_ESCAPE_CHARS, is_half: true },
            },
            Some(unit) => Self { chars: UNICODE_ESCAPE_CHARS, is_half: (0xdc00..=0xdfff).contains(&unit) },
        }
    }
}

/// Reads `\uXXXX`.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let hex = bytes.get(at..at + UNICODE_ESCAPE_CHARS)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

/// Returns the canonical form of a JSON text; half a surrogate pair becomes U+FFFD.
///
/// # Errors
/// A number is infinite.
pub(crate) fn canonical(text: &str) -> serde_json::Result<String> {
    serde_json::from_str::<Value>(&whole_characters(text)).map(|value| value.to_string())
}

fn whole_characters(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut whole = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(found) = text[rest..].find('\\') {
        let at = rest + found;
        let escape = Escape::at(bytes, at);
        let next = (at + escape.chars).min(text.len());
        whole.push_str(&text[rest..at]);
        whole.push_str(if escape.is_half { "\\ufffd" } else { &text[at..next] });
        rest = next;
    }
    whole.push_str(&text[rest..]);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth_of(text: &str, depth: usize) {
        let deeper = |depth_max| Outline::default().read(text, depth_max) == Finding::TooDeep;
        assert!(!deeper(depth), "{text}");
        assert!(depth == 0 || deeper(depth - 1), "{text}");
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        depth_of("1", 0);
        depth_of("{}", 1);
        depth_of(r#"{"a":[{}],"b":{}}"#, 3);
        depth_of(r#"{"a":"[[[[{{{{"}"#, 1);
        depth_of(r#"{"a":"\"[[[[","b":[]}"#, 2);
        depth_of(r#"{"a\\":[1]}"#, 2);
        assert_eq!(Outline::default().read(&"[".repeat(1_000_000), 64), Finding::TooDeep);
    }

    #[test]
    fn members_are_found_where_they_are() {
        let text = r#" { "a" : 1 , "b":{"c": "x,}:\"" ,"d":{"e":[{"f":1}],"g":{"h":2}}},"a": [ 1, {"z":3} ] ,"s":""} "#;
        let mut outline = Outline::default();
        assert_eq!(outline.read(text, 64), Finding::Plain);
        let object = outline.object().unwrap();
        assert_eq!(object.get("a"), Some(r#"[ 1, {"z":3} ]"#), "the last counts");
        assert_eq!(object.get("z"), None);
        assert_eq!(object.get("s"), Some(r#""""#));
        assert!(object.object("a").is_none());
        let inner = object.object("b").unwrap();
        assert_eq!(inner.get("c"), Some(r#""x,}:\"""#));
        assert_eq!(inner.get("e"), None);
        let deepest = inner.object("d").unwrap();
        assert_eq!(deepest.get("e"), Some(r#"[{"f":1}]"#));
        assert_eq!(deepest.get("f"), None);
        assert_eq!(deepest.object("g").unwrap().inner(), r#""h":2"#);
        assert_eq!(object.iter().count(), 4);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["1", "[]", r#""{}""#, "null", r#"[{"a":1}]"#] {
            let mut outline = Outline::default();
            outline.read(text, 64);
            assert!(outline.object().is_none(), "{text}");
        }
    }

    fn check(text: &str, expected: Option<&str>) {
        let finding = Outline::default().read(text, 64);
        match expected {
            None => assert_eq!(finding, Finding::Plain, "{text}"),
            Some(expected) => {
                assert_eq!(finding, Finding::Peculiar, "{text}");
                assert_eq!(canonical(text).unwrap(), expected);
            }
        }
    }

    #[test]
    fn peculiar_texts_are_noticed_and_rewritten() {
        check(r#"{"a":"\ud83d\ude00 \n \\ud800 é","b":-1.5}"#, None);
        check(r#"{"a":"\ud83d"}"#, Some("{\"a\":\"\u{fffd}\"}"));
        check(r#"{"a":"\ud83d\ud83d\ude00"}"#, Some("{\"a\":\"\u{fffd}\u{1f600}\"}"));
        check(r#"{"a":"\ude00\u0041"}"#, Some("{\"a\":\"\u{fffd}A\"}"));
        check(r#"{"\u0061":1,"x\ud800":2}"#, Some("{\"a\":1,\"x\u{fffd}\":2}"));
        check(r#"{"a":1e3,"b":-2.5E-7}"#, None);
        check(r#"{"a":1e305}"#, Some(r#"{"a":1e+305}"#));
        assert!(canonical(r#"{"a":1e999}"#).is_err());
        assert!(canonical(&format!(r#"{{"a":{}}}"#, "9".repeat(400))).is_err());
    }

    #[test]
    fn quotes_are_found_at_every_distance() {
        for length in 0..40 {
            for mark in ['"', '\\'] {
                let text = format!("{}{mark}{}", "é".repeat(length), "x".repeat(20));
                assert_eq!(find_quote_or_backslash(text.as_bytes(), 0), 2 * length);
            }
            let text = "x".repeat(length);
            assert_eq!(find_quote_or_backslash(text.as_bytes(), 0), length);
        }
    }
}
