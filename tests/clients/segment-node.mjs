// Drives @segment/analytics-node: segment-node.mjs INGEST_URL LEDGER

import { ingestUrl, load, message, record, story, writeKey } from "./story.mjs";

const { Analytics } = load("@segment/analytics-node");
const client = new Analytics({ writeKey, host: ingestUrl, flushAt: 15, flushInterval: 100 });
const failures = [];
client.on("error", (error) => failures.push(error));

for (const call of story) {
  client[call.type](message(call), (error, context) => {
    if (error) failures.push(error);
    record(call, { messageId: context?.event.messageId });
  });
}
await client.closeAndFlush();
if (failures.length > 0) throw new Error("the client reports failures", { cause: failures });
