/* What the browser tests share: a browser, checks that are counted, and a look at a page: sideways overflow, what lies over a button, axe, the screen kept in $SHOTS.
   What fails is printed as it happens; what holds only with LOUD=1. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

const shots = process.env.SHOTS ?? "test-results";
mkdirSync(shots, { recursive: true });
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const loud = process.env.LOUD === "1";
let checks = 0;
let failures = 0;

export function check(good, what) {
  checks++;
  if (!good) failures++;
  if (loud || !good) console.log(`${good ? "ok  " : "FAIL"} ${what}`);
}

export const open = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/* Buttons and states that lie over one another, with their words. */
const overlapping = () => {
  const all = [...document.querySelectorAll("main button, main .button, main .state")].map((e) => ({ e, r: e.getBoundingClientRect() })).filter(({ r }) => r.width > 1);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const wide = ({ e, r }) => ({ left: r.left, top: r.top, bottom: r.bottom, right: Math.max(r.right, r.left + e.scrollWidth) });
  return all.flatMap((a, i) => all.slice(i + 1).filter((b) => a.e.closest("dialog") === b.e.closest("dialog") && !a.e.contains(b.e) && meet(wide(a), wide(b))).map((b) => `${a.e.innerText} / ${b.e.innerText}`)).slice(0, 3).join("; ");
};

export async function inspect(page, name) {
  await page.waitForTimeout(400);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(wide <= 0, `${name}: nothing overflows sideways (${wide} px)`);
  const over = await page.evaluate(overlapping);
  check(over === "", `${name}: nothing lies over a button ${over}`);
  /* Playwright evaluates outside the page's CSP, as a developer's console does. */
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run());
  const text = found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join(", ")}`).join("; ");
  check(found.violations.length === 0, `${name}: axe finds nothing ${text}`);
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
}

export function end(what) {
  console.log(failures ? `${what}: ${failures} of ${checks} checks FAILED` : `${what}: all ${checks} checks passed, screens in ${shots}`);
  process.exit(failures ? 1 : 0);
}
