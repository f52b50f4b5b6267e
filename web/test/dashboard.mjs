/* The dashboard in a real browser: SV_URL operator door, SV_LOGIN full login link, SHOTS folder for the screens,
   SV_FLEET_PID (optional) the server's process, which somebody restarts when it is killed. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { identities } from "./identity.mjs";
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = (process.env.SV_URL ?? "").replace(/\/$/, "");
const login = process.env.SV_LOGIN ?? "";
if (!base || !login) {
  console.error("SV_URL and SV_LOGIN must say where the operator door is and how to log in");
  process.exit(2);
}
const browser = await openBrowser();
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
  const bytes = (await Promise.all(seen.map((r) => r.request().sizes().then((s) => s.responseBodySize, () => 0)))).reduce((a, b) => a + b, 0);
  check(seen.length <= 10, `the overview is there after ${seen.length} requests (at most 10)`);
  check(bytes <= 100e3, `and ${Math.round(bytes / 1000)} kB (at most 100)`);
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity);
  check(paint <= 10000, `the first paint comes after ${Math.round(paint)} ms (at most 10,000, on a busy machine)`);
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
  const row = ".alert.open [data-act=acknowledge]";
  if (!(await page.waitForSelector(row, { timeout: 90000 }).then(() => true, () => false))) return check(false, "an alert is there to acknowledge");
  const id = await page.locator(".alert.open").first().getAttribute("data-id");
  const button = page.locator(`[data-id="${id}"] [data-act=acknowledge]`);
  const mine = (state) => page.waitForSelector(`.alert.${state}[data-id="${id}"]`, { timeout: 20000 }).then(() => true, () => false);
  await button.click();
  check(await mine("acknowledged"), "an alert is acknowledged");
  await button.click();
  check(await mine("open"), "and the acknowledgement is undone");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("j");
  const focused = await page.evaluate(() => document.activeElement?.getAttribute("data-id"));
  await page.keyboard.press("a");
  check(await page.waitForSelector(`.alert.acknowledged[data-id="${focused}"]`, { timeout: 20000 }).then(() => true, () => false), "j and a acknowledge from the keyboard");
  check(/acknowledged by /.test(await page.locator(`[data-id="${focused}"]`).innerText()), "and it says by whom");
}

/* A site says how long its machines were served, and with several gateways each of them does; who has told nothing says nothing. */
async function servedFor(context) {
  const page = await context.newPage();
  watch(page);
  await open(page, "/", ".card [data-available]");
  const known = Number(await page.locator(".card [data-available]").first().getAttribute("data-available"));
  check(known > 0 && known <= 1, `a site says which share of the time its machines were served (${known})`);
  await page.addInitScript(() => {
    delete globalThis.SharedWorker; // nothing that happens meanwhile takes the place of what is made up here
    globalThis.EventSource = class extends EventTarget {};
  });
  await page.route("**/api/v1/overview", async (route) => {
    const response = await route.fetch();
    const told = await response.json();
    const of = (site, available, gateways) => ({ ...told.sites[0], site, available, gateways: gateways.map((g, i) => ({ ...told.sites[0].gateways[0], id: `gateway-${i + 1}`, available: g })) });
    await route.fulfill({ response, json: { ...told, sites: [of("one", 0.9998, [0.9998]), of("several", 0.75, [1, 0.5]), of("fresh", undefined, [undefined])] } });
  });
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await open(page, "/", ".card [data-available]");
      await inspect(page, `served-${width}-${scheme}`);
    }
  const cards = (await page.locator(".card").allInnerTexts()).map((text) => text.replaceAll(/\s+/g, " "));
  check(cards.length === 3 && /served 99\.98 % of 30 days/.test(cards[0]) && !/Served its machines/.test(cards[0]), `one gateway speaks for its site: ${cards[0]}`);
  check(/served 75\.00 % of 30 days, on average of 2 gateways .*Served its machines 100 % of 30 days .*Served its machines 50\.00 % of 30 days/.test(cards[1]), `of several each is named: ${cards[1]}`);
  check(!/served/i.test(cards[2]), "and a site whose gateway has told nothing yet says nothing");
  await page.close();
}

