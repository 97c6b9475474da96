// Opens the page of the API in a browser, tries requests by hand, and prints what happened as JSON.
// Arguments: the browser's program, the API's URL, a bearer token.
import { chromium } from "playwright-core";

const [executablePath, api, token] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const seen = { console: [], asked: [], routes: [], answers: {} };
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => seen.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => seen.console.push(`error: ${error.message}`));
  page.on("request", (request) => seen.asked.push(request.url()));

  await page.goto(`${api}/docs`);
  await page.waitForSelector(".opblock");
  seen.title = await page.title();
  seen.routes = await page.$$eval(".opblock-summary", (rows) =>
    rows.map((row) => {
      const method = row.querySelector(".opblock-summary-method").textContent;
      const path = row.querySelector(".opblock-summary-path").getAttribute("data-path");
      return `${method} ${path}`;
    }),
  );

  const block = (id) => page.locator(`.opblock[id$="-${id}"]`);

  async function execute(id, status) {
    await block(id).locator("button.execute").click();
    const answered = block(id).locator(".live-responses-table .response", { hasText: status });
    await answered.first().waitFor();
    seen.answers[`${id} ${status}`] = await answered.first().locator("code").first().textContent();
  }

  await block("isAlive").locator(".opblock-summary-control").click();
  await execute("isAlive", "200");
  await block("getUser").locator(".opblock-summary-control").click();
  await execute("getUser", "401");
  await page.locator("button.authorize").first().click();
  const dialog = page.locator(".auth-container", { hasText: "bearer" }).first();
  await dialog.locator("input").fill(token);
  await dialog.locator("button.authorize").click();
  await dialog.locator("button.btn-done").click();
  await execute("getUser", "200");
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));
