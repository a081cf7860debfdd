//! Conditions on one value: of a trait, or a count.

use super::window::Instant;
use jiff::tz::TimeZone;
use serde_json::{Number, Value};
use std::{cmp::Ordering, collections::BTreeSet};

/// What a value must be.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// There is a value, of whatever type.
    Set,
    /// There is none, or null.
    Unset,
    /// The value, which must be of the operands' type, passes the test.
    Value(Test, Vec<Operand>),
}

/// How a value is compared with its operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Equal to one of the operands.
    In,
    /// Equal to none of the operands.
    NotIn,
    /// Less than the operand.
    Less,
    /// Less than the operand, or equal.
    LessOrEqual,
    /// Greater than the operand.
    Greater,
    /// Greater than the operand, or equal.
    GreaterOrEqual,
    /// From the first operand to the second, both included.
    Between,
    /// A text that contains the operand.
    Contains,
    /// A text that does not contain the operand.
    NotContains,
    /// A text that starts with the operand.
    Starts,
    /// A text that ends with the operand.
    Ends,
    /// A time before the operand, a date meaning its midnight.
    Before,
    /// A time after the operand, a date meaning its end.
    After,
    /// A time on the day of the operand.
    On,
}

/// A value to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// Text, compared by code points.
    Text(String),
    /// Any of many texts: the only operand of [`Test::In`] and [`Test::NotIn`] on texts.
    Texts(BTreeSet<String>),
    /// A number; integers are compared exactly.
    Number(Number),
    /// True or false.
    Boolean(bool),
    /// A date or an instant.
    Time(Instant),
}

impl Condition {
    /// Tells whether `value` meets the condition.
    #[must_use]
    pub fn holds(&self, value: Option<&Value>, tz: &TimeZone) -> bool {
        let value = value.filter(|value| !value.is_null());
        match self {
            Self::Set => value.is_some(),
            Self::Unset => value.is_none(),
            Self::Value(test, operands) => value.is_some_and(|value| test.holds(value, operands, tz)),
        }
    }
}

impl Test {
    fn holds(self, value: &Value, operands: &[Operand], tz: &TimeZone) -> bool {
        // Operands are of one type, so that one stands for all.
        let Some(first) = operands.first() else { return self.without_operands(value) };
        let compare = |operand: &Operand| operand.compare(value, tz);
        let text = |check: fn(&str, &str) -> bool| match (value, first) {
            (Value::String(value), Operand::Text(operand)) => check(value, operand),
            _ => false,
        };
        match self {
            Self::In => operands.iter().any(|operand| operand.equals(value, tz) == Some(true)),
            Self::NotIn => operands.iter().all(|operand| operand.equals(value, tz) == Some(false)),
            Self::Less => compare(first) == Some(Ordering::Less),
            Self::LessOrEqual => compare(first).is_some_and(Ordering::is_le),
            Self::Greater => compare(first) == Some(Ordering::Greater),
            Self::GreaterOrEqual => compare(first).is_some_and(Ordering::is_ge),
            Self::Between => {
                compare(first).is_some_and(Ordering::is_ge)
                    && operands.get(1).and_then(compare).is_some_and(Ordering::is_le)
            }
            Self::Contains => text(|value, operand| value.contains(operand)),
            Self::NotContains => text(|value, operand| !value.contains(operand)),
            Self::Starts => text(|value, operand| value.starts_with(operand)),
            Self::Ends => text(|value, operand| value.ends_with(operand)),
            Self::Before | Self::After | Self::On => on_day(self, value, first, tz),
        }
    }

    /// `in []` holds for nothing, `nin []` for every value.
    fn without_operands(self, value: &Value) -> bool {
        self == Self::NotIn && !value.is_array() && !value.is_object()
    }
}

fn on_day(test: Test, value: &Value, operand: &Operand, tz: &TimeZone) -> bool {
    let (Operand::Time(operand), Some(value)) = (operand, Instant::from_json(value)) else { return false };
    let Some(value) = value.start(tz) else { return false };
    match test {
        Test::Before => operand.start(tz).is_some_and(|start| value < start),
        Test::After => operand.last_excluded(tz).is_some_and(|end| value >= end),
        _ => operand.day(tz).is_some_and(|(start, end)| (start..end).contains(&value)),
    }
}

impl Operand {
    /// Tells whether `value` is this operand; `None` if it is of another type.
    fn equals(&self, value: &Value, tz: &TimeZone) -> Option<bool> {
        match self {
            Self::Texts(texts) => value.as_str().map(|value| texts.contains(value)),
            operand => operand.compare(value, tz).map(Ordering::is_eq),
        }
    }

    /// Orders `value` against this operand; `None` if it is of another type.
    fn compare(&self, value: &Value, tz: &TimeZone) -> Option<Ordering> {
        match (self, value) {
            (Self::Text(operand), Value::String(value)) => Some(value.as_str().cmp(operand)),
            (Self::Number(operand), Value::Number(value)) => compare_numbers(value, operand),
            (Self::Boolean(operand), Value::Bool(value)) => Some(value.cmp(operand)),
            (Self::Time(operand), value) => Some(Instant::from_json(value)?.start(tz)?.cmp(&operand.start(tz)?)),
            _ => None,
        }
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}
