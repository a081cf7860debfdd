// Drives @rudderstack/rudder-sdk-node: rudder-node.mjs INGEST_URL LEDGER [plain]
// It sends gzip as a form unless told otherwise, and its first event alone.

import { ingestUrl, load, message, record, story, variant, writeKey } from "./story.mjs";

const loaded = load("@rudderstack/rudder-sdk-node");
const RudderAnalytics = loaded.default ?? loaded;
const client = new RudderAnalytics(writeKey, {
  dataPlaneUrl: ingestUrl,
  flushAt: 15,
  flushInterval: 100,
  gzip: variant !== "plain",
});

for (const call of story) {
  client[call.type](message(call));
  record(call);
}
await client.flush();
