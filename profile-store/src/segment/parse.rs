//! Parsing: JSON to [`Segment`]. Unknown keys are refused, and every error
//! says where in the JSON it is.

use super::{
    Leaf, Node, Segment,
    condition::{Condition, Operand, Test},
    window::{Instant, Span, Unit, Window},
};
use crate::query::{Error, Result};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Deepest nesting of nodes.
const DEPTH_MAX: usize = 20;
/// Most nodes of a segment.
const NODES_MAX: usize = 500;
/// Most values of an `in`, or names of an event.
const VALUES_MAX: usize = 10_000;
/// Longest window, in units.
const UNITS_MAX: i64 = 1_000_000;

impl Segment {
    /// Parses a segment.
    ///
    /// # Errors
    /// [`Error::Segment`], with the place in the JSON.
    pub fn parse(json: &Value) -> Result<Self> {
        let keys = ["v", "entity", "tz", "as_of", "include", "exclude", "limit", "split"];
        let root = Place::root(json).object(&keys)?;
        if let Some(version) = root.optional("v").filter(|version| version.value != &Value::from(1)) {
            return Err(version.refuse("expected 1"));
        }
        if let Some(entity) = root.optional("entity").filter(|entity| entity.value != "profile") {
            return Err(entity.refuse("expected \"profile\""));
        }
        if let Some(later) = root.optional("limit").or_else(|| root.optional("split")) {
            return Err(later.refuse("not supported by this version; leave it out or null"));
        }
        let tz = match root.optional("tz") {
            Some(place) => TimeZone::get(place.text()?).map_err(|_| place.refuse("no such time zone"))?,
            None => TimeZone::UTC,
        };
        let as_of = match root.optional("as_of") {
            Some(place) => Some(place.instant()?.start(&tz).ok_or_else(|| place.refuse("no such time"))?),
            None => None,
        };
        let mut tree = Tree::default();
        let include = tree.node(&root.required("include")?, 1)?;
        let exclude = root.optional("exclude").map(|place| tree.node(&place, 1)).transpose()?;
        Ok(Self { tz, as_of, include, exclude, leaves: tree.leaves })
    }

    /// Parses the text of a segment.
    ///
    /// # Errors
    /// [`Error::Segment`], with the place in the JSON.
    pub fn from_slice(text: &[u8]) -> Result<Self> {
        let json = serde_json::from_slice(text)
            .map_err(|error| Error::Segment { path: "$".to_owned(), reason: error.to_string() })?;
        Self::parse(&json)
    }
}

/// A value and where it stands.
struct Place<'a> {
    value: &'a Value,
    path: String,
}

/// An object whose keys are known.
struct Object<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Place<'a> {
    fn root(value: &'a Value) -> Self {
        Self { value, path: "$".to_owned() }
    }

    fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::Segment { path: self.path.clone(), reason: reason.into() }
    }

    fn object(&self, keys: &[&str]) -> Result<Object<'a>> {
        let map = self.value.as_object().ok_or_else(|| self.refuse("expected an object"))?;
        match map.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => {
                let path = format!("{}.{key}", self.path);
                Err(Error::Segment { path, reason: format!("unknown key; expected {}", keys.join(", ")) })
            }
            None => Ok(Object { map, path: self.path.clone() }),
        }
    }

    fn items(&self) -> Result<Vec<Place<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.refuse("expected an array"))?;
        if items.len() > VALUES_MAX {
            return Err(self.refuse(format!("more than {VALUES_MAX} items")));
        }
        let place = |(at, value)| Place { value, path: format!("{}[{at}]", self.path) };
        Ok(items.iter().enumerate().map(place).collect())
    }

    fn text(&self) -> Result<&'a str> {
        self.value.as_str().ok_or_else(|| self.refuse("expected a text"))
    }

    fn instant(&self) -> Result<Instant> {
        let refuse = || self.refuse("expected a time as 2026-01-31 or 2026-01-31T10:00:00Z");
        Instant::parse(self.text()?).filter(|instant| instant.start(&TimeZone::UTC).is_some()).ok_or_else(refuse)
    }
}

impl<'a> Object<'a> {
    fn place(&self, value: &'a Value, key: &str) -> Place<'a> {
        Place { value, path: format!("{}.{key}", self.path) }
    }

    fn required(&self, key: &str) -> Result<Place<'a>> {
        let missing = || Error::Segment { path: self.path.clone(), reason: format!("{key} is missing") };
        self.map.get(key).map(|value| self.place(value, key)).ok_or_else(missing)
    }

