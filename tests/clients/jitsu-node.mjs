// Drives @jitsu/js in Node: jitsu-node.mjs INGEST_URL LEDGER
// It has neither screen nor alias, sends each call by itself and never sends again.

import { ingestUrl, load, record, story, writeKey } from "./story.mjs";

const { jitsuAnalytics } = load("@jitsu/js");
// It refuses keys that are not written key:secret.
const client = jitsuAnalytics({ host: ingestUrl, writeKey: `${writeKey}:secret` });

const send = {
  page: (call) => client.page({ name: call.name, ...call.properties }),
  track: (call) => client.track(call.event, call.properties),
  identify: (call) => client.identify(call.userId, call.traits),
  group: (call) => client.group(call.groupId, call.traits),
};

let device;
for (const call of story.filter(({ type }) => type in send)) {
  // It remembers one user a process, so another device is a reset.
  if (call.anonymousId !== device) {
    await client.reset();
    device = call.anonymousId;
    client.setAnonymousId(device);
  }
  await send[call.type](call);
  record(call);
}
