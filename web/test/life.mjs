/* How long a machine will last, in a real browser: SV_URL operator door, SV_LOGIN full login link, SV_DEVICE that a live model speaks of, SHOTS folder for the screens. [model-42] */
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = process.env.SV_URL.replace(/\/$/, "");
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
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${base}/devices/${process.env.SV_DEVICE}`);
    const life = page.locator("[data-life]");
    await life.waitFor({ timeout: 20000 });
    const said = await text(life);
    check(/About .+ left, between .+ and .+ · \d+ % likely to fail within .+ Says model lathe, version 1/.test(said), `${width} ${scheme}: what is left, with its ends and the risk: ${said}`);
    const kind = await text(page.locator("[data-failure]"));
    check(/\d+ % likely to fail within .+ bearing .+ healthy .+ It comes from (heat|vibration) higher \(\d+ points less if it were as at first.+Says model kind, version 1/.test(kind), `${width} ${scheme}: of what, and which sensors say so: ${kind}`);
    await life.scrollIntoViewIfNeeded();
    await inspect(page, `life-${width}-${scheme}`);
  }
await page.goto(`${base}/devices`);
const listed = page.locator("tr[data-row]").first();
await listed.waitFor({ timeout: 20000 });
check(/\d+ % bearing/.test(await text(listed)), `the list says what it will fail of: ${await text(listed)}`);
await inspect(page, "devices-worry");
await page.goto(`${base}/alerts`);
const row = page.locator(".alert", { hasText: "Failure within" });
await row.waitFor({ timeout: 20000 });
check(!/rule /.test(await text(row)), `its alert names the horizon, how likely it is and the evidence: ${await text(row)}`);

/* Where models run, by a person who may change it: what is live is stopped and begun again. [model-41] [model-42] */
for (const scheme of ["light", "dark"])
  for (const width of [390, 1440]) {
    await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${base}/models`);
    const word = page.locator('[data-place="north/lathe"] [data-told="1"]');
    await word.waitFor({ timeout: 20000 });
    check(/Live\s+version 1 at .+ 1 machine · \d+ alarm/.test(await text(word)), `${width} ${scheme}: what the gateway says of it: ${await text(word)}`);
    const other = await text(page.locator('[data-place="north/kind"] [data-told="1"]'));
    check(/names what is wrong/.test(other), `${width} ${scheme}: which of them names what is wrong: ${other}`);
    check(/2 models live at 1 site/.test(await text(page.locator(".sentence"))), `${width} ${scheme}: the sentence: ${await text(page.locator(".sentence"))}`);
    await inspect(page, `models-${width}-${scheme}`);
  }
await page.getByRole("button", { name: /^Stop lathe/ }).click();
check(/alerts are over/.test(await text(page.locator("dialog"))), "before it stops the page says what that means");
await inspect(page, "models-stop");
await page.getByRole("button", { name: "Stop it" }).click();
await page.locator('[data-place="north/lathe"]').waitFor({ state: "detached", timeout: 20000 });
await page.locator('[data-version="lathe/1"]').getByRole("button", { name: /^Watch in shadow/ }).click();
await page.getByRole("button", { name: "Watch it" }).click();
await page.locator('[data-place="north/lathe"] [data-mode="shadow"]').waitFor({ timeout: 20000 });
await page.getByRole("button", { name: "Make version 1 live…" }).click();
await page.getByRole("button", { name: "Make it live" }).click();
await page.locator('[data-place="north/lathe"] [data-mode="live"]').waitFor({ timeout: 20000 });
check(true, "stopped, watched and live again, each seen when the gateway says so");
check(noise.length === 0, `the console is quiet ${noise.join("; ")}`);
await browser.close();
end("how long a machine will last");
