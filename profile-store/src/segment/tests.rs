//! The language, its errors, and evaluation against a plain reference.

use super::Segment;
use crate::{
    fixture::{Fixture, event, id, identity, profile},
    query::Error,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn parse(include: &Value) -> Result<Segment, Error> {
    Segment::parse(&json!({"v": 1, "entity": "profile", "include": include}))
}

fn refused(json: &Value, path: &str, reason: &str) {
    match Segment::parse(json) {
        Err(Error::Segment { path: at, reason: why }) => {
            assert_eq!(at, path, "{json}: {why}");
            assert!(why.contains(reason), "{json}: {why}");
        }
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn errors_name_their_place() {
    let include = |node: Value| json!({"include": node});
    let leaf = |op: &str, value: Value| include(json!({"trait": {"path": "x"}, "op": op, "value": value}));
    let event = |event: Value| include(json!({"event": event}));
    let window = |window: Value| include(json!({"event": {"name": "x"}, "window": window}));
    for (json, path, reason) in [
        (json!([]), "$", "expected an object"),
        (json!({}), "$", "include is missing"),
        (json!({"include": {}, "name": "x"}), "$.name", "unknown key"),
        (json!({"v": 2, "include": {"all": []}}), "$.v", "expected 1"),
        (json!({"entity": "account", "include": {"all": []}}), "$.entity", "profile"),
        (json!({"tz": "Mars/Olympus", "include": {"all": []}}), "$.tz", "time zone"),
        (json!({"as_of": "soon", "include": {"all": []}}), "$.as_of", "expected a time"),
        (json!({"limit": {"n": 1}, "include": {"all": []}}), "$.limit", "not supported"),
        (include(json!({})), "$.include", "expected all, any, not, trait or event"),
        (include(json!({"all": {}})), "$.include.all", "expected an array"),
        (include(json!({"all": [{"any": [1]}]})), "$.include.all[0].any[0]", "expected an object"),
        (include(json!({"not": {"all": [], "any": []}})), "$.include.not.any", "unknown key"),
        (include(json!({"sequence": {}})), "$.include", "expected all"),
        (include(json!({"trait": "city", "op": "set"})), "$.include.trait", "expected an object"),
        (include(json!({"trait": {"path": ""}, "op": "set"})), "$.include.trait.path", "name of a trait"),
        (include(json!({"trait": {"path": "a..b"}, "op": "set"})), "$.include.trait.path", "name of a trait"),
        (include(json!({"trait": {"path": "a", "kind": "x"}, "op": "set"})), "$.include.trait.kind", "unknown key"),
        (include(json!({"trait": {"path": "a", "type": "colour"}, "op": "set"})), "$.include.trait.type", "expected"),
        (include(json!({"trait": {"path": "a"}})), "$.include", "op is missing"),
        (include(json!({"trait": {"path": "a"}, "op": "eq"})), "$.include", "value is missing"),
        (include(json!({"trait": {"path": "a"}, "op": "set", "value": 1})), "$.include.op", "take no value"),
        (leaf("like", json!("x")), "$.include.op", "unknown operator"),
        (leaf("in", json!("x")), "$.include.value", "expected an array"),
        (leaf("in", json!(["x", 1])), "$.include.value[1]", "expected a text"),
        (leaf("between", json!([1])), "$.include.value", "two values"),
        (leaf("before", json!(5)), "$.include.value", "expected a text"),
        (leaf("before", json!("2026-02-30")), "$.include.value", "expected a time"),
        (leaf("contains", json!(5)), "$.include.value", "expected a text"),
        (leaf("eq", json!({"a": 1})), "$.include.value", "expected a text"),
        (event(json!({})), "$.include.event", "either name or names"),
        (event(json!({"name": "a", "names": ["b"]})), "$.include.event", "either name or names"),
        (event(json!({"names": [1]})), "$.include.event.names[0]", "expected a text"),
        (event(json!({"name": "a", "where": {}})), "$.include.event.where", "unknown key"),
        (window(json!("ever")), "$.include.window", "expected an object"),
        (window(json!({"last": {"n": 0, "unit": "day"}})), "$.include.window.last.n", "integer from 1"),
        (window(json!({"last": {"n": 1.5, "unit": "day"}})), "$.include.window.last.n", "integer from 1"),
        (window(json!({"last": {"n": 1, "unit": "fortnight"}})), "$.include.window.last.unit", "minute"),
        (window(json!({"between": ["2026-01-01"]})), "$.include.window.between", "two times"),
        (window(json!({"between": ["2026-01-01", 1]})), "$.include.window.between[1]", "expected a text"),
        (
            include(json!({"event": {"name": "a"}, "having": {"agg": "sum", "op": "gt", "value": 1}})),
            "$.include.having.agg",
            "count",
        ),
        (
            include(json!({"event": {"name": "a"}, "having": {"agg": "count", "op": "before", "value": "2026-01-01"}})),
            "$.include.having.op",
            "expected one of",
        ),
        (json!({"include": {"all": []}, "exclude": {"any": 1}}), "$.exclude.any", "expected an array"),
    ] {
        refused(&json, path, reason);
    }
    let broken = Segment::from_slice(b"{\"v\": 1,").unwrap_err();
    assert_eq!(broken.code(), "invalid_segment");
}

#[test]
fn size_is_bounded() {
    let mut deep = json!({"all": []});
    for _ in 0..19 {
        deep = json!({"not": deep});
    }
    assert!(parse(&deep).is_ok());
    refused(&json!({"include": {"not": deep}}), &format!("$.include{}", ".not".repeat(20)), "deeper than 20");
    let nodes = |n: usize| json!({"include": {"any": vec![json!({"all": []}); n]}});
    assert!(Segment::parse(&nodes(499)).is_ok());
    refused(&nodes(500), "$.include.any[499]", "more than 500 nodes");
    let many = json!({"trait": {"path": "x"}, "op": "in", "value": vec!["a"; 10_001]});
    refused(&json!({"include": many}), "$.include.value", "more than 10000");
    let nested = "[".repeat(5000);
    assert!(Segment::from_slice(format!("{{\"include\":{nested}").as_bytes()).is_err());
}

#[test]
fn optional_parts_may_be_null_or_left_out() {
    let short = Segment::parse(&json!({"include": {"event": {"name": "x"}}})).unwrap();
    let long = json!({
        "v": 1, "entity": "profile", "tz": null, "as_of": null, "exclude": null, "limit": null, "split": null,
        "include": {
            "event": {"names": ["x", "x"]}, "window": "all", "having": {"agg": "count", "op": "gte", "value": 1},
        },
    });
    assert_eq!(Segment::parse(&long).unwrap(), short);
}

/// Tells whether a profile with `traits` is in the segment.
async fn holds(traits: &Value, leaf: &Value) -> bool {
    let fixture = Fixture::new().tail("profiles", &[profile(1, traits)]);
    let segment = Segment::parse(&json!({"tz": "Europe/Berlin", "include": leaf})).unwrap();
    fixture.engine().segment_count(&segment).await.unwrap() == 1
}

#[tokio::test]
async fn traits_are_compared_by_type() {
    let leaf = |path: &str, kind: Option<&str>, op: &str, value: Value| match kind {
        Some(kind) => json!({"trait": {"path": path, "type": kind}, "op": op, "value": value}),
        None => json!({"trait": {"path": path}, "op": op, "value": value}),
    };
    let traits = json!({
        "city": "Köln", "n": 10, "half": 0.5, "big": 9_007_199_254_740_993_i64, "vip": true, "tags": ["a"],
        "address": {"country": "DE"}, "empty": "", "nothing": null, "digits": "10",
        "day": "2026-03-29", "at": "2026-03-29T22:30:00Z", "seconds": 1_774_821_600,
    });
    for (path, kind, op, value, expected) in [
        ("city", None, "eq", json!("Köln"), true),
        ("city", None, "eq", json!("köln"), false),
        ("city", None, "ne", json!("Berlin"), true),
        ("city", None, "in", json!(["Berlin", "Köln"]), true),
        ("city", None, "in", json!([]), false),
        ("city", None, "nin", json!(["Berlin"]), true),
        ("city", None, "nin", json!(["Köln"]), false),
        ("city", None, "nin", json!([]), true),
        ("city", None, "contains", json!("öl"), true),
        ("city", None, "ncontains", json!("x"), true),
        ("city", None, "starts", json!("K"), true),
        ("city", None, "ends", json!("ln"), true),
        ("city", None, "gt", json!("Jena"), true),
        ("city", Some("number"), "ne", json!(5), false),
        ("City", None, "eq", json!("Köln"), true),
        ("missing", None, "ne", json!("x"), false),
        ("missing", None, "nin", json!([]), false),
        ("nothing", None, "ne", json!("x"), false),
        ("address.country", None, "eq", json!("DE"), true),
        ("address", None, "eq", json!("DE"), false),
        ("address.zip", None, "ncontains", json!("x"), false),
        ("tags", None, "nin", json!([]), false),
        ("n", None, "eq", json!(10.0), true),
        ("n", None, "between", json!([10, 11]), true),
        ("n", None, "between", json!([11, 9]), false),
        ("n", None, "lt", json!(10), false),
        ("n", None, "lte", json!(10), true),
        ("n", None, "gt", json!(9.5), true),
        ("n", Some("string"), "eq", json!("10"), false),
        ("digits", Some("number"), "eq", json!(10), false),
        ("half", None, "gte", json!(0.5), true),
        ("big", None, "eq", json!(9_007_199_254_740_992_i64), false),
        ("big", None, "gt", json!(9_007_199_254_740_992_i64), true),
        ("vip", None, "eq", json!(true), true),
        ("vip", None, "ne", json!(false), true),
        ("vip", None, "eq", json!("true"), false),
        ("empty", None, "eq", json!(""), true),
        ("day", None, "on", json!("2026-03-29"), true),
        ("day", None, "before", json!("2026-03-29"), false),
        ("day", None, "after", json!("2026-03-28"), true),
        ("day", None, "after", json!("2026-03-29"), false),
        ("at", None, "on", json!("2026-03-30"), true),
        ("at", None, "after", json!("2026-03-29"), true),
        ("at", None, "before", json!("2026-03-30T00:30:00+02:00"), false),
        ("at", None, "before", json!("2026-03-30T00:31:00+02:00"), true),
        ("at", None, "before", json!("2026-03-30T00:31"), true),
        ("at", Some("datetime"), "eq", json!("2026-03-30T00:30"), true),
        ("seconds", None, "on", json!("2026-03-30"), true),
        ("city", None, "on", json!("2026-03-30"), false),
        ("vip", None, "before", json!("2026-03-30"), false),
    ] {
        let leaf = leaf(path, kind, op, value);
        assert_eq!(holds(&traits, &leaf).await, expected, "{leaf}");
        // `not` is the complement, whatever is missing.
        assert_eq!(holds(&traits, &json!({"not": leaf})).await, !expected, "not {leaf}");
    }
    for (path, set) in [("city", true), ("empty", true), ("nothing", false), ("missing", false), ("address", true)] {
        assert_eq!(holds(&traits, &json!({"trait": {"path": path}, "op": "set"})).await, set, "{path}");
        assert_eq!(holds(&traits, &json!({"trait": {"path": path}, "op": "unset"})).await, !set, "{path}");
    }
}

/// Tells whether an event at `time` is in the window of a segment.
async fn in_window(tz: &str, as_of: &str, window: &Value, time: &str) -> bool {
    let fixture = Fixture::new()
        .tail("profiles", &[profile(1, &json!({}))])
        .tail("identities", &[identity(1)])
        .tail("events", &[event(1, "Viewed", time)]);
    let json = json!({"tz": tz, "as_of": as_of, "include": {"event": {"name": "Viewed"}, "window": window}});
    fixture.engine().segment_count(&Segment::parse(&json).unwrap()).await.unwrap() == 1
}

#[tokio::test]
async fn windows_are_half_open_and_keep_the_wall_clock() {
    let last = |n: u32, unit: &str| json!({"last": {"n": n, "unit": unit}});
    let berlin = "Europe/Berlin";
    for (tz, as_of, window, first, end) in [
        ("UTC", "2026-01-31T12:00:00Z", last(1, "day"), "2026-01-30T12:00:00Z", "2026-01-31T12:00:00Z"),
        // Clocks went forward on 2026-03-29, back on 2026-10-25.
        (berlin, "2026-03-29T10:00:00Z", last(1, "day"), "2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"),
        (berlin, "2026-03-29T10:00:00Z", last(24, "hour"), "2026-03-28T10:00:00Z", "2026-03-29T10:00:00Z"),
        (berlin, "2026-10-25T11:00:00Z", last(1, "day"), "2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z"),
        (berlin, "2026-10-25T11:00:00Z", last(1, "week"), "2026-10-18T10:00:00Z", "2026-10-25T11:00:00Z"),
        // 02:30 did not exist on that day: one hour later.
        (berlin, "2026-03-30T02:30", last(1, "day"), "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"),
        ("UTC", "2026-03-31T06:00:00Z", last(1, "month"), "2026-02-28T06:00:00Z", "2026-03-31T06:00:00Z"),
        ("UTC", "2024-03-31T06:00:00Z", last(1, "month"), "2024-02-29T06:00:00Z", "2024-03-31T06:00:00Z"),
        ("UTC", "2024-02-29T00:00:00Z", last(1, "year"), "2023-02-28T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("UTC", "2026-01-01T00:00:00Z", last(90, "minute"), "2025-12-31T22:30:00Z", "2026-01-01T00:00:00Z"),
        (
            berlin,
            "2026-12-01",
            json!({"between": ["2026-03-29", "2026-03-30"]}),
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z",
        ),
        (
            "UTC",
            "2026-03-29T12:00:00Z",
            json!({"between": ["2026-03-29", "2026-04-30"]}),
            "2026-03-29T00:00:00Z",
            "2026-03-29T12:00:00Z",
        ),
    ] {
        let before = |time: &str| time.parse::<jiff::Timestamp>().unwrap() - jiff::SignedDuration::from_micros(1);
        let inside = async |time: &str| in_window(tz, as_of, &window, time).await;
        assert!(inside(first).await, "{window} of {as_of}: its first instant");
        assert!(!inside(&before(first).to_string()).await, "{window} of {as_of}: before it");
        assert!(inside(&before(end).to_string()).await, "{window} of {as_of}: its last instant");
        assert!(!inside(end).await, "{window} of {as_of}: its end");
    }
    assert!(in_window("UTC", "2026-01-01", &json!("all"), "1970-01-01T00:00:00Z").await);
    assert!(!in_window("UTC", "2026-01-01", &json!("all"), "2026-01-01T00:00:00Z").await);
}

#[tokio::test]
async fn a_window_before_the_calendar_is_refused() {
    let json = json!({"include": {"event": {"name": "x"}, "window": {"last": {"n": 900_000, "unit": "year"}}}});
    let error = Fixture::new().engine().segment_count(&Segment::parse(&json).unwrap()).await.unwrap_err();
    assert_eq!(error.code(), "invalid_segment", "{}", error.chain());
}

/// Six profiles over files, dead rows and tails; profile 5 has no events, and
/// one event belongs to nobody.
fn store() -> Fixture {
    let profiles: Vec<Value> =
        (0..6).map(|n| profile(n, &json!({"plan": if n < 3 { "pro" } else { "free" }, "n": n}))).collect();
    let device = json!({"node": "device:d0", "kind": "device", "value": "d0", "profile_id": id(0)});
    let mut by_device = event(0, "Order Completed", "2026-01-20T00:00:00Z");
    by_device["node"] = json!("device:d0");
    let mut by_nobody = event(0, "Order Completed", "2026-01-20T00:00:00Z");
    by_nobody["node"] = json!(null);
    let stale = [profile(0, &json!({"plan": "free"})), profile(4, &json!({"plan": "pro"}))];
    Fixture::new()
        .file("profiles", &profiles[..5], &[])
        .file("profiles", &stale, &[0, 1])
        .tail("profiles", &profiles[5..])
        .file("identities", &(0..6).map(identity).collect::<Vec<_>>(), &[])
        .tail("identities", &[device])
        .file(
            "events",
            &[
                event(0, "Order Completed", "2026-01-10T00:00:00Z"),
                event(1, "Order Completed", "2026-01-10T00:00:00Z"),
                event(1, "order completed", "2026-01-10T00:00:00Z"),
                event(2, "Order Completed", "2025-01-10T00:00:00Z"),
                event(3, "Order Completed", "2026-01-10T00:00:00Z"),
                event(4, "Viewed", "2026-01-10T00:00:00Z"),
            ],
            &[4],
        )
        .tail("events", &[by_device, by_nobody])
}

async fn members(include: Value, exclude: Value) -> String {
    let json = json!({"as_of": "2026-02-01", "include": include, "exclude": exclude});
    let engine = store().engine();
    let segment = Segment::parse(&json).unwrap();
    let members = engine.segment_members(&segment).await.unwrap();
    assert_eq!(engine.segment_count(&segment).await.unwrap(), members.len() as u64);
    let number = |member: &String| (0..10).find(|n| id(*n) == *member).unwrap().to_string();
    members.iter().map(number).collect()
}

#[tokio::test]
async fn members_are_those_the_tree_says() {
    let ordered = |op: &str, value: Value| {
        let having = json!({"agg": "count", "op": op, "value": value});
        json!({"event": {"name": "Order Completed"}, "window": {"last": {"n": 30, "unit": "day"}}, "having": having})
    };
    let ever = json!({"event": {"names": ["Order Completed", "Viewed"]}});
    let pro = json!({"trait": {"path": "plan", "type": "string"}, "op": "eq", "value": "pro"});
    for (include, exclude, expected) in [
        (json!({"all": []}), json!(null), "012345"),
        (json!({"any": []}), json!(null), ""),
        (json!({"not": {"any": []}}), json!(null), "012345"),
        (pro.clone(), json!(null), "012"),
        (json!({"not": pro}), json!(null), "345"),
        (ever.clone(), json!(null), "0124"),
        (json!({"not": ever}), json!(null), "35"),
        (ordered("gte", json!(1)), json!(null), "01"),
        (ordered("gte", json!(2)), json!(null), "0"),
        (ordered("eq", json!(0)), json!(null), "2345"),
        (json!({"not": ordered("gte", json!(1))}), json!(null), "2345"),
        (ordered("lte", json!(1)), json!(null), "12345"),
        (ordered("in", json!([0, 2])), json!(null), "02345"),
        (ordered("between", json!([1, 2])), json!(null), "01"),
        (ordered("gt", json!(0.5)), json!(null), "01"),
        (json!({"all": [pro, {"not": ordered("gte", json!(1))}]}), json!(null), "2"),
        (
            json!({"any": [ordered("eq", json!(2)), {"trait": {"path": "n"}, "op": "gte", "value": 4}]}),
            json!(null),
            "045",
        ),
        (json!({"all": []}), pro.clone(), "345"),
        (pro.clone(), ordered("eq", json!(2)), "12"),
        (json!({"event": {"name": "order completed"}}), json!(null), "1"),
        (json!({"event": {"name": "Order"}}), json!(null), ""),
        (json!({"event": {"names": []}}), json!(null), ""),
    ] {
        assert_eq!(members(include.clone(), exclude.clone()).await, expected, "{include} without {exclude}");
    }
}

#[tokio::test]
async fn an_empty_store_has_no_members() {
    let engine = Fixture::new().engine();
    for include in [json!({"all": []}), json!({"event": {"name": "x"}}), json!({"trait": {"path": "x"}, "op": "unset"})]
    {
        assert_eq!(engine.segment_count(&parse(&include).unwrap()).await.unwrap(), 0, "{include}");
    }
    let one = Fixture::new().tail("profiles", &[profile(1, &json!({}))]).engine();
    let never = json!({"event": {"name": "x"}, "having": {"agg": "count", "op": "eq", "value": 0}});
    assert_eq!(one.segment_members(&parse(&never).unwrap()).await.unwrap(), [id(1)]);
}

/// A segment's tree over trait `n` and event `e`, and who is in by a plain walk.
#[derive(Clone, Debug)]
enum Tree {
    Small(i64),
    Performed(i64),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

impl Tree {
    fn json(&self) -> Value {
        let parts = |parts: &[Tree]| parts.iter().map(Tree::json).collect::<Vec<_>>();
        match self {
            Self::Small(n) => json!({"trait": {"path": "n"}, "op": "lt", "value": n}),
            Self::Performed(n) => {
                json!({"event": {"name": "e"}, "having": {"agg": "count", "op": "lte", "value": n}})
            }
            Self::Not(part) => json!({"not": part.json()}),
            Self::All(all) => json!({"all": parts(all)}),
            Self::Any(any) => json!({"any": parts(any)}),
        }
    }

    fn holds(&self, value: Option<i64>, events: i64) -> bool {
        match self {
            Self::Small(n) => value.is_some_and(|value| value < *n),
            Self::Performed(n) => events <= *n,
            Self::Not(part) => !part.holds(value, events),
            Self::All(parts) => parts.iter().all(|part| part.holds(value, events)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value, events)),
        }
    }
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![(0..5_i64).prop_map(Tree::Small), (0..3_i64).prop_map(Tree::Performed)];
    leaf.prop_recursive(4, 24, 4, |part| {
        prop_oneof![
            part.clone().prop_map(|part| Tree::Not(Box::new(part))),
            prop::collection::vec(part.clone(), 0..4).prop_map(Tree::All),
            prop::collection::vec(part, 0..4).prop_map(Tree::Any),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn evaluation_equals_a_plain_walk(
        tree in trees(),
        people in prop::collection::vec((prop::option::of(0..5_i64), 0..4_usize), 1..12),
    ) {
        let traits = |value: &Option<i64>| value.map_or(json!({}), |value| json!({"n": value}));
        let number = |at: usize| u32::try_from(at).unwrap();
        let rows: Vec<Value> = people.iter().enumerate().map(|(at, (n, _))| profile(number(at), &traits(n))).collect();
        let events: Vec<Value> = people.iter().enumerate()
            .flat_map(|(at, (_, times))| vec![event(number(at), "e", "2026-01-01T00:00:00Z"); *times])
            .collect();
        let (in_file, in_tail) = rows.split_at(rows.len() / 2);
        let fixture = Fixture::new()
            .file("profiles", in_file, &[])
            .tail("profiles", in_tail)
            .tail("identities", &(0..number(people.len())).map(identity).collect::<Vec<_>>())
            .tail("events", &events);
        let expected: BTreeSet<String> = people.iter().enumerate()
            .filter(|(_, (value, times))| tree.holds(*value, i64::try_from(*times).unwrap()))
            .map(|(at, _)| id(number(at)))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let segment = parse(&tree.json()).unwrap();
        let members = runtime.block_on(fixture.engine().segment_members(&segment)).unwrap();
        prop_assert_eq!(members, expected.into_iter().collect::<Vec<_>>());
    }
}
