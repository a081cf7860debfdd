//! The packed form of what is stored for every record.
//!
//! A value begins with one byte, the version of its form; the fields follow
//! without names or gaps, in the order in which the type packs them:
//!
//! | what | bytes |
//! |---|---|
//! | count, offset | LEB128: seven bits a byte, the least first, the highest bit set on all but the last |
//! | time, microseconds | the same, after zigzag (0, -1, 1, -2, ... as 0, 1, 2, 3, ...) |
//! | hash | 16, big endian |
//! | id of an item | 8, big endian |
//! | text | its length in bytes as a count, then UTF-8 |
//! | id of a message | a UUID in its usual form: a 0, then its 16 bytes; else 1 + length, then UTF-8 |
//! | kind of identifier | its place in [`KINDS`], from 1 on; else a 0 and the text |
//!
//! There is one way to pack a value, so that equal values are equal bytes.

use crate::{Error, Result};
use std::fmt::Write as _;
use tributary_protocol::{KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_EMAIL, KIND_PHONE, KIND_USER_ID};
use uuid::Uuid;

/// Version of every packed form.
const VERSION: u8 = 2;
/// Kinds that have a number. Another order, or one left out, is another version.
const KINDS: [&str; 6] = [KIND_USER_ID, KIND_EMAIL, KIND_ANONYMOUS_ID, KIND_DEVICE, KIND_PHONE, "group_id"];
/// Bytes of a key that an error shows: its kind, and one hash.
const KEY_SHOWN: usize = 17;

/// What is wrong with bytes.
pub(crate) type Unpacked<T> = std::result::Result<T, &'static str>;

const CUT: &str = "it is cut short";

/// A value with a packed form.
pub(crate) trait Packed: Sized {
    /// What it is called in errors.
    const WHAT: &'static str;

    /// Appends its fields.
    fn pack(&self, to: &mut Packer);

    /// Reads its fields.
    fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self>;
}

/// Returns the packed form of a value.
pub(crate) fn pack<T: Packed>(value: &T) -> Vec<u8> {
    let mut to = Packer(Vec::with_capacity(64));
    to.byte(VERSION);
    value.pack(&mut to);
    to.0
}

/// Reads the value packed at `key`.
///
/// # Errors
/// [`Error::Format`] if the bytes are of another version, cut, or say what cannot be.
pub(crate) fn unpack<T: Packed>(key: &[u8], bytes: &[u8]) -> Result<T> {
    let mut from = Unpacker(bytes);
    let read = match from.byte() {
        Ok(VERSION) => T::unpack(&mut from),
        Ok(_) => Err("its version is not read by this program"),
        Err(reason) => Err(reason),
    };
    let whole =
        read.and_then(|value| if from.0.is_empty() { Ok(value) } else { Err("there are bytes beyond its end") });
    whole.map_err(|reason| damaged(T::WHAT, key, bytes, reason))
}

/// The error of bytes that cannot be read: names key and version, and shows nothing else of them.
pub(crate) fn damaged(what: &'static str, key: &[u8], bytes: &[u8], reason: &str) -> Error {
    let mut place = String::new();
    for (at, byte) in key.iter().take(KEY_SHOWN).enumerate() {
        // Writing to a text does not fail.
        let _ = if at == 0 { write!(place, "{}", byte.escape_ascii()) } else { write!(place, "{byte:02x}") };
    }
    let version = bytes.first().map_or_else(|| "none".to_owned(), u8::to_string);
    Error::Format { what, reason: format!("at {place}, version {version}: {reason}") }
}

/// Writes fields.
pub(crate) struct Packer(Vec<u8>);

