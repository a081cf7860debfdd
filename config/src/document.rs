//! A YAML file as JSON values, with the line of each key, and substitution
//! of `${env:NAME}` and `${file:PATH}` in its texts.
//!
//! Repeated keys, anchors and a second document are refused: each would make
//! the file say something else than it shows.

use crate::{Error, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use std::collections::HashMap;
use std::path::Path;

/// Deepest nesting that is read.
const DEPTH_MAX: usize = 32;

/// A parsed file.
pub struct Document {
    /// The value.
    pub value: Value,
    /// Where its keys are.
    places: Places,
}

/// Where the keys of a file are.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Name of the file, for errors.
    file: String,
    /// Line of each path (`sources[0].name`).
    lines: HashMap<String, usize>,
}

/// Two configurations that say the same are equal, wherever they say it.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// Returns an error at `key`: on its line, or its nearest parent's.
    pub fn wrong(&self, key: &str, reason: impl Into<String>) -> Error {
        let mut place = key;
        let line = loop {
            if let Some(&line) = self.lines.get(place) {
                break line;
            }
            match place.rfind(['.', '[']) {
                Some(end) => place = &place[..end],
                None => break 1,
            }
        };
        Error::Setting { file: self.file.clone(), line, key: key.to_owned(), reason: reason.into() }
    }
}

impl Document {
    /// Parses `text`; relative paths in `${file:PATH}` start from the folder of `file`.
    ///
    /// # Errors
    /// [`Error::Yaml`], and [`Error::Setting`] if a substitution fails.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        // Some editors put a mark of the byte order before the first key.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader { parser: Parser::new_from_str(text), file, lines: HashMap::new() };
        let value = reader.document()?;
        Ok(Self { value, places: Places { file: file.to_owned(), lines: reader.lines } })
    }

    /// Returns an error at `key`, as the places of its keys do.
    pub fn wrong(&self, key: &str, reason: impl Into<String>) -> Error {
        self.places.wrong(key, reason)
    }

    /// Forgets the value.
    pub fn into_places(self) -> Places {
        self.places
    }

    /// Reads the value at path `at` as a `T`.
    ///
    /// # Errors
    /// [`Error::Setting`] with the line of what is wrong.
    pub fn read<T: DeserializeOwned>(&self, at: &str, value: Value) -> Result<T> {
        serde_path_to_error::deserialize(value).map_err(|error| {
            let inner = error.path().to_string();
            let reason = error.inner().to_string();
            let path = join(at, if inner == "." { "" } else { &inner });
            let unknown = reason.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
            match unknown {
                Some((key, _)) if !(path == key || path.ends_with(&format!(".{key}"))) => {
                    self.wrong(&join(&path, key), reason)
                }
                _ => self.wrong(if path.is_empty() { "." } else { &path }, reason),
            }
        })
    }
}

/// Appends a path to another.
pub fn join(parent: &str, child: &str) -> String {
    match (parent, child) {
        ("", _) => child.to_owned(),
        (_, "") => parent.to_owned(),
        _ if child.starts_with('[') => format!("{parent}{child}"),
        _ => format!("{parent}.{child}"),
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    file: &'a str,
    lines: HashMap<String, usize>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value> {
        let mut value = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(value.unwrap_or(Value::Null)),
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if value.is_some() => return Err(self.yaml(span, "a second document")),
                event => value = Some(self.node(event, span, "", 0)?),
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span)> {
        match self.parser.next() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(Error::Yaml {
                file: self.file.to_owned(),
                line: error.marker().line(),
                reason: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn yaml(&self, span: Span, reason: impl Into<String>) -> Error {
        Error::Yaml { file: self.file.to_owned(), line: span.start.line(), reason: reason.into() }
    }

    fn node(&mut self, event: Event<'a>, span: Span, path: &str, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            return Err(self.yaml(span, format!("deeper than {DEPTH_MAX} levels")));
        }
        self.lines.entry(path.to_owned()).or_insert(span.start.line());
        match event {
            Event::Scalar(text, style, ..) => self.scalar(&text, style, span, path),
            Event::SequenceStart(..) => self.sequence(path, depth),
            Event::MappingStart(..) => self.mapping(path, depth),
            Event::Alias(_) => Err(self.yaml(span, "anchors and aliases are not read here")),
            _ => Err(self.yaml(span, "unexpected end")),
        }
    }

    fn sequence(&mut self, path: &str, depth: usize) -> Result<Value> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Value::Array(items));
            }
            let item = self.node(event, span, &format!("{path}[{}]", items.len()), depth + 1)?;
            items.push(item);
        }
    }

    fn mapping(&mut self, path: &str, depth: usize) -> Result<Value> {
        let mut entries = Map::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok(Value::Object(entries)),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(self.yaml(span, "a key must be a text")),
            };
            let place = join(path, &key);
            if self.lines.insert(place.clone(), span.start.line()).is_some() && entries.contains_key(&key) {
                return Err(self.yaml(span, format!("key {key:?} is given twice")));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, &place, depth + 1)?;
            entries.insert(key, value);
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, span: Span, path: &str) -> Result<Value> {
        if style == ScalarStyle::Plain {
            let plain = plain(text);
            if !plain.is_string() {
                return Ok(plain);
            }
        }
        let wrong = |reason| Error::Setting {
            file: self.file.to_owned(),
            line: span.start.line(),
            key: path.to_owned(),
            reason,
        };
        substitute(text, self.file).map(Value::String).map_err(wrong)
    }
}

/// Reads a plain scalar by YAML 1.2's core schema (`yes` and `on` are texts).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(integer) = text.parse::<i64>() {
        return integer.into();
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let float = text.parse::<f64>().ok().filter(|_| numeric).and_then(Number::from_f64);
    float.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// Replaces each `${env:NAME}` and `${file:PATH}`. The error says what is missing, never a value.
fn substitute(text: &str, file: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (reference, behind) = after.split_once('}').ok_or("`${` without `}`")?;
        out.push_str(before);
        out.push_str(&resolve(reference, file)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

fn resolve(reference: &str, file: &str) -> Result<String, String> {
    match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| format!("the environment variable {name} is not set")),
        Some(("file", path)) => {
            let folder = Path::new(file).parent().unwrap_or(Path::new(""));
            let text = std::fs::read_to_string(folder.join(path));
            text.map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                .map_err(|error| format!("read the file {path}: {error}"))
        }
        _ => Err(format!("${{{reference}}} is neither ${{env:NAME}} nor ${{file:PATH}}")),
    }
}
