//! Prints how many events a second one core reads, normalises and encodes,
//! without network and disk: `cargo run --release -p tributary-ingest --example throughput`.

use async_trait::async_trait;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower::ServiceExt as _;
use tributary_ingest::gateway::{GatewayState, HttpSource, service};
use tributary_ingest::normalise::{BatchDefaults, Normaliser};
use tributary_ingest::{Frames, Limits, Metrics};
use tributary_log::{Entry, Frame, Health, Log, Position, Result};
use tributary_protocol::Timestamp;
use uuid::Uuid;

const MEASURED: Duration = Duration::from_secs(2);
const BATCH: usize = 100;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let events: Vec<String> = (0..BATCH).map(event).collect();
    println!("event: {} bytes, batch: {BATCH}", events[0].len());

    let batch = BatchDefaults::default();
    measure("normalise and encode", BATCH, || {
        let mut normaliser = Normaliser::new("web", Limits::default(), &batch, Timestamp::now());
        let mut frames = Frames::with_capacity(BATCH, BATCH * 1024);
        for event in &events {
            normaliser.encode(event, None, &mut frames).expect("the event is good");
        }
        assert_eq!(frames.into_entries().len(), BATCH);
    });

    let source = HttpSource { name: "web".to_owned(), write_key: "wk".to_owned() };
    let metrics = Metrics::new(&prometheus::Registry::new())?;
    let state = GatewayState::new(Arc::new(Nowhere), vec![source], Limits::default(), false, metrics, Vec::new());
    let app = service(state);
    let post = |path: &'static str, body: Bytes| {
        let request = Request::post(path).header("authorization", "Basic d2s6").body(Body::from(body));
        let request = request.expect("a request");
        let answer = runtime.block_on(app.clone().oneshot(request)).expect("the router never fails");
        assert_eq!(answer.status(), 200);
    };
    let body = Bytes::from(format!(r#"{{"batch":[{}],"sentAt":"2026-01-02T03:04:05.000Z"}}"#, events.join(",")));
    measure("request of a batch", BATCH, || post("/v1/batch", body.clone()));
    let single = Bytes::from(events[0].clone());
    measure("request of one event", 1, || post("/v1/track", single.clone()));
    Ok(())
}

fn measure(name: &str, events: usize, mut turn: impl FnMut()) {
    turn();
    let begun = (Instant::now(), cpu_time());
    let mut turns = 0_u32;
    while begun.0.elapsed() < MEASURED {
        turn();
        turns += 1;
    }
    let spent = cpu_time().zip(begun.1).map_or_else(|| begun.0.elapsed(), |(now, then)| now.saturating_sub(then));
    #[allow(clippy::cast_precision_loss, reason = "a count of events fits")]
    let rate = f64::from(turns) * events as f64 / spent.as_secs_f64();
    println!("{name}: {rate:.0} events/s of CPU time, {:.2} us an event", 1e6 / rate);
}

/// Time that this thread had a core, so that other work on the machine counts less; Linux only.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// About a kilobyte, as a web page sends it.
fn event(index: usize) -> String {
    let padding = "lorem ipsum dolor sit amet consectetur ".repeat(6);
    serde_json::json!({
        "type": "track", "event": "Product Viewed", "messageId": format!("ajs-next-1795363335084-{index:012}"),
        "userId": format!("user-{index}"), "anonymousId": format!("885e6afe-d663-440a-b0cf-{index:012}"),
        "timestamp": "2026-01-02T03:04:04.123Z", "integrations": { "All": true },
        "context": {
            "page": { "path": "/products/7", "referrer": "", "title": "Shop", "url": "https://shop.example/products/7" },
            "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "library": { "name": "analytics.js", "version": "npm:next-1.84.3" }, "locale": "en-US", "timezone": "UTC",
            "traits": { "email": format!("person{index}@shop.example") },
        },
        "properties": { "product_id": format!("sku-{index}"), "price": 19.99, "currency": "EUR", "position": index, "text": padding },
    })
    .to_string()
}

/// A log that forgets.
struct Nowhere;

#[async_trait]
impl Log for Nowhere {
    fn id(&self) -> Uuid {
        Uuid::nil()
    }

    fn partitions(&self) -> u32 {
        1
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Position>> {
        Ok(entries.iter().map(|_| Position { partition: 0, offset: 0 }).collect())
    }

    async fn read(&self, _: u32, _: u64, _: usize) -> Result<Vec<Frame>> {
        Ok(Vec::new())
    }

    async fn wait(&self, _: u32, _: u64) {}

    async fn durable_ends(&self) -> Result<Vec<u64>> {
        Ok(vec![0])
    }

    async fn release(&self, _: u32, _: u64) -> Result<()> {
        Ok(())
    }

    async fn continue_above(&self, _: u32, _: u64) -> Result<()> {
        Ok(())
    }

    fn health(&self) -> Health {
        Health::Ok
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}