impl Packer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn count(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number.to_le_bytes()[0] | 0x80);
            number >>= 7;
        }
        self.0.push(number.to_le_bytes()[0]);
    }

    pub(crate) fn time(&mut self, time: i64) {
        self.count(((time << 1) ^ (time >> 63)).cast_unsigned());
    }

    pub(crate) fn hash(&mut self, hash: u128) {
        self.0.extend_from_slice(&hash.to_be_bytes());
    }

    pub(crate) fn id(&mut self, id: u64) {
        self.0.extend_from_slice(&id.to_be_bytes());
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.count(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn message_id(&mut self, id: &str) {
        if let Some(uuid) = uuid_of(id) {
            self.byte(0);
            self.0.extend_from_slice(uuid.as_bytes());
        } else {
            self.count(id.len() as u64 + 1);
            self.0.extend_from_slice(id.as_bytes());
        }
    }

    pub(crate) fn kind(&mut self, kind: &str) {
        let Some((number, _)) = (1..).zip(KINDS).find(|(_, known)| *known == kind) else {
            self.byte(0);
            return self.text(kind);
        };
        self.byte(number);
    }
}

/// The UUID that `text` is the usual form of.
fn uuid_of(text: &str) -> Option<Uuid> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let uuid = Uuid::try_parse(text).ok()?;
    let usual = &mut Uuid::encode_buffer();
    (uuid.as_hyphenated().encode_lower(usual) == text).then_some(uuid)
}

/// Reads fields.
pub(crate) struct Unpacker<'b>(&'b [u8]);

impl<'b> Unpacker<'b> {
    pub(crate) fn byte(&mut self) -> Unpacked<u8> {
        let (&byte, rest) = self.0.split_first().ok_or(CUT)?;
        self.0 = rest;
        Ok(byte)
    }

    /// A byte of which only the bits of `known` mean anything.
    pub(crate) fn flags(&mut self, known: u8) -> Unpacked<u8> {
        Some(self.byte()?).filter(|flags| flags & !known == 0).ok_or("it has flags that mean nothing")
    }

    pub(crate) fn count(&mut self) -> Unpacked<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits || (byte == 0 && shift > 0) {
                return Err("a number is not in its shortest form");
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("a number is too long")
    }

    pub(crate) fn time(&mut self) -> Unpacked<i64> {
        let number = self.count()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn hash(&mut self) -> Unpacked<u128> {
        let bytes: [u8; 16] = self.bytes(16)?.try_into().map_err(|_| CUT)?;
        Ok(u128::from_be_bytes(bytes))
    }

    pub(crate) fn id(&mut self) -> Unpacked<u64> {
        let bytes: [u8; 8] = self.bytes(8)?.try_into().map_err(|_| CUT)?;
        Ok(u64::from_be_bytes(bytes))
    }

    pub(crate) fn text(&mut self) -> Unpacked<&'b str> {
        let length = self.count()?;
        self.text_of(length)
    }

    pub(crate) fn message_id(&mut self) -> Unpacked<String> {
        match self.count()?.checked_sub(1) {
            None => Ok(Uuid::from_u128(self.hash()?).to_string()),
            Some(length) => {
                let text = self.text_of(length)?;
                if uuid_of(text).is_some() { Err("a UUID is not in its shortest form") } else { Ok(text.to_owned()) }
            }
        }
    }