/* A machine is asked to stop and to start: confirmed, answered live, in its history and on its charts. What was written is kept when it is wrong. [command-11] */
async function askMachine(page, path) {
  await open(page, path, ".chart .u-over");
  const rows = page.locator("[data-command]");
  const before = await rows.count();
  const ask = async (name, payload) => {
    await page.fill("[name=command]", name);
    await page.fill("[name=payload]", payload);
    await page.click(".ask [type=submit]");
  };
  const answered = (n) => page.waitForFunction((many) => document.querySelectorAll("[data-state=answered]").length >= many, n, { timeout: 20000 }).then(() => true, () => false);
  await ask("stop", "{speed: 1}");
  check(/no JSON/.test(await page.locator("#ask-error").innerText()) && (await page.locator("dialog").count()) === 0, "a payload that is no JSON is said, and nothing is asked");
  check((await page.inputValue("[name=payload]")) === "{speed: 1}", "and what was written stays");
  const markup = '{"why":"</script><img src=x onerror=alert(1)>"}';
  await ask("stop", markup);
  await page.waitForSelector("dialog.confirm[open]");
  await inspect(page, "confirm-1440-light");
  await page.keyboard.press("Escape");
  check((await rows.count()) === before, "who does not confirm has asked for nothing");
  await ask("stop", markup);
  await page.click("dialog .primary");
  check(await answered(1), "a machine that is asked to stop answers, and the page says so by itself");
  const text = await rows.first().innerText();
  check(/stop/.test(text) && text.includes("<img src=x onerror=alert(1)>") && /by admin/.test(text) && text.includes('{"state":"stopped"}'), `with what it was asked, by whom, and its answer: ${text.replaceAll("\n", " ")}`);
  check(await page.waitForFunction(() => [...document.querySelectorAll(".readout")].some((r) => /1 command marked/.test(r.textContent)), undefined, { timeout: 20000 }).then(() => true, () => false), "its charts mark when");
  await page.emulateMedia({ colorScheme: "dark" });
  await ask("start", "");
  await page.waitForSelector("dialog.confirm[open]");
  await inspect(page, "confirm-1440-dark");
  await page.click("dialog .primary");
  check(await answered(2), "and starts again");
  await page.emulateMedia({ colorScheme: "light" });
  await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "eve", role: "viewer", version: "0" } }));
  await open(page, path, "[data-command]");
  check((await page.locator(".ask").count()) === 0 && (await rows.count()) === before + 2, "who may only look sees the commands and cannot give one");
  await page.unroute("**/api/v1/session");
}

/* What a text would have raised, before it is saved: asked of the gateways, told in words, and nothing is kept. [rules-10] */
async function tryRules(page, field, restore) {
  const is = (state) => page.waitForFunction((s) => document.querySelector("[data-tryout]")?.dataset.tryout === s, state, { timeout: 130000 }).then(() => true, () => false);
  await page.fill(field, "thresholds:\n  default: {high: 1, hysteresis: 0.5, hold: 1s}\n");
  await page.click("[data-act=try]");
  check(await is("done"), "a text is tried on what the gateways have stored");
  const told = await page.locator("[data-tried='200'] .entry-body").first().innerText();
  check(/\d alerts? in 7 days; [\d,]+ without hysteresis and hold; [\d,]+ with the rules in force\./.test(told) && /(for \d|open at the end).*: \S/.test(told), `and it is told in words: ${told.split("\n").slice(0, 5).join(" | ")}`);
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `rules-try-${width}-${scheme}`);
    }
  await page.emulateMedia({ colorScheme: "light" });
  expected = /422/;
  await page.fill(field, "thresholds: {default: {high: 8o}}\n");
  check(/before your last change/.test(await page.locator("[data-tryout]").innerText()), "what was tried says when the text has changed since");
  await page.click("[data-act=try]");
  check(await is("") && /1 fault/.test(await page.locator("#rules-faults").innerText()), "a faulty one is not tried");
  expected = null;
  await page.fill(field, restore);
  check((await page.locator("[data-rules]").count()) === 0, "and nothing is saved");
}

