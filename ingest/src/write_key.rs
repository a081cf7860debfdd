//! Where clients put their write key.
//!
//! In this order: the user of `Authorization: Basic`, `X-Write-Key`, the query's
//! `writeKey` or `_`, the body's `writeKey` or `api_key` (also beside a bearer
//! token). The first that is given counts, even if it is wrong.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::collections::HashMap;

/// Takes what clients make of base64: with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes base64, leniently.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    LENIENT.decode(text.trim()).ok()
}

/// Returns the key that the head of a request gives.
pub(crate) fn of_head(headers: &HeaderMap, query: &str) -> Option<String> {
    basic(headers).or_else(|| header(headers)).or_else(|| of_query(query))
}

/// `user:password` of `Authorization: Basic`, as a whole: some keys contain a colon.
/// An empty password leaves the user.
fn basic(headers: &HeaderMap) -> Option<String> {
    let (scheme, credentials) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let mut user = String::from_utf8(decode_base64(credentials)?).ok()?;
    if user.ends_with(':') {
        user.pop();
    }
    Some(user).filter(|user| !user.is_empty())
}

fn header(headers: &HeaderMap) -> Option<String> {
    let key = headers.get("x-write-key")?.to_str().ok()?.trim();
    (!key.is_empty()).then(|| key.to_owned())
}

fn of_query(query: &str) -> Option<String> {
    let find = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, value)| name == wanted && !value.is_empty()).map(|(_, value)| value.into_owned())
    };
    find("writeKey").or_else(|| find("_"))
}

/// Sources by their write key.
#[derive(Clone, Debug)]
pub(crate) struct Keys<T>(HashMap<String, T>);

impl<T> Keys<T> {
    pub(crate) fn new(keys: impl IntoIterator<Item = (String, T)>) -> Self {
        Self(keys.into_iter().filter(|(key, _)| !key.is_empty()).collect())
    }

    /// Returns the source of `key`: of the whole text, else of what stands before
    /// its first colon (`keyid:secret`, or a user name and its password).
    pub(crate) fn source(&self, key: &str) -> Option<&T> {
        let before_colon = || self.0.get(key.split_once(':')?.0);
        self.0.get(key).or_else(before_colon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD as BASE64;

    fn check(headers: &[(&str, &str)], query: &str, expected: Option<&str>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        assert_eq!(of_head(&map, query).as_deref(), expected, "{headers:?} {query}");
    }

    #[test]
    fn looked_up_in_order() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text));
        check(&[("authorization", &basic("wk:"))], "", Some("wk"));
        check(&[("authorization", &basic("wk"))], "", Some("wk"));
        check(&[("authorization", basic("wk:").trim_end_matches('='))], "", Some("wk"));
        check(&[("authorization", &basic("wk:").replace("Basic", "basic"))], "", Some("wk"));
        check(&[("authorization", &basic("id:secret"))], "", Some("id:secret"));
        check(&[("authorization", &basic("a:")), ("x-write-key", "b")], "writeKey=c", Some("a"));
        check(&[("x-write-key", "b:s")], "writeKey=c", Some("b:s"));
        check(&[], "_=d&writeKey=c", Some("c"));
        check(&[], "x=1&_=d%2Bd", Some("d+d"));
        check(&[("authorization", "Bearer token")], "", None);
        check(&[("authorization", &basic(":"))], "_=d", Some("d"));
        check(&[("authorization", "Basic ???")], "", None);
        check(&[("x-write-key", " ")], "writeKey=", None);
    }

    #[test]
    fn a_key_may_carry_its_secret() {
        let keys = Keys::new([("wk".to_owned(), "web"), ("id:secret".to_owned(), "shop")]);
        for (key, expected) in [
            ("wk", Some("web")),
            ("wk:anything", Some("web")),
            ("id:secret", Some("shop")),
            ("id", None),
            ("id:***", None),
            ("", None),
            (":", None),
        ] {
            assert_eq!(keys.source(key).copied(), expected, "{key}");
        }
        assert!(Keys::new([(String::new(), "web")]).source("").is_none());
    }
}
