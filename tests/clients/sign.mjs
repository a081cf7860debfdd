// Prints the signature of a webhook by the npm package standardwebhooks: sign.mjs SECRET ID SECONDS PAYLOAD

import { createRequire } from "node:module";
import { join } from "node:path";

const { Webhook } = createRequire(join(process.env.TRIBUTARY_TEST_PACKAGES, "package.json"))("standardwebhooks");
const [secret, id, seconds, payload] = process.argv.slice(2);
console.log(new Webhook(secret).sign(id, new Date(Number(seconds) * 1000), payload));
