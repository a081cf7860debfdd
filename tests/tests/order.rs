//! The demo's records in ten random orders, batch sizes and repeats, web,
//! webhooks and files interleaved: the same profiles and identities, byte for
//! byte, ids included, by identifiers alone as with contents matched.

use anyhow::ensure;
use tributary_tests::{DemoRecords, Export, Plan};

const PEOPLE: u32 = 150;
const ORDERS: u64 = 10;

#[tokio::test]
async fn ten_orders_give_the_same_profiles() -> anyhow::Result<()> {
    ten_orders(DemoRecords::generate(PEOPLE).await?.in_mode("probabilistic")).await
}

#[tokio::test]
async fn ten_orders_give_the_same_profiles_by_identifiers_alone() -> anyhow::Result<()> {
    ten_orders(DemoRecords::generate(PEOPLE).await?.in_mode("deterministic")).await
}

async fn ten_orders(records: DemoRecords) -> anyhow::Result<()> {
    let expected = outcome(&records, &records.in_order()).await?;
    for (table, least) in [("profiles", PEOPLE as usize / 2), ("identities", PEOPLE as usize), ("events", 1_000)] {
        ensure!(expected.rows(table) >= least, "{table} has only {} rows", expected.rows(table));
    }
    for seed in 1..=ORDERS {
        let outcome = outcome(&records, &records.shuffled(seed)).await?;
        expected.ensure_same(&outcome, &format!("order {seed}"))?;
    }
    Ok(())
}

/// What a new server makes of a plan.
async fn outcome(records: &DemoRecords, plan: &Plan) -> anyhow::Result<Export> {
    let mut server = records.start(plan, None).await?;
    records.replay(&server, plan).await?;
    let export = Export::of_records(&server).await?;
    server.stop().await?;
    Ok(export)
}