/* Groups of the fleet server that the rules name: how many machines each has here, and which there is not. [members-10] */
async function groupsInRules(page, path, text, settles) {
  const put = (what, body, headers) => page.evaluate(([at, sent, more]) => fetch(`/api/v1${at}`, { method: "PUT", headers: { "X-Selvedge": "1", ...more }, body: sent }).then((r) => r.ok), [what, body, headers ?? {}]);
  check((await page.locator("[data-group]").count()) === 0, "rules without groups show none");
  check(await put("/groups/pilots", JSON.stringify({ query: "all" })) && await put("/groups/spare", JSON.stringify({ devices: [] })), "groups are kept");
  check(await put(`/sites/${path.slice(7)}/rules`, `groups: {canary: {group: pilots}, rest: {group: spare}, gone: {group: ghosts}}\n${text}`, { "If-Match": '"4"' }), "rules may name groups of the fleet server");
  check(await settles(() => document.querySelectorAll("[data-group]").length === 3), "the page shows them by itself");
  const of = async (name) => page.locator(`[data-group='${name}']`).innerText();
  check(/\d+ machines/.test(await of("pilots")) && /No machine of this site/.test(await of("spare")) && /There is no such group/.test(await of("ghosts")), `how many machines each has: ${await of("pilots")} | ${await of("spare")} | ${await of("ghosts")}`);
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `rules-groups-${width}-${scheme}`);
    }
  await page.emulateMedia({ colorScheme: "light" });
}