    /// A key that is there and not null.
    fn optional(&self, key: &str) -> Option<Place<'a>> {
        self.map.get(key).filter(|value| !value.is_null()).map(|value| self.place(value, key))
    }
}

/// The tree as it is read.
#[derive(Default)]
struct Tree {
    leaves: Vec<Leaf>,
    nodes: usize,
}

impl Tree {
    fn node(&mut self, place: &Place<'_>, depth: usize) -> Result<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(place.refuse(format!("more than {NODES_MAX} nodes")));
        }
        if depth > DEPTH_MAX {
            return Err(place.refuse(format!("nested deeper than {DEPTH_MAX}")));
        }
        let map = place.value.as_object().ok_or_else(|| place.refuse("expected an object"))?;
        if map.contains_key("all") {
            return Ok(Node::All(self.parts(&place.object(&["all"])?.required("all")?, depth)?));
        }
        if map.contains_key("any") {
            return Ok(Node::Any(self.parts(&place.object(&["any"])?.required("any")?, depth)?));
        }
        if map.contains_key("not") {
            let part = place.object(&["not"])?.required("not")?;
            return Ok(Node::Not(Box::new(self.node(&part, depth + 1)?)));
        }
        let leaf = match () {
            () if map.contains_key("trait") => trait_leaf(place)?,
            () if map.contains_key("event") => event_leaf(place)?,
            () => return Err(place.refuse("expected all, any, not, trait or event")),
        };
        let at = self.leaves.iter().position(|known| *known == leaf).unwrap_or_else(|| {
            self.leaves.push(leaf);
            self.leaves.len() - 1
        });
        Ok(Node::Leaf(at))
    }

    fn parts(&mut self, place: &Place<'_>, depth: usize) -> Result<Vec<Node>> {
        place.items()?.iter().map(|part| self.node(part, depth + 1)).collect()
    }
}

fn trait_leaf(place: &Place<'_>) -> Result<Leaf> {
    let leaf = place.object(&["trait", "op", "value"])?;
    let subject = leaf.required("trait")?.object(&["path", "type"])?;
    let path = subject.required("path")?;
    if path.text()?.split('.').any(str::is_empty) {
        return Err(path.refuse("expected the name of a trait, or a path of names with dots"));
    }
    let declared = subject.optional("type").map(|place| Type::parse(&place)).transpose()?;
    let op = leaf.required("op")?;
    let condition = match op.text()? {
        "set" | "unset" if leaf.optional("value").is_some() => return Err(op.refuse("set and unset take no value")),
        "set" => Condition::Set,
        "unset" => Condition::Unset,
        _ => condition(&op, &leaf.required("value")?, declared)?,
    };
    Ok(Leaf::Trait { path: path.text()?.to_owned(), condition })
}

fn event_leaf(place: &Place<'_>) -> Result<Leaf> {
    let leaf = place.object(&["event", "window", "having"])?;
    let event = leaf.required("event")?;
    let selection = event.object(&["name", "names"])?;
    let mut names = match (selection.optional("name"), selection.optional("names")) {
        (Some(name), None) => vec![name.text()?.to_owned()],
        (None, Some(names)) => names.items()?.iter().map(|name| Ok(name.text()?.to_owned())).collect::<Result<_>>()?,
        _ => return Err(event.refuse("expected either name or names")),
    };
    names.sort();
    names.dedup();
    let window = leaf.optional("window").map_or(Ok(Window::All), |place| parse_window(&place))?;
    let having = match leaf.optional("having") {
        Some(place) => parse_having(&place)?,
        None => Condition::Value(Test::GreaterOrEqual, vec![Operand::Number(1.into())]),
    };
    Ok(Leaf::Event { names, window, having })
}

fn parse_having(place: &Place<'_>) -> Result<Condition> {
    let having = place.object(&["agg", "op", "value"])?;
    let agg = having.required("agg")?;
    if agg.text()? != "count" {
        return Err(agg.refuse("expected \"count\""));
    }
    let op = having.required("op")?;
    let numeric = ["eq", "ne", "in", "nin", "lt", "lte", "gt", "gte", "between"];
    if !numeric.contains(&op.text()?) {
        return Err(op.refuse(format!("expected one of {}", numeric.join(", "))));
    }
    condition(&op, &having.required("value")?, Some(Type::Number))
}

fn parse_window(place: &Place<'_>) -> Result<Window> {
    if place.value == "all" {
        return Ok(Window::All);
    }
    let window = place.object(&["last", "between"])?;
    match (window.optional("last"), window.optional("between")) {
        (Some(last), None) => parse_span(&last).map(Window::Last),
        (None, Some(between)) => {
            let [from, to] = &between.items()?[..] else { return Err(between.refuse("expected two times")) };
            Ok(Window::Between(from.instant()?, to.instant()?))
        }
        _ => Err(place.refuse("expected \"all\", last or between")),
    }
}

