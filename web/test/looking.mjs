/* What the browser tests share: a browser, checks that are counted, and a look at a page: sideways overflow, axe, the screen kept in $SHOTS. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const shots = process.env.SHOTS ?? "test-results";
mkdirSync(shots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let failures = 0;

export function check(good, what) {
  if (!good) failures++;
  console.log(`${good ? "ok  " : "FAIL"} ${what}`);
}

export const open = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

export async function inspect(page, name) {
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

export function end(what) {
  console.log(failures ? `${what}: ${failures} checks FAILED` : `${what}: all checks passed, screens in ${shots}`);
  process.exit(failures ? 1 : 0);
}
