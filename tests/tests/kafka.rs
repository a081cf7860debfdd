//! The demo's records through real Apache Kafka, whose broker and whose
//! reader are killed in the middle, and through the embedded log: the same
//! events, profiles and identities.

use anyhow::ensure;
use std::ops::Range;
use tokio::sync::watch;
use tributary_tests::{Broker, DemoRecords, Export, Kafka, Plan, Server};

const PEOPLE: u32 = 150;
const SEED: u64 = 11;

#[tokio::test]
async fn kafka_and_the_embedded_log_give_the_same() -> anyhow::Result<()> {
    let records = DemoRecords::generate(PEOPLE).await?;
    let broker = Broker::start().await?;
    let through_kafka = disturbed(&records, &broker).await?;
    let through_embedded = undisturbed(&records).await?;
    ensure!(through_embedded.rows("events") > 1_000, "only {} events", through_embedded.rows("events"));
    through_embedded.ensure_same(&through_kafka, "Kafka against the embedded log")
}

async fn undisturbed(records: &DemoRecords) -> anyhow::Result<Export> {
    let plan = records.in_order();
    let server = records.start(&plan, None).await?;
    records.replay(&server, &plan).await?;
    Export::of_records(&server).await
}

/// Server and broker are killed while the records are sent; senders try again until they are acknowledged.
async fn disturbed(records: &DemoRecords, broker: &Broker) -> anyhow::Result<Export> {
    let plan = records.shuffled(SEED);
    let kafka = Kafka::with_fresh_topic(broker.bootstrap());
    let mut server = records.start(&plan, Some(kafka)).await?;
    let (address, url) = watch::channel(server.ingest_url()?);
    let sending = Sending { records, plan: &plan, folder: server.dir().to_owned(), url };
    let [first, second, third, last] = quarters(plan.requests.len());

    sending.send(first).await?;
    tokio::try_join!(sending.send(second), kill_server(&mut server, &address))?;
    tokio::try_join!(sending.send(third), kill_broker(broker))?;
    let both = async {
        broker.kill9().await?;
        server.kill9()?;
        broker.restart().await?;
        restart(&mut server, &address).await
    };
    tokio::try_join!(sending.send(last), both)?;

    records.settle(&server).await?;
    let before = Export::of_records(&server).await?;
    // Once more from what is stored: nothing that was counted comes back.
    server.kill9()?;
    server.restart().await?;
    records.settle(&server).await?;
    before.ensure_same(&Export::of_records(&server).await?, "after one more kill")?;
    Ok(before)
}

/// The senders' side.
struct Sending<'a> {
    records: &'a DemoRecords,
    plan: &'a Plan,
    folder: std::path::PathBuf,
    url: watch::Receiver<String>,
}

impl Sending<'_> {
    async fn send(&self, range: Range<usize>) -> anyhow::Result<()> {
        self.records.send(&self.folder, self.plan, range, &self.url).await
    }
}

fn quarters(count: usize) -> [Range<usize>; 4] {
    std::array::from_fn(|quarter| quarter * count / 4..(quarter + 1) * count / 4)
}

async fn kill_server(server: &mut Server, address: &watch::Sender<String>) -> anyhow::Result<()> {
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        server.kill9()?;
        restart(server, address).await?;
    }
    Ok(())
}

async fn restart(server: &mut Server, address: &watch::Sender<String>) -> anyhow::Result<()> {
    server.restart().await?;
    address.send_replace(server.ingest_url()?);
    Ok(())
}

async fn kill_broker(broker: &Broker) -> anyhow::Result<()> {
    broker.kill9().await?;
    broker.restart().await
}
