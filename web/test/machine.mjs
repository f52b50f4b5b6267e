/* A machine's health, in a real browser: SV_URL operator door, SV_LOGIN full login link, SV_DEVICE whose sensors together are unusual, SHOTS folder for the screens. [detect-67] */
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = process.env.SV_URL.replace(/\/$/, "");
const id = process.env.SV_DEVICE;
const browser = await openBrowser();
const noise = [];
const page = await (await browser.newContext()).newPage();
page.on("console", (m) => m.type() === "error" && !/401/.test(m.text()) && noise.push(m.text()));
page.on("pageerror", (e) => noise.push(String(e)));
await page.goto(process.env.SV_LOGIN);
await page.waitForSelector(".headline");

const text = async (locator) => (await locator.innerText()).replaceAll("\n", " ");
for (const scheme of ["light", "dark"])
  for (const width of [390, 1440]) {
    const at = `${width} ${scheme}`;
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${base}/devices/${id}`);
    const machine = page.locator("[data-machine]");
    await machine.waitFor({ timeout: 20000 });
    const said = await text(machine);
    const health = Number(/health (\d+) of 100/.exec(said)?.[1]);
    check(health >= 0 && health < 50 && /Unusual/.test(said), `${at}: the page says how the machine is: ${said}`);
    check(/s\d+ \d+ % [\d.]+ standard deviations higher than usual/.test(said), `${at}: and which sensors stand out: ${said}`);
    const curve = machine.locator("[data-curve]");
    await curve.locator("svg").waitFor({ timeout: 20000 });
    check(/Lowest \d+/.test(await text(curve.locator("[data-curve-says]"))), `${at}: how it was, with the lowest: ${await text(curve)}`);
    check((await curve.locator("path").getAttribute("d"))?.startsWith("M"), `${at}: as a line`);
    await curve.getByRole("button", { name: "1 day" }).click();
    check(await page.waitForFunction(() => /over the last 1 d/.test(document.querySelector("[data-curve] svg")?.getAttribute("aria-label") ?? ""), null, { timeout: 20000 }).then(() => true, () => false), `${at}: over the time that is chosen`);
    await machine.scrollIntoViewIfNeeded();
    await inspect(page, `machine-${width}-${scheme}`);
    await page.goto(`${base}/devices?sort=machine`);
    const first = page.locator("tr[data-row]").first();
    await first.waitFor({ timeout: 20000 });
    check((await first.getAttribute("data-href")) === `/devices/${id}`, `${at}: the list begins with the worst machine`);
    check(new RegExp(`\\b${health}\\b`).test(await text(first)), `${at}: and says its health: ${await text(first)}`);
    await inspect(page, `machines-${width}-${scheme}`);
  }

await page.goto(`${base}/devices/press-1`);
await page.locator("[data-machine]").waitFor({ timeout: 20000 });
check(/takes two/.test(await text(page.locator("[data-machine]"))), "a device of one sensor has none, and the page says why");

await page.goto(`${base}/alerts`);
const row = page.locator(".alert", { hasText: "Unusual together" });
await row.waitFor({ timeout: 20000 });
check(/score \d+/.test(await text(row)) && !/rule /.test(await text(row)), `its alert says why and how much: ${await text(row)}`);
const alert = await row.getAttribute("data-id");
await row.locator("[data-act=normal]").click();
check(await page.waitForFunction((i) => /normal, says \S+/.test(document.querySelector(`[data-id="${i}"]`)?.textContent ?? ""), alert, { timeout: 20000 }).then(() => true, () => false), "it was normal, says somebody");
check(noise.length === 0, `the console is quiet ${noise.join("; ")}`);
await browser.close();
end("a machine's health");