/* A site gets its rules: checked, refused with line and column, saved, in force, gone back from. Two people at once, and who may only look. [rules-1] [rules-2] [rules-7] [rules-8] [rules-9] */
async function giveRules(page) {
  const field = ".editor textarea";
  const settles = (what, arg) => page.waitForFunction(what, arg, { timeout: 20000 }).then(() => true, () => false);
  const goesBy = (version) => settles((v) => document.querySelector("[data-gateway]")?.dataset.version === String(v), version);
  const said = (pattern) => settles((p) => new RegExp(p).test(document.querySelector("[data-said]")?.textContent ?? ""), pattern);
  await open(page, "/rules", field);
  const path = new URL(page.url()).pathname;
  check(/^\/rules\/./.test(path), `who has one site is at its rules at once: ${path}`);
  check(/goes by its own file/.test(await page.locator("[data-gateway]").innerText()), "before anything is given a gateway goes by its own file");
  await page.fill(field, "thresholds:\n  default: {high: 8o}\nuplnk: {default: never}\n");
  await page.click("[data-act=check]");
  await page.waitForSelector(".faults li");
  const told = await page.locator("#rules-faults").innerText();
  check(/2 faults/.test(told) && /Line 2, column 19/.test(told) && /did you mean "uplink"/.test(told), `faults are told with line and column: ${told.replaceAll("\n", " ")}`);
  await page.click(".faults button");
  check(await settles((f) => { const a = document.querySelector(f); return a === document.activeElement && a.value.slice(a.selectionStart).startsWith("8o}"); }, field), "and lead to their place");
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `rules-faults-${width}-${scheme}`);
    }
  await page.emulateMedia({ colorScheme: "light" });
  expected = /422|412/;
  await page.click(".rules-form [type=submit]");
  check(await settles(() => /Nothing is changed/.test(document.querySelector("#rules-faults").textContent)) && (await page.locator("[data-rules]").count()) === 0, "a faulty text is refused whole");
  await open(page, path, field);
  check(/8o/.test(await page.inputValue(field)), "what was written is there after a reload");
  const one = "thresholds:\n  sensors: {temperature: {high: 80}}\n";
  await page.fill(field, one);
  await page.click("[data-act=check]");
  check(await said("No faults") && (await page.locator("[data-rules]").count()) === 0, "a check says that there are no faults, and saves nothing");
  await tryRules(page, field, one);
  await page.fill("[name=comment]", "<b>first</b>");
  await page.click(".rules-form [type=submit]");
  check(await said("Saved as version 1") && await goesBy(1), "saved, and the page says by itself that it is in force");
  check(/<b>first<\/b>[\s\S]*by admin/.test(await page.locator("[data-rules]").first().innerText()), "with who and why");
  await page.fill(field, one.replace("80", "85"));
  const other = await page.evaluate(async ([at, text]) => (await fetch(`/api/v1/sites/${at}/rules`, { method: "PUT", headers: { "X-Selvedge": "1", "If-Match": '"1"' }, body: text })).status, [path.slice(7), one.replace("80", "90")]);
  check(other === 200 && await settles(() => /Version 2 came while you were writing/.test(document.querySelector(".rules-form")?.textContent ?? "")), "who writes is told that somebody else has saved");
  check((await page.inputValue(field)).includes("85") && await page.locator(".rules-form [type=submit]").isDisabled(), "keeps the text, and does not overwrite the other's unseen");
  await page.click(".rules-form .failed button");
  await page.click(".rules-form [type=submit]");
  check(await said("Saved as version 3") && await goesBy(3), "and saves on top of it");
  await page.click("[data-rules='1'] a");
  await page.waitForSelector(`${field}[readonly]`);
  check((await page.inputValue(field)) === one && /version=1$/.test(page.url()), "an older version can be looked at, by its address");
  await page.click("[data-rules='1'] button");
  check(await goesBy(4) && await settles(([f, text]) => document.querySelector(f).value === text, [field, one]), "one click goes back to it");
  check(/version 1 again/.test(await page.locator("[data-rules='4']").innerText()), "as a new version that says so");
  expected = null;
  await groupsInRules(page, path, one, settles);
  await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "eve", role: "viewer", version: "0" } }));
  await open(page, path, field);
  check((await page.locator("main section button, main form").count()) === 0 && await page.locator(`${field}[readonly]`).count() === 1, "who may only look sees the rules and cannot give any");
  await page.unroute("**/api/v1/session");
  return path;
}

/* A chart says what it shows, and fetches the readings themselves when it shows less. [ask-5] [ask-6] */
async function fetchRaw(page, path) {
  await open(page, path, "[data-act=raw]");
  const sensor = await page.locator(".chart").first().getAttribute("data-sensor");
  const chart = page.locator(`.chart[data-sensor='${sensor}']`);
  const says = (pattern) => page.waitForFunction(([s, p]) => new RegExp(p).test(document.querySelector(`.chart[data-sensor='${s}'] [data-shown]`)?.textContent ?? ""), [sensor, pattern], { timeout: 20000 }).then(() => true, () => false);
  check(await says("^(Averages where they change|Means of minutes)"), `a chart says that it shows no readings: ${await chart.locator("[data-shown]").innerText()}`);
  const before = Number(await chart.getAttribute("data-points"));
  await chart.locator("[data-act=raw]").click();
  check(await says("^Raw readings"), "and fetches them from the gateway when asked");
  const after = Number(await chart.getAttribute("data-points"));
  check(after > before, `which are more (${before}, then ${after})`);
  await inspect(page, "raw-1440-light");
  await chart.locator("[data-act=raw]").click();
  check(await says("^(Averages where they change|Means of minutes)"), "and goes back");
  expected = /503/;
  await page.route("**/raw?*", (route) => route.fulfill({ status: 503, contentType: "application/problem+json", body: JSON.stringify({ detail: "gateway gw is not connected now" }) }));
  await chart.locator("[data-act=raw]").click();
  check(await chart.locator("[role=alert]").waitFor({ timeout: 20000 }).then(() => true, () => false) && await says("^(Averages where they change|Means of minutes)"), "when the gateway is away it says so, and keeps what it shows");
  await page.waitForTimeout(1500);
  check(await chart.locator("[role=alert]").count() === 1, "and goes on saying so");
  await page.unroute("**/raw?*");
  expected = null;
}

