//! Values that are never printed.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MASK: &str = "********";

/// A secret: write it as `${env:NAME}` or `${file:PATH}`. Masked in every
/// printed or serialised form.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// Returns the secret itself: only at the call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl std::fmt::Display for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// Key of the profile ids: 16 bytes, written as 32 hexadecimal digits.
/// Masked in every printed or serialised form.
#[derive(Clone, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct IdKey(#[schemars(with = "String", regex(pattern = "^[0-9a-fA-F]{32}$"))] [u8; 16]);

impl IdKey {
    /// Returns the key itself: only at the call that needs it.
    #[must_use]
    pub fn expose(&self) -> [u8; 16] {
        self.0
    }
}

impl std::fmt::Debug for IdKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for IdKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for IdKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(&text, 16).ok().filter(|_| digits);
        let key = number.map(|number| Self(number.to_be_bytes()));
        key.ok_or_else(|| serde::de::Error::custom("not 32 hexadecimal digits"))
    }
}
