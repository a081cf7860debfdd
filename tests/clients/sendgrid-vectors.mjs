// Prints the vectors of @sendgrid/eventwebhook's own test, one JSON object a line: runs that test and listens in.

import { createRequire } from "node:module";
import { join } from "node:path";

const load = createRequire(join(process.env.TRIBUTARY_TEST_PACKAGES, "package.json"));
const { EventWebhook } = load("@sendgrid/eventwebhook/src/eventwebhook.js");
const { convertPublicKeyToECDSA, verifySignature } = EventWebhook.prototype;
let vector;

EventWebhook.prototype.convertPublicKeyToECDSA = function (publicKey) {
  vector = { publicKey };
  return convertPublicKeyToECDSA.call(this, publicKey);
};
EventWebhook.prototype.verifySignature = function (key, payload, signature, timestamp) {
  Object.assign(vector, { payload, signature, timestamp: String(timestamp) });
  return verifySignature.call(this, key, payload, signature, timestamp);
};

globalThis.describe = (_title, body) => body();
globalThis.it = globalThis.describe;
globalThis.expect = (result) => ({
  to: {
    equal(genuine) {
      if (typeof genuine === "boolean" && result === genuine) console.log(JSON.stringify({ ...vector, genuine }));
    },
  },
});

load("@sendgrid/eventwebhook/src/eventwebhook.spec.js");