/* Somebody works on a machine: said with an end and a why, seen in the list and on its page, ended by a click. [maintenance-6] */
async function workOn(page, path) {
  const settles = (what, arg) => page.waitForFunction(what, arg, { timeout: 30000 }).then(() => true, () => false);
  const banner = "[data-maintenance=device]";
  const gone = () => page.waitForSelector(banner, { state: "detached", timeout: 30000 }).then(() => true, () => false);
  await open(page, path, "[data-act=work]");
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.click("[data-act=work]");
      await page.waitForSelector("dialog[open]");
      await page.getByText("Until…", { exact: true }).click();
      await inspect(page, `work-ask-${width}-${scheme}`);
      await page.fill("[name=until]", "2020-01-01T00:00");
      await page.click("dialog .primary");
      check(await settles(() => /within the next 31 days/.test(document.querySelector("dialog[open] [role=alert]")?.textContent ?? "")), "an end that is over is refused, and the dialog stays");
      await page.getByText("4 h", { exact: true }).click();
      await page.fill("[name=why]", "<b>new bearing</b>");
      await page.click("dialog .primary");
      await page.waitForSelector(banner);
      const text = await page.locator(banner).innerText();
      check(/until .*\(in (4 h 0|3 h 59) min\), says admin: “?<b>new bearing<\/b>/.test(text.replaceAll("\n", " ")), `its page says who works on it, why and until when: ${text.replaceAll("\n", " ")}`);
      await inspect(page, `work-${width}-${scheme}`);
      await open(page, `/devices?q=${path.split("/").pop()}`, "[data-work=device]");
      check(/Maintenance/.test(await page.locator(".devices tbody tr").first().innerText()), "and the list marks it");
      await inspect(page, `work-list-${width}-${scheme}`);
      await open(page, path, banner);
      await page.click("[data-act=end-work]");
      check(await gone(), "one click ends it");
    }
  await page.emulateMedia({ colorScheme: "light" });
  await open(page, "/", ".card [data-act=work]");
  await page.locator(".card [data-act=work]").first().click();
  await page.click("dialog .primary");
  check(await page.waitForSelector(".card [data-maintenance=site]", { timeout: 30000 }).then(() => true, () => false), "all of a site is worked on");
  check(await settles(() => document.querySelectorAll(".tile [data-work=site]").length > 0), "and its machines are marked, by themselves");
  await inspect(page, "work-site-1440-light");
  await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "eve", role: "viewer", version: "0" } }));
  await open(page, path, "[data-maintenance=site]");
  check((await page.locator("[data-act=work], [data-act=end-work]").count()) === 0, "who may only look sees it and cannot end it");
  await page.unroute("**/api/v1/session");
  await open(page, path, "[data-act=end-work]");
  await page.click("[data-act=end-work]");
  check(await page.waitForSelector("[data-maintenance]", { state: "detached", timeout: 30000 }).then(() => true, () => false), "and it is ended from a machine's page as well");
}