    pub(crate) fn kind(&mut self) -> Unpacked<&'b str> {
        match usize::from(self.byte()?).checked_sub(1) {
            None => Some(self.text()?).filter(|kind| !KINDS.contains(kind)).ok_or("a kind is not in its shortest form"),
            Some(place) => KINDS.get(place).copied().ok_or("a kind is unknown"),
        }
    }

    /// How many of what takes `least` bytes each follow.
    pub(crate) fn length(&mut self, least: usize) -> Unpacked<usize> {
        let count = usize::try_from(self.count()?).map_err(|_| CUT)?;
        if count > self.0.len() / least.max(1) { Err(CUT) } else { Ok(count) }
    }

    fn text_of(&mut self, length: u64) -> Unpacked<&'b str> {
        let bytes = self.bytes(usize::try_from(length).map_err(|_| CUT)?)?;
        std::str::from_utf8(bytes).map_err(|_| "a text is not UTF-8")
    }

    fn bytes(&mut self, count: usize) -> Unpacked<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Holds a value to its packed form: read back it is the same, cut anywhere
    /// it is an error, and with one byte changed or added it is no panic.
    #[track_caller]
    pub(crate) fn check<T: Packed + PartialEq + std::fmt::Debug>(value: &T, at: proptest::sample::Index, byte: u8) {
        let bytes = pack(value);
        assert_eq!(&unpack::<T>(b"K", &bytes).unwrap(), value);
        for cut in 0..bytes.len() {
            let error = unpack::<T>(b"K", &bytes[..cut]).unwrap_err().to_string();
            assert!(error.contains(T::WHAT) && error.contains("at K, version"), "{error}");
        }
        assert!(unpack::<T>(b"K", &[&bytes[..], &[byte]].concat()).is_err());
        let mut changed = bytes;
        let at = at.index(changed.len());
        changed[at] = byte;
        // Many changes make another value; none may panic.
        let _ = unpack::<T>(b"K", &changed);
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Sample {
        number: u64,
        time: i64,
        hash: u128,
        text: String,
        message_id: String,
        kind: String,
    }

    impl Packed for Sample {
        const WHAT: &'static str = "sample";

        fn pack(&self, to: &mut Packer) {
            to.count(self.number);
            to.time(self.time);
            to.hash(self.hash);
            to.text(&self.text);
            to.message_id(&self.message_id);
            to.kind(&self.kind);
        }

        fn unpack(from: &mut Unpacker<'_>) -> Unpacked<Self> {
            Ok(Self {
                number: from.count()?,
                time: from.time()?,
                hash: from.hash()?,
                text: from.text()?.to_owned(),
                message_id: from.message_id()?,
                kind: from.kind()?.to_owned(),
            })
        }
    }

    fn sample() -> impl Strategy<Value = Sample> {
        let uuid = any::<u128>().prop_map(|number| Uuid::from_u128(number).to_string());
        let upper = any::<u128>().prop_map(|number| Uuid::from_u128(number).to_string().to_uppercase());
        let message_id = prop_oneof![any::<String>(), uuid, upper];
        let kind = prop_oneof![proptest::sample::select(&KINDS[..]).prop_map(str::to_owned), any::<String>()];
        (any::<u64>(), any::<i64>(), any::<u128>(), any::<String>(), message_id, kind).prop_map(
            |(number, time, hash, text, message_id, kind)| Sample { number, time, hash, text, message_id, kind },
        )
    }

    #[test]
    fn numbers_and_known_texts_are_short() {
        let small = |number, message_id: &str| {
            let sample = Sample {
                number,
                time: -1,
                hash: 0,
                text: String::new(),
                message_id: message_id.to_owned(),
                kind: KIND_EMAIL.to_owned(),
            };
            pack(&sample).len()
        };
        assert_eq!(small(127, "m"), 1 + 1 + 1 + 16 + 1 + 2 + 1);
        assert_eq!(small(128, "c9bf9e57-1685-4c89-bafb-ff5af830be8a"), 1 + 2 + 1 + 16 + 1 + 17 + 1);
        assert_eq!(small(u64::MAX, "C9BF9E57-1685-4C89-BAFB-FF5AF830BE8A"), 1 + 10 + 1 + 16 + 1 + 37 + 1);
    }

    #[test]
    fn an_error_names_key_and_version_and_no_content() {
        let error = unpack::<Sample>(b"N\x01\xff", &[9, 0]).err().unwrap().to_string();
        assert!(error.contains("(sample): at N01ff, version 9: its version is not read"), "{error}");
        let error = unpack::<Sample>(b"N\x01\xff", &[]).err().unwrap().to_string();
        assert!(error.contains("version none: it is cut short"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(value in sample(), at in any::<proptest::sample::Index>(), byte in any::<u8>()) {
            check(&value, at, byte);
        }

        #[test]
        fn other_bytes_are_an_error_or_the_one_form_of_a_value(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(version) = bytes.first_mut() {
                *version = VERSION;
            }
            if let Ok(value) = unpack::<Sample>(b"N", &bytes) {
                prop_assert_eq!(pack(&value), bytes);
            }
        }
    }
}
