//! Windows of time: half open, cut at the instant of evaluation.
//!
//! Calendar units (day, week, month, year) go back to the same wall-clock time
//! in the segment's zone, whatever the clocks did between; minutes and hours
//! are exact durations.

use jiff::{SignedDuration, Timestamp, ToSpan, civil, tz::TimeZone};
use serde_json::Value;

/// When events must have happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// Any time before the evaluation.
    All,
    /// `[as_of - span, as_of)`.
    Last(Span),
    /// `[from, to)`, cut at `as_of`.
    Between(Instant, Instant),
}

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How many units.
    pub n: i32,
    /// Of which length.
    pub unit: Unit,
}

/// The units of a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A date, a wall-clock time of the segment's zone, or an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instant {
    /// A whole day.
    Date(civil::Date),
    /// A time without an offset.
    Civil(civil::DateTime),
    /// A time with an offset.
    Exact(Timestamp),
}

impl Window {
    /// Bounds of the window in microseconds since 1970: from, if there is
    /// one, and to, which is excluded. `None` if a bound is outside the calendar.
    #[must_use]
    pub fn bounds(&self, as_of: Timestamp, tz: &TimeZone) -> Option<(Option<i64>, i64)> {
        let (from, to) = match self {
            Self::All => (None, as_of),
            Self::Last(span) => (Some(span.before(as_of, tz)?), as_of),
            Self::Between(from, to) => (Some(from.start(tz)?), to.start(tz)?.min(as_of)),
        };
        Some((from.map(ceiling_micros), ceiling_micros(to)))
    }
}

/// The least microsecond not before the instant: event times are whole
/// microseconds, so comparing with it is exact.
fn ceiling_micros(instant: Timestamp) -> i64 {
    let micros = instant.as_nanosecond().div_euclid(1000) + i128::from(instant.as_nanosecond().rem_euclid(1000) != 0);
    i64::try_from(micros).expect("the calendar ends at the year 9999")
}

impl Span {
    fn before(self, as_of: Timestamp, tz: &TimeZone) -> Option<Timestamp> {
        let calendar = match self.unit {
            Unit::Minute => return as_of.checked_sub(SignedDuration::from_mins(self.n.into())).ok(),
            Unit::Hour => return as_of.checked_sub(SignedDuration::from_hours(self.n.into())).ok(),
            Unit::Day => 0.days().try_days(self.n),
            Unit::Week => 0.days().try_weeks(self.n),
            Unit::Month => 0.days().try_months(self.n),
            Unit::Year => 0.days().try_years(self.n),
        };
        Some(as_of.to_zoned(tz.clone()).checked_sub(calendar.ok()?).ok()?.timestamp())
    }
}

impl Instant {
    /// Parses `2026-01-31`, `2026-01-31T10:00` or `2026-01-31T10:00:00+01:00`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_date = text.len() == "2026-01-31".len();
        if is_date {
            return text.parse().ok().map(Self::Date);
        }
        let exact = text.parse().ok().map(Self::Exact);
        exact.or_else(|| text.parse().ok().map(Self::Civil))
    }

    /// Reads a JSON text, or a number by the rule of event times (integers
    /// below 1e11 are seconds, else milliseconds).
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Self::parse(text),
            Value::Number(_) => {
                let time = tributary_protocol::Timestamp::from_json(value)?;
                Timestamp::from_microsecond(time.0).ok().map(Self::Exact)
            }
            _ => None,
        }
    }

    /// The instant itself; of a date, its first.
    #[must_use]
    pub fn start(&self, tz: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Date(date) => start_of(*date, tz),
            Self::Civil(time) => Some(time.to_zoned(tz.clone()).ok()?.timestamp()),
            Self::Exact(instant) => Some(*instant),
        }
    }

    /// The first instant after: of a date, the start of the next day.
    pub(super) fn last_excluded(&self, tz: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Date(date) => start_of(date.tomorrow().ok()?, tz),
            other => other.start(tz)?.checked_add(1.nanosecond()).ok(),
        }
    }

    /// The day it falls on in `tz`: its start, and its end, excluded.
    pub(super) fn day(&self, tz: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let date = match self {
            Self::Date(date) => *date,
            other => other.start(tz)?.to_zoned(tz.clone()).date(),
        };
        Some((start_of(date, tz)?, start_of(date.tomorrow().ok()?, tz)?))
    }
}

fn start_of(date: civil::Date, tz: &TimeZone) -> Option<Timestamp> {
    Some(date.to_zoned(tz.clone()).ok()?.timestamp())
}