/* Who is told, over what, and what became of it: a test that arrives and one that is refused, a failed one sent again, an alert's fate on its timeline. [notify-1] [notify-10] */
async function tellPeople(page) {
  await open(page, "/notifications", "[data-channel]");
  const settles = (f, ...args) => page.waitForFunction(f, args, { timeout: 30000 }).then(() => true, () => false);
  const said = (name, text) => settles(([n, t]) => document.querySelector(`[data-channel=${n}] .test-end`)?.textContent.includes(t), name, text);
  await page.click("[data-channel=hook] [data-act=test]");
  check(await said("hook", "hook: test sent"), "a test goes out, and the page says that it arrived");
  await page.click("[data-channel=chat] [data-act=test]");
  check(await said("chat", "127.0.0.1 is a loopback address"), "one that is refused says why");
  await page.click("[data-route=night] [data-act=test]");
  check(await settles(() => document.querySelectorAll("[data-route=night] .test-end .state").length === 2), "a route's test tries each of its channels");
  check(await settles(() => /1 channel of 2 did not get its last message through/.test(document.querySelector(".sentence").textContent)), "the headline says what needs somebody");
  const text = await page.locator("main").innerText();
  check(!text.includes("s3cr3t") && /critical alerts of machines of type lathe\* at nowhere\* on Sat, Sun from 22:00 to 06:00 \(Asia\/Kolkata\) → hook/.test(text.replaceAll("\n", " ")), `routes are told in words, addresses without their secret: ${/night: [^\n]*/.exec(text)}`);
  await page.getByRole("button", { name: "Failed", exact: true }).click();
  check(await settles(() => document.querySelectorAll("[data-row][data-state=failed] [data-act=again]").length > 0 && !document.querySelector("[data-row][data-state=sent]")), "failed ones are found, each with a way to send it again");
  const [again] = await Promise.all([page.waitForResponse((r) => r.url().endsWith("/retry"), { timeout: 20000 }), page.locator("[data-act=again]").first().click()]);
  check(again.status() === 200, "and are sent again");
  const told = await page.evaluate(async () => {
    for (let tries = 0; tries < 180; tries++) {
      for (const alert of (await (await fetch("/api/v1/alerts?state=all&limit=100")).json()).items) {
        const { items } = await (await fetch(`/api/v1/alerts/${alert.id}/timeline`)).json();
        if (items.some((line) => line.event === "notified")) return alert;
      }
      await new Promise((again) => setTimeout(again, 500));
    }
    return null;
  });
  if (!told) return check(false, "an alert was told to somebody");
  await open(page, `/alerts?state=all&device=${told.device}`, `[data-id="${told.id}"]`);
  const row = page.locator(`[data-id="${told.id}"]`);
  await row.locator("[data-act=timeline]").click();
  check(await row.locator("[data-event=notified]").first().waitFor({ timeout: 20000 }).then(() => true, () => false), "an alert's timeline says who was told");
  check(/Raised[\s\S]*Told[\s\S]*hook/.test(await row.locator(".timeline").innerText()), "in order");
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `timeline-${width}-${scheme}`);
    }
  await page.emulateMedia({ colorScheme: "light" });
  await page.route("**/api/v1/session", (route) => route.fulfill({ json: { user: "eve", role: "viewer", version: "0" } }));
  await open(page, "/notifications?state=failed", "[data-row]");
  check((await page.locator("[data-act=test], [data-act=again]").count()) === 0, "who may only look cannot send anything");
  await page.unroute("**/api/v1/session");
  await page.route("**/api/v1/notify", (route) => route.fulfill({ json: { match: "first", gather_s: 10, channels: [], routes: [] } }));
  await page.route("**/api/v1/notifications?**", (route) => route.fulfill({ json: { items: [], next: null } }));
  await open(page, "/notifications", ".empty");
  await inspect(page, "notifications-empty-1440-light");
  await page.unroute("**/api/v1/notify");
  await page.unroute("**/api/v1/notifications?**");
}

/* The server dies and comes back: the page says so, keeps what it shows, and goes on by itself. */
async function outage(page) {
  await open(page, "/", ".tile");
  await page.waitForTimeout(3000); // the stream is up
  expected = /ERR_|50\d|incomplete/;
  process.kill(Number(process.env.SV_FLEET_PID), "SIGKILL");
  check(await page.waitForFunction(() => / old;/.test(document.querySelector("p.banner")?.textContent ?? ""), undefined, { timeout: 20000 }).then(() => true, () => false), "a lost stream is said, with the age of what is shown");
  await inspect(page, "outage-1440-light");
  check((await page.locator(".tile").count()) > 0, "what was shown stays");
  check(await page.waitForSelector("p.banner", { state: "detached", timeout: 40000 }).then(() => true, () => false), "and goes on when the server is back");
  expected = null;
}

