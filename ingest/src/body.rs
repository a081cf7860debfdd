//! The bytes of a request: read with a limit, inflated with a limit.

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt as _;
use std::error::Error as StdError;
use std::io::Read as _;
use tributary_serve::BodyTimeout;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Bytes above the limit that are read and thrown away, so that a client that
/// is still sending can read the refusal.
const DRAIN_BYTES_MAX: usize = 8 << 20;
/// Inflated bytes after which other requests get their turn.
const TURN_BYTES: u64 = 128 << 10;

/// Why a body cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More bytes than the limit.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// It broke off.
    Broken,
}

/// Reads the whole body, `bytes_max` at most.
pub(crate) async fn read(mut body: Body, bytes_max: usize) -> Result<Bytes, BodyError> {
    // Room for what the client announces, so that nothing moves as it comes; untouched room costs no memory.
    let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or_default();
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    let mut total = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| if is_timeout(&error) { BodyError::TooSlow } else { BodyError::Broken })?;
        let Ok(data) = frame.into_data() else { continue };
        total += data.len();
        if total > bytes_max + DRAIN_BYTES_MAX {
            return Err(BodyError::TooLarge);
        } else if total > bytes_max {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                rest.reserve(announced.clamp(total, bytes_max));
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    match total {
        _ if total > bytes_max => Err(BodyError::TooLarge),
        _ if rest.is_empty() => Ok(first),
        _ => Ok(rest.freeze()),
    }
}

fn is_timeout(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<BodyTimeout>() {
            return true;
        }
        source = error.source();
    }
    false
}

/// Most bytes of a body that may inflate to `bytes_max`: what does not
/// compress grows by its headers.
pub(crate) fn compressed_bytes_max(bytes_max: usize) -> usize {
    bytes_max + bytes_max / 1024 + 4096
}

/// Why a body cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InflateError {
    /// More bytes than the limit.
    TooLarge,
    /// No whole gzip stream.
    Corrupt,
    /// Compressed in a way that is not supported.
    Unsupported,
}

/// Inflates `raw` if it begins as gzip does, whatever its headers say: some
/// clients label their bodies wrongly. Several members are one body.
pub(crate) async fn inflate(headers: &HeaderMap, raw: Bytes, bytes_max: usize) -> Result<Bytes, InflateError> {
    if !raw.starts_with(&GZIP_MAGIC) {
        let encoding = headers.get(CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap_or("?")).trim();
        let plain = ["", "identity", "gzip", "x-gzip"];
        return match () {
            () if !plain.iter().any(|known| known.eq_ignore_ascii_case(encoding)) => Err(InflateError::Unsupported),
            () if raw.len() > bytes_max => Err(InflateError::TooLarge),
            () => Ok(raw),
        };
    }
    let mut inflated = Vec::with_capacity(bytes_max.min(raw.len().saturating_mul(8)));
    let mut decoder = MultiGzDecoder::new(&*raw);
    loop {
        let before = inflated.len();
        let outcome = decoder.by_ref().take(TURN_BYTES).read_to_end(&mut inflated);
        if inflated.len() > bytes_max {
            return Err(InflateError::TooLarge);
        }
        outcome.map_err(|_| InflateError::Corrupt)?;
        if inflated.len() == before {
            return Ok(inflated.into());
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn check(encoding: &str, raw: &[u8], expected: Result<&[u8], InflateError>) {
        let mut headers = HeaderMap::new();
        if !encoding.is_empty() {
            headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        }
        let outcome = inflate(&headers, Bytes::copy_from_slice(raw), 1000).await;
        assert_eq!(outcome, expected.map(Bytes::copy_from_slice), "{encoding}");
    }

    #[tokio::test]
    async fn gzip_is_known_by_its_magic() {
        let hello = gzip(b"hello");
        check("", b"hello", Ok(b"hello")).await;
        check("gzip", b"hello", Ok(b"hello")).await;
        check("", &hello, Ok(b"hello")).await;
        check("gzip", &hello, Ok(b"hello")).await;
        check("", &[&*hello, &gzip(b" again")].concat(), Ok(b"hello again")).await;
        check("br", b"hello", Err(InflateError::Unsupported)).await;
        check("", &hello[..hello.len() - 3], Err(InflateError::Corrupt)).await;
        check("", &[0x1f, 0x8b, 1, 2, 3], Err(InflateError::Corrupt)).await;
        check("", &[0x1f, 0x8b], Err(InflateError::Corrupt)).await;
    }

    #[tokio::test]
    async fn bombs_stop_at_the_limit() {
        check("", &gzip(&[b' '; 1000]), Ok(&[b' '; 1000])).await;
        check("", &gzip(&[b' '; 1001]), Err(InflateError::TooLarge)).await;
        check("", &gzip(&vec![0; 50 << 20]), Err(InflateError::TooLarge)).await;
        let many: Vec<u8> = (0..200).flat_map(|_| gzip(&[b' '; 500])).collect();
        check("", &many, Err(InflateError::TooLarge)).await;
        check("", &[b' '; 1001], Err(InflateError::TooLarge)).await;
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read(Body::from("hello"), 5).await.unwrap(), "hello");
        assert_eq!(read(Body::empty(), 5).await.unwrap(), "");
        assert_eq!(read(Body::from("hello"), 4).await, Err(BodyError::TooLarge));
        assert_eq!(read(Body::from(vec![0; DRAIN_BYTES_MAX + 6]), 5).await, Err(BodyError::TooLarge));
    }
}
