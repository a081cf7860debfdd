//! Bodies: gzip whatever the content type says, bounded when inflated, and
//! JSON whose depth is known before it is parsed.

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// Why a body cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Inflated, it is larger than allowed.
    TooLarge,
    /// It begins like gzip and is not.
    BadGzip,
}

/// Inflates a body that begins with the bytes of gzip; others pass as they are.
///
/// # Errors
/// [`Problem::TooLarge`] as soon as more than `bytes_max` bytes came out;
/// [`Problem::BadGzip`] if it is damaged.
pub fn inflate(body: Bytes, bytes_max: usize) -> Result<Bytes, Problem> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return if body.len() > bytes_max { Err(Problem::TooLarge) } else { Ok(body) };
    }
    let mut inflated = Vec::new();
    let mut bounded = MultiGzDecoder::new(body.as_ref()).take(bytes_max as u64 + 1);
    bounded.read_to_end(&mut inflated).map_err(|_| Problem::BadGzip)?;
    if inflated.len() > bytes_max { Err(Problem::TooLarge) } else { Ok(Bytes::from(inflated)) }
}

/// The deepest nesting of arrays and objects in JSON text.
#[must_use]
pub fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_inflated_within_bounds() {
        let bomb = gzip(&vec![b' '; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(inflate(Bytes::from(bomb), 1000), Err(Problem::TooLarge));
        assert_eq!(inflate(Bytes::from(gzip(b"{}")), 1000), Ok(Bytes::from_static(b"{}")));
        let two = [gzip(b"{"), gzip(b"}")].concat();
        assert_eq!(inflate(Bytes::from(two), 1000), Ok(Bytes::from_static(b"{}")));
        assert_eq!(inflate(Bytes::from(gzip(b"{}")[..8].to_vec()), 1000), Err(Problem::BadGzip));
        assert_eq!(inflate(Bytes::from_static(b"{}"), 1), Err(Problem::TooLarge));
    }

    #[test]
    fn depth_counts_structure_only() {
        assert_eq!(depth(br#"{"a":[1,{"b":"[[[\"["}]}"#), 3);
        assert_eq!(depth("[".repeat(100_000).as_bytes()), 100_000);
        assert_eq!(depth(b"]]]]"), 0);
    }
}