const open = async (page, path, ready) => {
  await page.goto(base + path);
  await page.waitForSelector(ready, { timeout: 30000 });
};

try {
  /* A zone of its own: times are the viewer's, not the server's. */
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, timezoneId: "Asia/Kolkata" });
  const page = await context.newPage();
  watch(page);
  await open(page, "/", ".login h1:not(.hidden)");
  await inspect(page, "login-1440-light");
  check(await page.locator(".login .error").count() === 0, "who has not tried to log in is told of no error");
  await page.goto("about:blank");
  await page.goto(login);
  await page.waitForSelector(".headline", { timeout: 30000 });
  expected = null;
  check(!page.url().includes("login="), "the login token is gone from the address");
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(login);
  check(await stranger.waitForSelector(".login [role=alert]", { timeout: 20000 }).then(() => true, () => false), "the link works once");
  await stranger.context().close();
  await budget(context);
  await answerAlert(page);
  await servedFor(context);

  await open(page, "/devices?status=online", ".devices tbody tr");
  const path = await page.getAttribute(".devices tbody tr", "data-href");
  await page.click(".devices tbody tr td:last-child");
  await page.waitForSelector(".chart .u-over", { timeout: 30000 });
  check(new URL(page.url()).pathname === path, "a row of the table leads to its device");
  check(/GMT\+5:30/.test(await page.locator("main").innerText()), "times are in the viewer's zone");
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
  check(await page.waitForURL(/from=\d+/, { timeout: 20000 }).then(() => true, () => false), "dragging zooms and the address says so");
  await page.mouse.dblclick(over.x + over.width * 0.5, over.y + 60);
  check(await page.waitForURL((u) => !u.search.includes("from="), { timeout: 20000 }).then(() => true, () => false), "double click goes back to live");
  await page.waitForFunction(() => Number(document.querySelector(".chart").dataset.points) > 0, undefined, { timeout: 20000 }); // live is asked for anew
  const [csv] = await Promise.all([page.waitForEvent("download", { timeout: 20000 }), page.click(".chart-head button")]);
  check(readFileSync(await csv.path(), "utf8").split("\n").length > 2, "CSV holds what is shown");

  await askMachine(page, path);
  await fetchRaw(page, path);
  await workOn(page, path);
  const rules = await giveRules(page);
  await tellPeople(page);
  if (process.env.SV_BIN) await identities(page, open, process.env.SV_BIN);
  await open(page, path, ".chart .u-over");

  await page.keyboard.press("g");
  await page.keyboard.press("a");
  check(await page.waitForURL(/\/alerts$/, { timeout: 20000 }).then(() => true, () => false), "g a leads to the alerts");
  await page.keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  await inspect(page, "help-1440-light");
  await page.keyboard.press("Escape");

  const pages = [["overview", "/", ".headline"], ["devices", "/devices", ".devices tbody tr"], ["device", path, ".chart .u-over"], ["alerts", "/alerts?state=all", ".alerts li"], ["rules", rules, ".editor textarea"], ["messages", "/notifications", "[data-row]"],
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
  check(await page.waitForFunction(() => document.activeElement?.id === "search", undefined, { timeout: 20000 }).then(() => true, () => false), "/ goes to the search");
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  if (process.env.SV_FLEET_PID) await outage(page);
  check(noise.length === 0, `the console is silent ${noise.slice(0, 5).join(" | ")}`);
  check(foreign.length === 0, `no request leaves the server ${foreign.slice(0, 5).join(" ")}`);
} catch (error) {
  check(false, `the run ends without a surprise: ${error.message}`);
}
await browser.close();
end("dashboard");
