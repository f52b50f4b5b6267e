/* The dashboard in a real browser: SV_URL operator door, SV_LOGIN full login link, SHOTS folder for the screens,
   SV_FLEET_PID (optional) the server's process, which somebody restarts when it is killed. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
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
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const noise = [];
const foreign = [];
let expected = /401/; // console errors that belong to what is being tried

function watch(page) {
  page.on("console", (m) => m.type() === "error" && !expected?.test(m.text()) && noise.push(m.text()));
  page.on("pageerror", (e) => noise.push(String(e)));
  page.on("request", (r) => {
    if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== new URL(base).origin) foreign.push(r.url());
  });
}

/* What the first visit costs: requests and bytes as they come, and the whole app packed. */
async function budget(context) {
  const page = await context.newPage();
  const seen = [];
  page.on("response", (r) => seen.push(r));
  const answer = await page.goto(base + "/");
  await page.waitForSelector(".headline");
  await page.waitForTimeout(500);
  const bytes = (await Promise.all(seen.map((r) => r.body().then((b) => b.length, () => 0)))).reduce((a, b) => a + b, 0);
  check(seen.length <= 10, `the overview is there after ${seen.length} requests (at most 10)`);
  check(bytes <= 200e3, `and ${Math.round(bytes / 1000)} kB (at most 200)`);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity);
  check(paint <= 3000, `the first paint comes after ${Math.round(paint)} ms (at most 3000, on a busy machine)`);
  const csp = answer.headers()["content-security-policy"] ?? "";
  check(/default-src 'none'/.test(csp) && /script-src 'self';/.test(csp) && /style-src 'self';/.test(csp) && /frame-ancestors 'none'/.test(csp) && !/unsafe/.test(csp),
    `the content security policy is strict: ${csp}`);
  const dist = new URL("../dist/", import.meta.url);
  const packed = readdirSync(dist).reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length, 0);
  check(packed <= 120 * 1024, `the whole app is ${(packed / 1024).toFixed(1)} KiB gzipped (at most 120)`);
  await page.close();
}

/* The first alert in the inbox: acknowledged, undone, and acknowledged from the keyboard. */
async function answerAlert(page) {
  await open(page, "/alerts", "h1");
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
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  if (process.env.SV_FLEET_PID) await outage(page);
  check(noise.length === 0, `the console is silent ${noise.slice(0, 5).join(" | ")}`);
  check(foreign.length === 0, `no request leaves the server ${foreign.slice(0, 5).join(" ")}`);
} catch (error) {
  check(false, `the run ends without a surprise: ${error.message}`);
}
await browser.close();
console.log(failures.length ? `dashboard: ${failures.length} checks FAILED` : `dashboard: all checks passed, screens in ${shots}`);
process.exit(failures.length ? 1 : 0);
