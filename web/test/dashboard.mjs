/* The dashboard in a real browser: SV_URL operator door, SV_LOGIN full login link, SHOTS folder for the screens. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const base = (process.env.SV_URL ?? "").replace(/\/$/, "");
const login = process.env.SV_LOGIN ?? "";
const shots = process.env.SHOTS ?? "test-results";
if (!base || !login) {
  console.error("SV_URL and SV_LOGIN must say where the operator door is and how to log in");
  process.exit(2);
}
mkdirSync(shots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const failures = [];
const check = (good, what) => {
  if (!good) failures.push(what);
  console.log(`${good ? "ok  " : "FAIL"} ${what}`);
};

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const noise = [];
const foreign = [];

function watch(page) {
  page.on("console", (m) => m.type() === "error" && !(loggedOut && /401/.test(m.text())) && noise.push(m.text()));
  page.on("pageerror", (e) => noise.push(String(e)));
  page.on("request", (r) => {
    if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== new URL(base).origin) foreign.push(r.url());
  });
}

async function inspect(page, name) {
  await page.waitForTimeout(400);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(wide <= 0, `${name}: nothing overflows sideways (${wide} px)`);
  /* Playwright evaluates outside the page's CSP, as a developer's console does. */
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  const text = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`).join("; ");
  check(found.violations.length === 0, `${name}: axe finds nothing ${text}`);
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

const open = async (page, path, ready) => {
  await page.goto(base + path);
  await page.waitForSelector(ready, { timeout: 15000 });
};

let loggedOut = true;
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  watch(page);
  await open(page, "/", ".login h1:not(.hidden)");
  await inspect(page, "login-1440-light");
  await page.goto("about:blank");
  loggedOut = false;
  await page.goto(login);
  await page.waitForSelector(".headline", { timeout: 30000 });
  check(!page.url().includes("login="), "the login token is gone from the address");

  await open(page, "/devices?status=online", ".devices tbody tr");
  const path = await page.getAttribute(".devices tbody tr", "data-href");
  await page.click(".devices tbody tr td:last-child");
  await page.waitForSelector(".chart .u-over", { timeout: 15000 });
  check(new URL(page.url()).pathname === path, "a row of the table leads to its device");
  await page.waitForFunction(() => Number(document.querySelector(".chart").dataset.points) >= 0);
  const points = () => page.evaluate(() => Math.max(...[...document.querySelectorAll(".chart")].map((c) => Number(c.dataset.points))));
  const before = await points();
  const grew = await page.waitForFunction((n) => [...document.querySelectorAll(".chart")].some((c) => Number(c.dataset.points) > n), before, { timeout: 30000 }).then(() => true, () => false);
  check(grew, `the chart gains points while it is looked at (${before} to ${await points()})`);
  const over = await page.locator(".u-over").first().boundingBox();
  await page.mouse.move(over.x + over.width * 0.5, over.y + 60);
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.9, over.y + 60, { steps: 5 });
  await page.mouse.up();
  check(await page.waitForURL(/from=\d+/, { timeout: 5000 }).then(() => true, () => false), "dragging zooms and the address says so");
  await page.mouse.dblclick(over.x + over.width * 0.5, over.y + 60);
  check(await page.waitForURL((u) => !u.search.includes("from="), { timeout: 5000 }).then(() => true, () => false), "double click goes back to live");
  const [csv] = await Promise.all([page.waitForEvent("download", { timeout: 5000 }), page.click(".chart-head button")]);
  check(readFileSync(await csv.path(), "utf8").split("\n").length > 2, "CSV holds what is shown");

  await page.keyboard.press("g");
  await page.keyboard.press("a");
  check(await page.waitForURL(/\/alerts$/, { timeout: 5000 }).then(() => true, () => false), "g a leads to the alerts");
  const row = ".alert.open [data-act=acknowledge]";
  if (await page.waitForSelector(row, { timeout: Number(process.env.SV_ALERT_WAIT ?? 60000) }).then(() => true, () => false)) {
    const open = await page.locator(".alert.open").count();
    await page.locator(row).first().click();
    await page.waitForSelector(".alert.acknowledged", { timeout: 10000 });
    check(true, `an alert of ${open} is acknowledged`);
    await page.locator(".alert.acknowledged [data-act=acknowledge]").first().click();
    check(await page.waitForSelector(row, { timeout: 10000 }).then(() => true, () => false), "and the acknowledgement is undone");
    await page.locator(row).first().click();
    await page.waitForSelector(".alert.acknowledged", { timeout: 10000 });
  } else check(false, "an alert is there to acknowledge");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await inspect(page, "help-1440-light");
  await page.keyboard.press("Escape");

  const pages = [["overview", "/", ".headline"], ["devices", "/devices", ".devices tbody tr"], ["device", path, ".chart .u-over"], ["alerts", "/alerts?state=all", ".alerts li"],
    ["empty", "/devices?q=no-such-machine", ".empty"]];
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440, 2560]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      for (const [name, to, ready] of pages) {
        await open(page, to, ready);
        await inspect(page, `${name}-${width}-${scheme}`);
      }
    }
  await page.keyboard.press("/");
  await page.waitForTimeout(300);
  check(await page.evaluate(() => document.activeElement?.id === "search"), "/ goes to the search");
  check(noise.length === 0, `the console is silent ${noise.slice(0, 5).join(" | ")}`);
  check(foreign.length === 0, `no request leaves the server ${foreign.slice(0, 5).join(" ")}`);
} catch (error) {
  check(false, `the run ends without a surprise: ${error.message}`);
}
await browser.close();
console.log(failures.length ? `dashboard: ${failures.length} checks FAILED` : `dashboard: all checks passed, screens in ${shots}`);
process.exit(failures.length ? 1 : 0);
