// Drives browser clients in headless Chromium: browser.mjs INGEST_URL LEDGER CLIENT[-MODE]
//
//   CLIENT   segment (@segment/analytics-next), rudder (@rudderstack/analytics-js) or jitsu (@jitsu/js)
//   MODE     batch   the client gathers events          beacon   rudder sends them with sendBeacon
//            lossy   the first answers to its posts get lost, so that it sends again
//
// Each device of the story is a browser context of its own, and where the client can send then, the page is left
// straight after its last call. The page's origin is another one than the gateway's, so preflights are real. A request
// to anywhere beyond loopback fails the run: it would be a leak. The browser stays open until the server has as many
// events as were sent, as asked over TRIBUTARY_ADMIN_URL; what exactly it has is for the test to judge.

import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ingestUrl, load, packages, record, story, variant, writeKey } from "./story.mjs";

const { chromium } = load("playwright-core");
const [client, mode = ""] = variant.split("-");
const patienceMs = 40_000;
const answersLost = 3;
/** What sends the rest of its events while its page is left; the others may lose requests that are under way then. */
const sendsOnLeaving = new Set(["segment-batch", "rudder-beacon"]);
const browserFlags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const types = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };

/** Serves the pages of this folder, and the clients under /lib/. */
function servePages() {
  const folder = fileURLToPath(new URL("pages/", import.meta.url));
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://page").pathname);
    const file = path.startsWith("/lib/") ? join(packages, "node_modules", path.slice(5)) : join(folder, path);
    if (path.includes("..") || !existsSync(file)) return response.writeHead(404).end();
    response.setHeader("content-type", types[extname(file)] ?? "application/octet-stream");
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** The story cut by device, in order. */
function devices() {
  const byDevice = new Map();
  let previous;
  for (const call of story) {
    const device = call.anonymousId ?? previous;
    previous = device;
    byDevice.set(device, [...(byDevice.get(device) ?? []), call]);
  }
  return [...byDevice.values()];
}

/**
 * Forwards the first posts and answers them with 503 all the same. Returns the message ids that the client owes: those
 * of lost answers that it has not sent again yet.
 */
async function loseAnswers(context) {
  let lost = 0;
  const owed = new Set();
  await context.route(`${ingestUrl}/**`, async (route) => {
    const request = route.request();
    if (request.method() !== "POST") return route.continue();
    const sent = (request.postData() ?? "").match(/"messageId":"[^"]+"/g) ?? [];
    const answer = await route.fetch();
    if (lost < answersLost) {
      lost += 1;
      for (const id of sent) owed.add(id);
      return route.fulfill({ response: answer, status: 503 });
    }
    for (const id of sent) owed.delete(id);
    return route.fulfill({ response: answer });
  });
  return owed;
}

/** Makes the calls of one device in a page of its own, and leaves the page after the last one. */
async function tellOn(browser, pageUrl, calls) {
  const context = await browser.newContext();
  const owed = mode === "lossy" ? await loseAnswers(context) : new Set();
  const page = await context.newPage();
  page.on("pageerror", (error) => failures.push(`page error: ${error}`));
  context.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol.startsWith("http") && hostname !== "127.0.0.1") failures.push(`leaves the machine: ${request.url()}`);
  });
  await page.goto(pageUrl);
  await page.waitForFunction(() => globalThis.client !== undefined);
  for (const call of calls.filter(({ type }) => type !== "screen")) {
    const sent = await page.evaluate((call) => globalThis.client.send(call), call);
    if (!sent) continue;
    // Whom an alias is about is the client's choice here, not the story's.
    record({ ...call, previousId: undefined }, sent);
    total += 1;
  }
  if (!sendsOnLeaving.has(variant)) await untilStored();
  await until(() => owed.size === 0, () => `${owed.size} lost events were not sent again`);
  await page.goto("about:blank");
}

async function untilStored() {
  const query = JSON.stringify({ sql: "SELECT count(*) FROM events" });
  const headers = { "content-type": "application/json" };
  const isStored = async () => {
    const answer = await fetch(`${process.env.TRIBUTARY_ADMIN_URL}/v1/query`, { method: "POST", headers, body: query });
    return (await answer.json()).rows?.[0]?.[0] >= total;
  };
  await until(isStored, () => `not all of ${total} events arrived`);
}

/** Asks until it is so; a run that waits too long fails. */
async function until(isSo, trouble) {
  for (const started = Date.now(); Date.now() - started < patienceMs; ) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  failures.push(`${trouble()} within ${patienceMs} ms`);
}

const failures = [];
let total = 0;
const pages = await servePages();
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, headless: true, args: browserFlags });
try {
  const options = new URLSearchParams({ ingest: ingestUrl, writeKey, mode });
  const pageUrl = `http://127.0.0.1:${pages.address().port}/${client}.html?${options}`;
  for (const calls of devices()) await tellOn(browser, pageUrl, calls);
  await untilStored();
} finally {
  await browser.close();
  pages.close();
}
if (failures.length > 0) throw new Error(failures.join("\n"));
