//! Texts in other encodings than UTF-8.

use chardetng::EncodingDetector;
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use std::io::{Read, Result};

/// Reads bytes as UTF-8 until a cell is not; then the file is in another encoding if
/// all cells before could be.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// What a file is in that is not UTF-8.
    other: &'static Encoding,
    /// Row from which cells are in it.
    other_from: Option<usize>,
    /// A cell was UTF-8 and not ASCII.
    wide: bool,
}

impl Decoder {
    /// For a file that begins with `head`.
    pub(crate) fn new(head: &[u8]) -> Self {
        let mut detector = EncodingDetector::new();
        detector.feed(head, false);
        Self { other: detector.guess(None, false), other_from: None, wide: false }
    }

    /// Text of a cell; `None` if the file mixes encodings.
    pub(crate) fn text<'a>(&mut self, bytes: &'a [u8], row: usize, buffer: &'a mut String) -> Option<&'a str> {
        if bytes.is_ascii() {
            return std::str::from_utf8(bytes).ok();
        }
        if self.other_from.is_none() {
            if let Ok(text) = std::str::from_utf8(bytes) {
                self.wide = true;
                return Some(text);
            }
            if self.wide {
                return None;
            }
            self.other_from = Some(row);
        }
        buffer.clear();
        buffer.push_str(&self.other.decode_without_bom_handling(bytes).0);
        Some(buffer)
    }

    /// From which row on what other encoding was read.
    pub(crate) fn guessed(&self) -> Option<(usize, &'static str)> {
        self.other_from.map(|row| (row, self.other.name()))
    }
}

/// Bytes of UTF-16 that are read at once.
const WIDE_BYTES: usize = 8192;

/// Reads UTF-16 as UTF-8.
pub(crate) struct Wide<R> {
    file: R,
    decoder: encoding_rs::Decoder,
    /// What was decoded, and how much of it was given.
    text: String,
    given: usize,
    ended: bool,
}

impl Wide<()> {
    /// Whether a file begins with the mark of UTF-16, and of which.
    pub(crate) fn begins(head: &[u8]) -> Option<&'static Encoding> {
        let marked = Encoding::for_bom(head).map(|(encoding, _)| encoding);
        marked.filter(|&encoding| encoding == UTF_16LE || encoding == UTF_16BE)
    }

    /// The text of a file's head, which may end within a character.
    pub(crate) fn text(encoding: &'static Encoding, head: &[u8]) -> String {
        let mut text = String::new();
        decode(&mut encoding.new_decoder_with_bom_removal(), head, &mut text, false);
        text
    }
}

impl<R> Wide<R> {
    pub(crate) fn new(encoding: &'static Encoding, file: R) -> Self {
        let decoder = encoding.new_decoder_with_bom_removal();
        Self { file, decoder, text: String::new(), given: 0, ended: false }
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.given == self.text.len() && !self.ended {
            let mut bytes = [0; WIDE_BYTES];
            let read = self.file.read(&mut bytes)?;
            (self.given, self.ended) = (0, read == 0);
            self.text.clear();
            decode(&mut self.decoder, &bytes[..read], &mut self.text, self.ended);
        }
        let mut rest = &self.text.as_bytes()[self.given..];
        let read = rest.read(buffer)?;
        self.given += read;
        Ok(read)
    }
}

/// Appends what bytes mean, with a sign in place of what means nothing.
fn decode(decoder: &mut encoding_rs::Decoder, bytes: &[u8], text: &mut String, last: bool) {
    text.reserve(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(4 * bytes.len()));
    let _ = decoder.decode_to_string(bytes, text, last);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_are_read_where_nothing_before_speaks_against_them() {
        let mut buffer = String::new();
        let mut decoder = Decoder::new(b"name\nM\xfcller\nJ\xf6rg Gr\xfcn\n");
        assert_eq!(decoder.text(b"abc", 1, &mut buffer), Some("abc"));
        assert_eq!(decoder.text(b"M\xfcller", 2, &mut buffer), Some("M\u{fc}ller"));
        assert_eq!(decoder.guessed(), Some((2, "windows-1252")));
        let mut decoder = Decoder::new(b"");
        assert_eq!(decoder.text("M\u{fc}ller".as_bytes(), 1, &mut buffer), Some("M\u{fc}ller"));
        assert_eq!(decoder.text(b"M\xfcller", 2, &mut buffer), None);
    }

    #[test]
    fn cyrillic_is_told_from_latin() {
        let text = "\u{424}\u{430}\u{43c}\u{438}\u{43b}\u{438}\u{44f};\u{418}\u{43c}\u{44f}\n\
                    \u{421}\u{43c}\u{438}\u{440}\u{43d}\u{43e}\u{432};\u{418}\u{432}\u{430}\u{43d}\n";
        let bytes = encoding_rs::WINDOWS_1251.encode(text).0;
        let mut decoder = Decoder::new(&bytes);
        assert_eq!(decoder.text(&bytes, 0, &mut String::new()), Some(text));
    }

    #[test]
    fn utf_16_is_read_in_pieces_of_any_size() {
        let text = "id,name\n1,M\u{fc}ller \u{1f600}\n".repeat(2000);
        for (encoding, mark) in [(UTF_16LE, [0xff, 0xfe]), (UTF_16BE, [0xfe, 0xff])] {
            let unit = |unit: u16| if encoding == UTF_16LE { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let bytes: Vec<u8> = mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect();
            assert_eq!(Wide::begins(&bytes), Some(encoding));
            assert!(text.starts_with(&Wide::text(encoding, &bytes[..301])));
            let mut reader = Wide::new(encoding, bytes.as_slice());
            let mut read = vec![0; text.len() + 10];
            let mut length = 0;
            for piece in (1..7).cycle() {
                let more = reader.read(&mut read[length..length + piece]).unwrap();
                length += more;
                if more == 0 {
                    break;
                }
            }
            assert_eq!(std::str::from_utf8(&read[..length]).unwrap(), text);
        }
        assert_eq!(Wide::begins(b"\xef\xbb\xbfid"), None);
    }
}
