//! CSV: comma, semicolon, tab or bar; UTF-8 or UTF-16, else an older encoding that is
//! guessed and said.

use super::encoding::{Decoder, Wide};
use super::{Sink, cell_text};
use crate::progress::Progress;
use crate::{Error, Result};
use csv::{ByteRecord, ReaderBuilder};
use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Delimiters looked for, the likelier first.
const DELIMITERS: [u8; 4] = *b",;\t|";
/// Rows looked at for the delimiter.
const ROWS_SNIFFED: usize = 50;
/// Rows of a batch.
const BATCH_ROWS: usize = 8192;
/// The mark that some programs begin UTF-8 with.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads a CSV file that begins with `head`.
pub(crate) fn read(path: &Path, file: File, head: &[u8], sink: &mut impl Sink, progress: &Progress) -> Result<()> {
    let wide = Wide::begins(head);
    let head = wide.map_or(Cow::Borrowed(head), |encoding| Cow::Owned(Wide::text(encoding, head).into_bytes()));
    if head.contains(&0) {
        return Err(Error::format(path, "the file is neither text nor Parquet"));
    }
    let mark = if head.starts_with(MARK) { MARK.len() } else { 0 };
    let said = said_delimiter(&head[mark..]);
    let start = mark + said.map_or(0, |(_, line)| line);
    let delimiter = said.map_or_else(|| delimiter(&head[start..]), |(delimiter, _)| delimiter);
    let mut text: Box<dyn Read> = match wide {
        Some(encoding) => Box::new(Wide::new(encoding, file)),
        None => Box::new(file),
    };
    std::io::copy(&mut text.by_ref().take(start as u64), &mut std::io::sink()).map_err(Error::read(path))?;
    let mut reader = Rows {
        path,
        reader: ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(text),
        decoder: Decoder::new(&head),
        record: ByteRecord::new(),
    };
    let names = reader.header()?;
    let wanted = sink.header(&names)?;
    reader.rows(&names, &wanted, sink, progress)?;
    if let Some((row, encoding)) = reader.decoder.guessed() {
        sink.note(format!("{}: not UTF-8 from row {row} on, read as {encoding}", path.display()));
    }
    Ok(())
}

/// The delimiter that a first line `sep=;` says, as Excel reads and writes it,
/// and the length of that line.
fn said_delimiter(head: &[u8]) -> Option<(u8, usize)> {
    let rest = head.strip_prefix(b"sep=")?;
    let (&delimiter, rest) = rest.split_first()?;
    let ending = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    (ending > 0).then_some((delimiter, head.len() - rest.len() + ending))
}

/// The delimiter that parts the first rows into the most columns of equal number.
fn delimiter(head: &[u8]) -> u8 {
    let score = |delimiter: u8| {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(head);
        let widths: Vec<usize> =
            reader.byte_records().take(ROWS_SNIFFED).filter_map(|record| Some(record.ok()?.len())).collect();
        let whole = if widths.len() > 2 { &widths[..widths.len() - 1] } else { &widths[..] };
        let width = whole.first().copied().unwrap_or(1);
        let alike = whole.iter().filter(|&&other| other == width).count();
        if width > 1 { (alike * 100 / whole.len(), width) } else { (0, 0) }
    };
    let likelier = |one: u8, other: u8| if score(other) > score(one) { other } else { one };
    DELIMITERS.into_iter().reduce(likelier).unwrap_or(b',')
}

struct Rows<'a, R> {
    path: &'a Path,
    reader: csv::Reader<R>,
    decoder: Decoder,
    record: ByteRecord,
}

impl<R: Read> Rows<'_, R> {
    fn next(&mut self) -> Result<bool> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(source) => Error::Read { path: self.path.to_owned(), source },
            other => Error::format(self.path, format!("{other:?}")),
        })
    }

    /// The names of the columns; a nameless one is called by its place.
    fn header(&mut self) -> Result<Vec<String>> {
        self.next()?;
        let mut names: Vec<String> = Vec::with_capacity(self.record.len());
        let mut buffer = String::new();
        for (place, bytes) in self.record.iter().enumerate() {
            let name = self.decoder.text(bytes, 0, &mut buffer).unwrap_or_default().trim();
            let name = if name.is_empty() { format!("column {}", place + 1) } else { name.to_owned() };
            if names.contains(&name) {
                return Err(Error::RepeatedColumn { path: self.path.to_owned(), column: name });
            }
            names.push(name);
        }
        if names.is_empty() {
            return Err(Error::Empty { path: self.path.to_owned() });
        }
        Ok(names)
    }

    fn rows(&mut self, names: &[String], wanted: &[bool], sink: &mut impl Sink, progress: &Progress) -> Result<()> {
        let mut buffer = String::new();
        let (mut row, mut blank) = (0, 0);
        while self.next()? {
            if self.record.iter().all(|bytes| bytes.trim_ascii().is_empty()) {
                blank += 1;
                continue;
            }
            if self.record.len() != names.len() {
                let (found, expected) = (self.record.len(), names.len());
                let reason = format!("{found} fields, the header has {expected}: quote fields that hold the delimiter");
                return Err(Error::row(self.path, row + 1, reason));
            }
            for (column, bytes) in self.record.iter().enumerate().filter(|(column, _)| wanted[*column]) {
                let Some(text) = self.decoder.text(bytes, row + 1, &mut buffer) else {
                    let reason = format!(
                        "column {:?} is not UTF-8 but rows above are: save the file in one encoding, UTF-8",
                        names[column]
                    );
                    return Err(Error::row(self.path, row + 1, reason));
                };
                sink.cell(column, row, cell_text(text))?;
            }
            row += 1;
            if row % BATCH_ROWS == 0 {
                sink.batch_end()?;
                progress.reached(self.reader.position().byte());
            }
        }
        if blank > 0 {
            sink.note(format!("{}: {blank} rows without any value are left out", self.path.display()));
        }
        sink.batch_end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_told_by_equal_widths() {
        let check = |text: &str, expected: char| assert_eq!(delimiter(text.as_bytes()) as char, expected, "{text:?}");
        check("a,b\n1,2\n", ',');
        check("a;b;c\n1,5;2;3\n1,7;2;3\n", ';');
        check("a\tb\n1,1\t2\n3\t4,4,4\n", '\t');
        check("a|b\nx|\"y|z\"\n", '|');
        check("a\n1\n2\n", ',');
        assert_eq!(said_delimiter(b"sep=|\r\na|b\r\n"), Some((b'|', 7)));
        assert_eq!((said_delimiter(b"sep=\n"), said_delimiter(b"sep,b\n1,2\n")), (None, None));
        check("name;street\nann;\"1, high street\"\nbob;\"2, high street\"\n", ';');
    }
}
