//! What is read of the load: profiles through the API, and three segments
//! whose counts follow from what was sent.

use crate::event::{AS_OF, Facts, USERS, city, plan};
use crate::load::Connection;
use crate::report::Figure;
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tributary_tests::Server;

/// Connections that read profiles.
const READERS: u64 = 8;
/// Profiles that each of them reads.
const READS: u64 = 2_500;
/// How often each segment is counted; the median is told.
const COUNTS: usize = 5;

/// Measures every read.
///
/// # Errors
/// If an answer is wrong.
pub async fn measure(server: &Server, events: u64) -> anyhow::Result<Vec<Figure>> {
    let mut figures = profiles(server.admin_address()?).await?;
    let people = People::of(events);
    for (name, segment, expected) in people.segments() {
        let mut times = Vec::new();
        for _ in 0..COUNTS {
            let started = Instant::now();
            let answer = server.admin_post("/v1/segments/count", &segment).await?;
            times.push(started.elapsed());
            ensure!(answer.status == 200, "segment {name}: {}", answer.text);
            ensure!(answer.body["count"] == expected, "segment {name}: {} is not {expected}", answer.body["count"]);
        }
        times.sort_unstable();
        figures.push(Figure::time(format!("segment, {name}: {expected} people"), times[COUNTS / 2]));
    }
    Ok(figures)
}

/// Reads profiles at random on several connections.
async fn profiles(address: SocketAddr) -> anyhow::Result<Vec<Figure>> {
    let mut times: Vec<Duration> = try_join_all((0..READERS).map(|seed| read_profiles(address, seed))).await?.concat();
    times.sort_unstable();
    let at = |per_mille: usize| times[(times.len() * per_mille).div_ceil(1000) - 1];
    Ok(vec![Figure::time("profile API p50", at(500)), Figure::time("profile API p99", at(990))])
}

async fn read_profiles(address: SocketAddr, seed: u64) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut random = SmallRng::seed_from_u64(seed);
    let mut times = Vec::new();
    for _ in 0..READS {
        let user = random.random_range(0..USERS);
        let request = format!("GET /v1/profiles/user_id:user-{user:08} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let started = Instant::now();
        let body = connection.exchange(request.as_bytes()).await?;
        times.push(started.elapsed());
        let profile: Value = serde_json::from_slice(body).context("read a profile")?;
        ensure!(profile["traits"]["city"] == city(user), "profile of user {user}: {profile}");
    }
    Ok(times)
}

/// How often each user did something, from what was sent.
struct People {
    recent_orders: Vec<u32>,
    orders: Vec<u32>,
    recent_checkouts: Vec<u32>,
}

impl People {
    fn of(events: u64) -> Self {
        let nobody = || vec![0; usize::try_from(USERS).unwrap_or(0)];
        let mut people = Self { recent_orders: nobody(), orders: nobody(), recent_checkouts: nobody() };
        for facts in (0..events).map(Facts::of) {
            let user = usize::try_from(facts.user).unwrap_or(0);
            people.orders[user] += u32::from(facts.name == "Order Completed");
            people.recent_orders[user] += u32::from(facts.name == "Order Completed" && facts.days_before < 30);
            // May has 31 days.
            people.recent_checkouts[user] += u32::from(facts.name == "Checkout Started" && facts.days_before < 31);
        }
        people
    }

    /// A name, the segment, and how many people are in it.
    fn segments(&self) -> [(&'static str, Value, u64); 3] {
        let segment = |include: Value| json!({ "v": 1, "entity": "profile", "as_of": AS_OF, "include": include });
        let pro = json!({ "trait": { "path": "plan" }, "op": "eq", "value": "pro" });
        let cities = json!({ "trait": { "path": "city" }, "op": "in", "value": ["Lisbon", "Graz"] });
        let event = |name: &str, span: Value, least: u32| json!({ "event": { "name": name }, "window": span, "having": { "agg": "count", "op": "gte", "value": least } });
        let last = |n: u32, unit: &str| json!({ "last": { "n": n, "unit": unit } });
        let ordered = event("Order Completed", last(30, "day"), 2);
        let checkout = event("Checkout Started", last(1, "month"), 1);
        let never_ordered = json!({ "not": { "event": { "name": "Order Completed" } } });
        [
            ("a trait", segment(pro), count(|user| plan(user as u64) == "pro")),
            ("orders in 30 days", segment(ordered), count(|user| self.recent_orders[user] >= 2)),
            (
                "all of city, checkout in a month, no order",
                segment(json!({ "all": [cities, checkout, never_ordered] })),
                count(|user| {
                    let lives_there = ["Lisbon", "Graz"].contains(&city(user as u64));
                    lives_there && self.recent_checkouts[user] >= 1 && self.orders[user] == 0
                }),
            ),
        ]
    }
}

fn count(is_in: impl Fn(usize) -> bool) -> u64 {
    (0..usize::try_from(USERS).unwrap_or(0)).filter(|&user| is_in(user)).count() as u64
}
