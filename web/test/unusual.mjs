/* What is unusual, in a real browser: SV_URL operator door, SV_LOGIN full login link, SV_DEVICE whose pressure has an alert about it, SHOTS folder for the screens. [detect-11] [detect-12] */
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = process.env.SV_URL.replace(/\/$/, "");
const path = `${base}/devices/${process.env.SV_DEVICE}?range=24h`;
const browser = await openBrowser();
const noise = [];
const page = await (await browser.newContext()).newPage();
page.on("console", (m) => m.type() === "error" && !/401/.test(m.text()) && noise.push(m.text()));
page.on("pageerror", (e) => noise.push(String(e)));
await page.goto(process.env.SV_LOGIN);
await page.waitForSelector(".headline");

const chart = page.locator(".chart[data-sensor=pressure]");
for (const scheme of ["light", "dark"])
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(path);
    const has = await chart.locator("[data-band]").waitFor({ timeout: 20000 }).then(() => true, () => false);
    check(has, `${width} ${scheme}: the chart says that it shows what was expected`);
    await page.waitForTimeout(400);
    const plot = chart.locator(".plot");
    await plot.scrollIntoViewIfNeeded();
    const box = await plot.boundingBox();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height * 0.4);
    const said = () => chart.locator(".readout").innerText();
    await page.waitForFunction(() => /expected/.test(document.querySelector(".chart[data-sensor=pressure] .readout").textContent), undefined, { timeout: 20000 }).catch(() => 0);
    const found = / · expected (\S+) to (\S+)$/.exec(await said());
    check(found && Number(found[1]) < Number(found[2]), `${width} ${scheme}: and says it under the pointer: ${await said()}`);
    /* The band is there in pixels: the ground beside the line is not the page's. */
    const drawn = await chart.locator("canvas").evaluate((canvas) => {
      const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const seen = new Map();
      for (let i = 0; i < data.length; i += 4) seen.set(data.slice(i, i + 4).join(), (seen.get(data.slice(i, i + 4).join()) ?? 0) + 1);
      return [...seen].filter(([colour, n]) => !colour.endsWith(",0") && !colour.endsWith(",255") && n > canvas.width * canvas.height * 0.03).length;
    });
    check(drawn > 0, `${width} ${scheme}: the band covers part of the chart`);
    await inspect(page, `unusual-${width}-${scheme}`);
  }
check(await page.locator(".chart[data-sensor=badge] [data-band]").count() === 0, "a sensor that is not looked at has none");

await page.goto(`${base}/alerts`);
const row = page.locator(".alert:has([data-act=normal])");
await row.waitFor({ timeout: 20000 });
const text = (await row.innerText()).replaceAll("\n", " ");
check(/Value \S+ outside what was usual/.test(text) && /expected \S+ to \S+/.test(text) && /score \d+/.test(text), `its alert says why, what was expected and how unusual it is: ${text}`);
await inspect(page, "unusual-alert-1440-dark");
const id = await row.getAttribute("data-id");
await row.locator("[data-act=normal]").click();
const mine = page.locator(`[data-id="${id}"]`);
check(await page.waitForFunction((i) => /normal, says \S+/.test(document.querySelector(`[data-id="${i}"]`)?.textContent ?? ""), id, { timeout: 20000 }).then(() => true, () => false), "it was normal, says somebody");
check(await mine.locator("[data-act=normal]").count() === 0, "which is said once");
await mine.locator("[data-act=timeline]").click();
check(await mine.locator("[data-event=normal]").waitFor({ timeout: 20000 }).then(() => true, () => false), "and stands in its timeline");
check(noise.length === 0, `the console is quiet ${noise.join("; ")}`);
await browser.close();
end("what is unusual");
