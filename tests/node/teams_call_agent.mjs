// Microsoft's calling client makes call agents for Teams users of our tokens, in a browser.
// Arguments: the browser's program, the file of the client (sdk.bundle.js), the emulator's address
// over TLS. Reads {tokens: {name: token}, entraToken} from standard input. Prints for each token
// what became of it, and what a page read of an exchange.
//
// The client's servers are not there, so an agent is made and takes no calls.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { chromium } from "playwright-core";

const [executablePath, file, emulator] = process.argv.slice(2);
const { tokens, entraToken } = JSON.parse(await text(process.stdin));
const source = await readFile(file, "utf8");
const server = createServer((_, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end("<html></html>");
});
await new Promise((resolve) => server.listen(0, "localhost", resolve));
const PAGE = `http://localhost:${server.address().port}/`;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function openPage() {
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(PAGE);
  return page;
}

async function agentOf(token) {
  const page = await openPage();
  await page.route("**/*", (route) => route.abort());
  // The bundle asks for two packages: it only logs by the one, and knows types of the other.
  await page.evaluate(() => {
    const log = Object.assign(() => {}, { enabled: false });
    const logger = { error: log, warning: log, info: log, verbose: log };
    globalThis.exports = {};
    globalThis.module = { exports: globalThis.exports };
    globalThis.require = (name) =>
      name === "@azure/logger" ? { createClientLogger: () => logger, setLogLevel: log } : {};
  });
  await page.addScriptTag({ content: source });
  return page.evaluate(async (token) => {
    const getToken = async () => ({ token, expiresOnTimestamp: Date.now() + 3_000_000 });
    const client = new globalThis.exports.CallClient();
    try {
      return (await client.createTeamsCallAgent({ getToken, dispose: () => {} })).kind;
    } catch (error) {
      return `${error.name} ${error.code} ${error.subCode}`;
    }
  }, token);
}

async function exchange() {
  const page = await openPage();
  return page.evaluate(
    async ({ emulator, entraToken }) => {
      const url = `${emulator}/access/teamsExtension/:exchangeAccessToken?api-version=2025-06-30`;
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${entraToken}` };
      const answer = await fetch(url, { method: "POST", body: "{}", headers });
      return (await answer.json()).identity.id;
    },
    { emulator, entraToken },
  );
}

try {
  const agents = {};
  for (const [name, token] of Object.entries(tokens)) agents[name] = await agentOf(token);
  console.log(JSON.stringify({ agents, exchanged: await exchange() }));
} finally {
  await browser.close();
  server.close();
}
