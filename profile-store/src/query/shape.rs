//! What the values of a trait can be stored as, read off the JSON text of the
//! column `traits` without building values.

use super::members::{Members, unquoted};
use datafusion::arrow::{
    array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
    datatypes::DataType,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

/// Traits whose meaning the Segment specification reserves as text.
const RESERVED_TEXT: [&str; 22] = [
    "address",
    "avatar",
    "birthday",
    "city",
    "company",
    "country",
    "description",
    "email",
    "first_name",
    "gender",
    "id",
    "industry",
    "last_name",
    "name",
    "phone",
    "plan",
    "postal_code",
    "state",
    "street",
    "title",
    "username",
    "website",
];

/// The column type of a trait. A JSON text is text, also where it looks like a
/// number: `"01234"` is a postal code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Bigint,
    Double,
    Boolean,
    Text,
}

impl Shape {
    /// The shape of one value; `None` for null.
    fn of(json: &str) -> Option<Self> {
        Some(match json.as_bytes().first()? {
            b'n' => return None,
            b't' | b'f' => Self::Boolean,
            b'"' | b'{' | b'[' => Self::Text,
            _ if json.parse::<i64>().is_ok() && json != "-0" => Self::Bigint,
            _ => Self::Double,
        })
    }

    /// The least shape that holds both: commutative, associative, idempotent.
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a,
            (Self::Bigint, Self::Double) | (Self::Double, Self::Bigint) => Self::Double,
            _ => Self::Text,
        }
    }

    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Bigint => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Text => DataType::Utf8,
        }
    }

    /// A column of values, each as JSON; `None` and null are null.
    pub(crate) fn build<'a>(self, texts: impl ExactSizeIterator<Item = Option<&'a str>>) -> ArrayRef {
        let rows = texts.len();
        match self {
            Self::Bigint => {
                let mut column = Int64Builder::with_capacity(rows);
                texts.for_each(|text| column.append_option(text.and_then(|text| text.parse().ok())));
                Arc::new(column.finish())
            }
            Self::Double => {
                let mut column = Float64Builder::with_capacity(rows);
                texts.for_each(|text| column.append_option(text.and_then(|text| text.parse().ok())));
                Arc::new(column.finish())
            }
            Self::Boolean => {
                let mut column = BooleanBuilder::with_capacity(rows);
                texts.for_each(|text| column.append_option(text.and_then(|text| text.parse().ok())));
                Arc::new(column.finish())
            }
            Self::Text => {
                let mut column = StringBuilder::with_capacity(rows, 0);
                texts.for_each(|text| column.append_option(text.and_then(plain)));
                Arc::new(column.finish())
            }
        }
    }
}

/// The text of a JSON value: a text without its quotes, others as they are.
fn plain(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'n' => None,
        b'"' => unquoted(json),
        _ => Some(Cow::Borrowed(json)),
    }
}

/// The shape of every trait of a set of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shapes(BTreeMap<String, Shape>);

impl Shapes {
    /// Takes in the traits of one row.
    pub(crate) fn add(&mut self, traits: &str) {
        for (name, value) in Members::of(traits) {
            let Some(shape) = Shape::of(value) else { continue };
            // Most rows hold only traits that are known: no copy of the name.
            match self.0.get_mut(&*name) {
                Some(known) => *known = known.join(shape),
                None => self.join(name.into_owned(), shape),
            }
        }
    }

    /// Takes in the shapes of other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(name, shape)| self.join(name.clone(), *shape));
    }

    fn join(&mut self, name: String, shape: Shape) {
        let shape = if RESERVED_TEXT.contains(&name.as_str()) { Shape::Text } else { shape };
        match self.0.entry(name) {
            Entry::Occupied(mut known) => _ = known.insert(known.get().join(shape)),
            Entry::Vacant(place) => _ = place.insert(shape),
        }
    }

    /// The traits by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Shape)> {
        self.0.iter().map(|(name, shape)| (name.as_str(), *shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::AsArray as _;

    fn shapes(rows: &[&str]) -> String {
        let mut shapes = Shapes::default();
        for row in rows {
            shapes.add(row);
        }
        let shown: Vec<String> = shapes.iter().map(|(name, shape)| format!("{name}:{shape:?}")).collect();
        shown.join(" ")
    }

    #[test]
    fn shapes_are_a_function_of_the_set() {
        let rows = [
            r#"{"b":true,"d":1,"email":5,"mixed":1,"n":1,"nested":{"a":1}}"#,
            r#"{"n":-2,"null":null,"nested":[1],"zero":-0}"#,
            r#"{"b":false,"big":18446744073709551615,"d":0.5,"mixed":"x","n":null}"#,
        ];
        let expected = "b:Boolean big:Double d:Double email:Text mixed:Text n:Bigint nested:Text zero:Double";
        assert_eq!(shapes(&rows), expected);
        assert_eq!(shapes(&[rows[2], rows[0], rows[1], rows[0]]), expected);
        let (mut first, mut second) = (Shapes::default(), Shapes::default());
        first.add(rows[0]);
        second.add(rows[1]);
        second.add(rows[2]);
        first.merge(&second);
        let mut whole = Shapes::default();
        for row in rows {
            whole.add(row);
        }
        assert_eq!(first, whole);
    }

    fn column(shape: Shape, values: &[&str]) -> ArrayRef {
        shape.build(values.iter().map(|value| Some(*value)))
    }

    #[test]
    fn values_keep_their_text() {
        let shown = column(Shape::Text, &[r#""a""#, r#""\"\u00e9""#, r#"{"k":1.0}"#, "true", "1.50", "null"]);
        let shown: Vec<_> = shown.as_string::<i32>().iter().collect();
        assert_eq!(shown, [Some("a"), Some("\"é"), Some(r#"{"k":1.0}"#), Some("true"), Some("1.50"), None]);
        let doubles = column(Shape::Double, &["1", "-0.5", "1e3", "null"]);
        let doubles: Vec<_> = doubles.as_primitive::<datafusion::arrow::datatypes::Float64Type>().iter().collect();
        assert_eq!(doubles, [Some(1.0), Some(-0.5), Some(1000.0), None]);
    }
}
