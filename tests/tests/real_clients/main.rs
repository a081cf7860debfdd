//! Real clients against the running gateway: each tells the story of `tests/clients/story.json`, some with answers
//! that get lost so that they send again, and every event is in `events` exactly once, with the right profile.

mod ledger;
mod lossy;

use ledger::Ledger;
use lossy::LossyProxy;
use tributary_tests::{Accounts, Server, ServerOptions, run_driver};

/// How the client reaches the gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    /// Through a proxy that loses answers after the gateway gave them.
    LossyProxy,
}

/// Lets a client tell its story and compares what arrived with its ledger.
async fn check(driver: &str, variant: &str, way: Way) -> anyhow::Result<()> {
    let server = Server::start(ServerOptions::default()).await?;
    let proxy = LossyProxy::start(server.ingest_address()?).await?;
    let url = if way == Way::LossyProxy { proxy.url() } else { server.ingest_url()? };
    let ledger_path = server.dir().join("ledger.jsonl");
    let admin_url = server.admin_url()?;
    let arguments = [url.as_str(), &ledger_path.to_string_lossy(), variant];
    run_driver(driver, &arguments, &[("TRIBUTARY_ADMIN_URL", &admin_url)]).await?;

    let ledger = Ledger::read(&ledger_path)?;
    let accounts = Accounts::balanced(&server).await?;
    ledger.compare_with(&server).await?;
    assert_eq!(accounts.failed_events, 0);
    if way == Way::LossyProxy || variant.ends_with("-lossy") {
        assert!(accounts.duplicates > 0, "the client sent nothing again: the test shows nothing");
    }
    Ok(())
}

macro_rules! stories {
    ($($name:ident: $driver:literal, $variant:literal, $way:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                check($driver, $variant, $way).await.unwrap();
            }
        )*
    };
}

stories! {
    segment_node: "segment-node.mjs", "", Way::Direct;
    segment_node_sends_again: "segment-node.mjs", "", Way::LossyProxy;
    segment_python: "segment-python.py", "", Way::Direct;
    segment_python_with_gzip: "segment-python.py", "gzip", Way::Direct;
    segment_python_sends_again: "segment-python.py", "gzip", Way::LossyProxy;
    rudder_node: "rudder-node.mjs", "", Way::Direct;
    rudder_node_without_gzip: "rudder-node.mjs", "plain", Way::Direct;
    rudder_node_sends_again: "rudder-node.mjs", "", Way::LossyProxy;
    rudder_python: "rudder-python.py", "", Way::Direct;
    rudder_python_without_gzip: "rudder-python.py", "plain", Way::Direct;
    rudder_python_sends_again: "rudder-python.py", "", Way::LossyProxy;
    jitsu_node: "jitsu-node.mjs", "", Way::Direct;
    segment_browser: "browser.mjs", "segment", Way::Direct;
    segment_browser_in_batches: "browser.mjs", "segment-batch", Way::Direct;
    segment_browser_sends_again: "browser.mjs", "segment-lossy", Way::Direct;
    rudder_browser: "browser.mjs", "rudder", Way::Direct;
    rudder_browser_in_batches: "browser.mjs", "rudder-batch", Way::Direct;
    rudder_browser_with_beacons: "browser.mjs", "rudder-beacon", Way::Direct;
    rudder_browser_sends_again: "browser.mjs", "rudder-lossy", Way::Direct;
    jitsu_browser: "browser.mjs", "jitsu", Way::Direct;
}
