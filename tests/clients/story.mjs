// What the Node and browser clients have in common: the story they tell (story.json, the same for every client), the
// packages from the cache folder, and the ledger of what was sent, one JSON object a line.

import { appendFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** Folder whose `node_modules` holds the clients. */
export const packages = process.env.TRIBUTARY_TEST_PACKAGES;
/** Loads a client from that folder. */
export const load = createRequire(join(packages, "package.json"));
/** Key of the source that the clients send to. */
export const writeKey = "wk";

const [ingestUrl, ledgerPath, variant = ""] = process.argv.slice(2);
export { ingestUrl, variant };

/** The calls in order, each with a `call` number of its own in its properties or traits. */
export const story = JSON.parse(readFileSync(new URL("story.json", import.meta.url)))
  .flatMap((call) => Array.from({ length: call.times ?? 1 }, () => ({ ...call })))
  .map((call, number) => numbered(call, number));

function numbered({ times, ...call }, number) {
  for (const part of ["properties", "traits"]) {
    if (part in call) call[part] = { ...call[part], call: number };
  }
  return { ...call, call: number };
}

/** The arguments of a server client's call, which takes one object. */
export function message({ type, call, ...fields }) {
  return fields;
}

/** Writes down that `call` was sent; `sent` overrides what the client chose by itself. */
export function record(call, sent = {}) {
  appendFileSync(ledgerPath, `${JSON.stringify({ ...call, ...sent })}\n`);
}
