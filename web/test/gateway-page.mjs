/* The gateway's own page in a real browser: SV_PAGE where it is, SHOTS folder for the screens. [page-3] [page-4] */
import { check, end, inspect, open } from "./looking.mjs";

const base = process.env.SV_PAGE ?? "";
if (!base) {
  console.error("SV_PAGE must say where the gateway's page is");
  process.exit(2);
}
const browser = await open();
const noise = [];
const foreign = [];
let expected = null;

function watch(page) {
  page.on("console", (m) => m.type() === "error" && !expected?.test(m.text()) && noise.push(m.text()));
  page.on("pageerror", (e) => noise.push(String(e)));
  page.on("request", (r) => new URL(r.url()).origin !== new URL(base).origin && foreign.push(r.url()));
}
const soon = (promise) => promise.then(() => true, () => false);

/* Somebody acknowledges, and says who it is. */
async function answerAlert(page) {
  const button = ".alert.open button";
  check(await soon(page.waitForSelector(button, { timeout: 90000 })), "an alert is there to acknowledge");
  const id = await page.locator(".alert.open").first().getAttribute("data-id");
  const mine = page.locator(`[data-id="${id}"]`);
  await mine.locator("button").click();
  check(/who you are/.test(await page.locator("#refused").innerText()) && (await page.evaluate(() => document.activeElement.id)) === "who", "who does not say who they are is asked");
  await page.fill("#who", "<b>Zoë</b>");
  await mine.locator("button").click();
  check(await soon(page.waitForSelector(`.alert.acknowledged[data-id="${id}"]`, { timeout: 20000 })), "an alert is acknowledged");
  check((await mine.innerText()).includes("acknowledged by <b>Zoë</b>"), "by whom, as it was written");
  await page.reload();
  await page.waitForSelector(`.alert.acknowledged[data-id="${id}"]`);
  check((await page.inputValue("#who")) === "<b>Zoë</b>", "the name is remembered");
}

/* What is being worked on, as the fleet server said; the list is gone with the last of it. [maintenance-8] */
async function workedOn(page) {
  const part = "#maintenance-part";
  check(await page.locator(part).isHidden(), "where nobody works there is no list of it");
  const now = Date.now();
  const items = [{ device: null, since: now - 60e3, until: now + 3600e3, by: "ada", why: "" }, { device: "press-1", since: now - 60e3, until: now + 2 * 86400e3, by: "ada", why: "<b>new bearing</b>" }];
  await page.route("**/v1/status", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), maintenance: { count: 2, items } } });
  });
  check(await soon(page.waitForSelector(`${part}:not([hidden])`, { timeout: 20000 })), "where somebody does there is");
  const text = (await page.locator(part).innerText()).replaceAll("\n", " ");
  check(/All of the site/.test(text) && /press-1: <b>new bearing<\/b>/.test(text) && /until .* says ada/.test(text), `who, until when and why: ${text}`);
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `gateway-work-${width}-${scheme}`);
    }
  await page.unroute("**/v1/status");
  await page.waitForSelector(part, { state: "hidden", timeout: 20000 });
}

/* The gateway cannot be reached: what is shown stays, with its age. */
async function lost(page) {
  expected = /ERR_/;
  await page.route("**/v1/**", (route) => route.abort());
  check(await soon(page.waitForSelector(".banner", { timeout: 20000 })), "a gateway that does not answer is said");
  check(/ old\./.test(await page.locator(".banner").innerText()) && (await page.locator("#devices li").count()) > 0, "with the age of what stays");
  await inspect(page, "gateway-lost-1440-light");
  await page.unroute("**/v1/**");
  check(await soon(page.waitForSelector(".banner", { state: "detached", timeout: 20000 })), "and it goes on by itself");
  expected = null;
}

try {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  watch(page);
  await page.goto(base + "/");
  await page.waitForSelector("#devices li", { timeout: 30000 });
  await answerAlert(page);
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440, 2560]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.waitForTimeout(2500);
      await inspect(page, `gateway-${width}-${scheme}`);
    }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  await workedOn(page);
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  await lost(page);
  check(noise.length === 0, `the console is silent ${noise.slice(0, 5).join(" | ")}`);
  check(foreign.length === 0, `no request leaves the gateway ${foreign.slice(0, 5).join(" ")}`);
} catch (error) {
  check(false, `the run ends without a surprise: ${error.message}`);
}
await browser.close();
end("gateway page");
