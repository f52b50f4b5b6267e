/* An image goes to machines in waves, in a real browser: SV_URL operator door, SV_LOGIN full login link, SV_IMAGE path of an image that one machine goes back from, SV_MACHINES how many run the one before, SHOTS folder for the screens.
   [campaign-12] [campaign-14] [running-3] [running-4] */
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = process.env.SV_URL.replace(/\/$/, "");
const image = process.env.SV_IMAGE;
const machines = Number(process.env.SV_MACHINES);
const browser = await openBrowser();
const noise = [];
let expected = /401/;
const page = await (await browser.newContext()).newPage();
page.on("console", (m) => m.type() === "error" && !expected.test(m.text()) && noise.push(m.text()));
page.on("pageerror", (e) => noise.push(String(e)));

const settles = (what, arg, ms = 20000) => page.waitForFunction(what, arg, { timeout: ms }).then(() => true, () => false);
async function visit(path, wanted) {
  await page.goto(base + path);
  return page.waitForSelector(wanted, { timeout: 20000 }).then(() => true, () => false);
}
async function screens(name, again = async () => undefined) {
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await again();
      await inspect(page, `${name}-${width}-${scheme}`);
    }
  await page.emulateMedia({ colorScheme: "light" });
}

await page.goto(process.env.SV_LOGIN);
await page.waitForSelector(".headline");

/* What there is, before anything happens. */
check(await visit("/updates", `[data-image="${image}"]`), "the image is there");
const row = page.locator(`[data-image="${image}"]`);
check(/Ready[\s\S]*Signed with \d+ release key/.test(await row.innerText()), `with who signed it: ${(await row.innerText()).replaceAll("\n", " ")}`);
check(await settles(() => /release keys are not on this server/.test(document.querySelector("main").innerText)), "and the page says that the server holds none of the keys");
await screens("updates-before");

/* The form says how many it means, and what is wrong, before anything starts. */
await row.locator("a.button").click();
const means = (n) => settles((many) => document.querySelector(".means")?.dataset.devices === String(many), n);
check(await means(machines), `the form says that it means ${machines} machines: ${await page.locator(".means").innerText()}`);
expected = /400|422/;
await page.check("input[name=whom][value=query]");
await page.fill("[name=query]", "sitte = north");
check(await settles(() => /sitte/.test(document.querySelector(".means .error")?.textContent ?? "")) && await page.locator("[data-form] [type=submit]").isDisabled(), "a query that cannot be read is said, and nothing can be started");
expected = /401/;
await page.fill("[name=query]", "site ~ *");
check(await means(machines), "one that can be is counted");
await page.check("input[name=whom][value=all]");
check(await settles(() => document.querySelectorAll(".means ol li").length === 3), "in three waves");
check(await page.locator("[name=ahead]").count() === 0, "without a window nothing is downloaded before it");
await page.check("[name=window]");
await page.check("[name=ahead]");
check(await means(machines), "downloading before the window is counted like all else");
await page.uncheck("[name=window]");
await screens("updates-form", () => means(machines));
await page.click("[data-form] [type=submit]");
await page.waitForSelector("dialog.confirm[open]");
check(new RegExp(`${machines} devices`).test(await page.locator("dialog h2").innerText()), "it asks once more, with the number");
await page.keyboard.press("Escape");
check(new URL(page.url()).pathname === "/updates/new", "who does not confirm has started nothing");
await page.click("[data-form] [type=submit]");
await page.click("dialog .primary");
check(await page.waitForSelector("[data-campaign]", { timeout: 20000 }).then(() => true, () => false), "it begins, and its page is shown");

/* It is watched: one machine goes back, and it pauses by itself. */
const path = new URL(page.url()).pathname;
const paused = await settles(() => document.querySelector("[data-campaign]")?.dataset.state === "paused", null, 240000);
const why = await page.locator("[data-why]").innerText();
check(paused && /rolled back/.test(why) && /\d/.test(why), `it pauses by itself and says why: ${why}`);
check(await settles(() => document.querySelectorAll("[data-device][data-state=rolled_back]").length === 1), "the machine that went back is named");
const victim = await page.locator("[data-device][data-state=rolled_back]").getAttribute("data-device");
await screens("updates-paused");
check(await visit(`/devices/${victim}`, "[data-action][data-state=rolled-back]"), "its own page tells it");
const story = await page.locator("[data-updates]").innerText();
await page.locator("[data-action] summary").first().click();
check(await settles(() => document.querySelectorAll("[data-action] .timeline li").length >= 3), `with what it said: ${story.replaceAll("\n", " ")}`);
await screens("updates-device");

/* Somebody looks at it and lets it go on. */
await visit(path, "[data-act=update-resume]");
await page.click("[data-act=update-resume]");
await page.waitForSelector("dialog.confirm[open]");
await inspect(page, "updates-resume-1440-light");
await page.click("dialog .primary");
check(await settles(() => document.querySelector("[data-campaign]")?.dataset.state === "done", null, 240000), "it goes on to its end");
const confirmed = await page.locator(".legend").innerText();
check(confirmed.includes(`${machines - 1} confirmed`) && confirmed.includes("1 went wrong"), `with ${machines - 1} confirmed and one not: ${confirmed.replaceAll("\n", ", ")}`);
await screens("updates-done");
check(await visit("/updates", "[data-campaign][data-state=done]") && await settles(() => document.querySelectorAll(".versions li").length >= 2), "what runs where is told by version");
check(await settles(() => document.querySelector("[data-diverging]")?.dataset.diverging === "1"), "who runs something else than it should is named");
const other = await page.locator("[data-diverging]").innerText();
check(other.includes(victim) && /was to be installed, and was gone back from/.test(other), `with why: ${other.replaceAll("\n", " ")}`);
check(await settles((i) => /Went wrong on 1 device/.test(document.querySelector(`[data-image="${i}"]`)?.innerText ?? ""), image), "the image that it went back from says so");
check(/sent instead of .*site caches \d+ %|nothing was spared/.test(await page.locator("[data-traffic]").innerText()), `what went over the line is told: ${await page.locator("[data-traffic]").innerText()}`);
await screens("updates-after");

/* From who runs something older to giving it to them is one click, and the form says who is left out. */
await page.locator(".versions a.button").click();
await page.waitForSelector("[data-form]");
check(/^product = .* and version = .*/.test(await page.inputValue("[name=query]")) && await page.inputValue("[name=image]") === image, "the form has them, and the image");
check(await settles(() => /failed with this image before/.test(document.querySelector(".means")?.textContent ?? "")), `and says why it is for nobody: ${(await page.locator(".means").innerText()).replaceAll("\n", " ")}`);
await page.goto(base + "/devices?query=diverges");
check(await settles((id) => document.querySelectorAll("tbody tr").length === 1 && document.querySelector("tbody tr").textContent.includes(id), victim), "the list of devices is of those that fit a query");
await screens("devices-query");

/* Who may only look. */
await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "eve", role: "viewer", sites: null, scopes: [], token: null, password: true, totp: false, version: "0" } }));
await visit(path, "[data-campaign]");
check(await page.locator("[data-act^=update-]").count() === 0, "who may only look sees it and can do nothing to it");
check(noise.length === 0, `the console is quiet ${noise.join("; ")}`);
await browser.close();
end("updates");