fn parse_span(place: &Place<'_>) -> Result<Span> {
    let span = place.object(&["n", "unit"])?;
    let (n, unit) = (span.required("n")?, span.required("unit")?);
    let count = n.value.as_i64().filter(|n| (1..=UNITS_MAX).contains(n)).and_then(|n| i32::try_from(n).ok());
    let count = count.ok_or_else(|| n.refuse(format!("expected an integer from 1 to {UNITS_MAX}")))?;
    let unit = match unit.text()? {
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "year" => Unit::Year,
        _ => return Err(unit.refuse("expected minute, hour, day, week, month or year")),
    };
    Ok(Span { n: count, unit })
}

/// The type that a trait's values are compared as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Boolean,
    Time,
}

impl Type {
    fn parse(place: &Place<'_>) -> Result<Self> {
        match place.text()? {
            "string" => Ok(Self::Text),
            "number" => Ok(Self::Number),
            "boolean" => Ok(Self::Boolean),
            "date" | "datetime" => Ok(Self::Time),
            _ => Err(place.refuse("expected string, number, boolean, date or datetime")),
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Boolean,
            _ => Self::Text,
        }
    }

    fn operand(self, place: &Place<'_>) -> Result<Operand> {
        match (self, place.value) {
            (Self::Text, Value::String(text)) => Ok(Operand::Text(text.clone())),
            (Self::Number, Value::Number(number)) => Ok(Operand::Number(number.clone())),
            (Self::Boolean, Value::Bool(value)) => Ok(Operand::Boolean(*value)),
            (Self::Time, _) => place.instant().map(Operand::Time),
            (Self::Text, _) => Err(place.refuse("expected a text")),
            (Self::Number, _) => Err(place.refuse("expected a number")),
            (Self::Boolean, _) => Err(place.refuse("expected true or false")),
        }
    }
}

/// Parses an operator and its value.
fn condition(op: &Place<'_>, value: &Place<'_>, declared: Option<Type>) -> Result<Condition> {
    let test = match op.text()? {
        "eq" | "in" => Test::In,
        "ne" | "nin" => Test::NotIn,
        "lt" => Test::Less,
        "lte" => Test::LessOrEqual,
        "gt" => Test::Greater,
        "gte" => Test::GreaterOrEqual,
        "between" => Test::Between,
        "contains" => Test::Contains,
        "ncontains" => Test::NotContains,
        "starts" => Test::Starts,
        "ends" => Test::Ends,
        "before" => Test::Before,
        "after" => Test::After,
        "on" => Test::On,
        _ => return Err(op.refuse("unknown operator")),
    };
    let takes_many = matches!(op.text()?, "in" | "nin" | "between");
    let operands =
        if takes_many { value.items()? } else { vec![Place { value: value.value, path: value.path.clone() }] };
    if test == Test::Between && operands.len() != 2 {
        return Err(value.refuse("expected two values"));
    }
    let kind = operand_type(op, test, declared, operands.first())?;
    let operands = operands.iter().map(|place| kind.operand(place)).collect::<Result<Vec<_>>>()?;
    let is_set = matches!(test, Test::In | Test::NotIn) && kind == Type::Text && !operands.is_empty();
    Ok(Condition::Value(test, if is_set { vec![Operand::Texts(texts(operands))] } else { operands }))
}

fn texts(operands: Vec<Operand>) -> BTreeSet<String> {
    let text = |operand| match operand {
        Operand::Text(text) => Some(text),
        _ => None,
    };
    operands.into_iter().filter_map(text).collect()
}

/// The type of the operands: declared, else what the operator or the first
/// value says; refused if the operator has no meaning for it.
fn operand_type(op: &Place<'_>, test: Test, declared: Option<Type>, first: Option<&Place<'_>>) -> Result<Type> {
    let (implied, reason) = match test {
        Test::Before | Test::After | Test::On => (Some(Type::Time), "this operator is for dates"),
        Test::Contains | Test::NotContains | Test::Starts | Test::Ends => {
            (Some(Type::Text), "this operator is for texts")
        }
        _ => (None, ""),
    };
    match (implied, declared) {
        (Some(implied), Some(declared)) if implied != declared => Err(op.refuse(reason)),
        (Some(kind), _) | (None, Some(kind)) => Ok(kind),
        (None, None) => Ok(first.map_or(Type::Text, |place| Type::of(place.value))),
    }
}
