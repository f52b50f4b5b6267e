/* A device's first and last day in the dashboard: added with a line, watched while it enrols with the real agent, quarantined, released, replaced, revoked.
   SV_BIN names the folder of the programs. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { check, inspect } from "./looking.mjs";

const agentOf = (bin) => join(bin, "selvedge-agent");

/* The line, as somebody would type it: the token goes to the agent's standard input. */
function typeLine(bin, line, folder, change = (words) => words) {
  const [, token, rest] = /^echo (\S+) \| selvedge-agent (.*)$/.exec(line);
  return spawnSync(agentOf(bin), [...change(rest.split(" ")), "--out", folder], { input: token + "\n", encoding: "utf8", timeout: 30000 });
}

const says = (page, where, pattern) => page.waitForFunction(([selector, text]) => new RegExp(text).test(document.querySelector(selector)?.innerText ?? ""), [where, pattern], { timeout: 20000 }).then(() => true, () => false);

async function add(page, open, id) {
  await open(page, "/devices", "a[href='/identity/add']");
  await page.click("a[href='/identity/add']");
  await page.fill("[name=id]", "no/slash");
  await page.click("button.primary");
  check(await page.locator("[name=id]").evaluate((e) => !e.checkValidity()), "a name outside the grammar is not sent");
  await page.fill("[name=id]", id);
  await page.click("button.primary");
  await page.waitForSelector(`[data-line="${id}"] .qr`, { timeout: 30000 });
  return page.locator(`[data-line="${id}"] .command code`).innerText();
}

async function change(page, act, reason) {
  await page.click(`[data-act=${act}]`);
  await page.waitForSelector("dialog[open]");
  if (reason) await page.fill("[name=reason]", reason);
  await page.locator("dialog button[type=submit]").click();
}

/* More lines than a page holds: the oldest is found by itself while somebody watches it, and in the list page by page. */
async function manyLines(page, open) {
  const ask = (method, path, body) => page.evaluate(([m, p, b]) => fetch("/api/v1" + p, { method: m, headers: { "X-Selvedge": "1", "Content-Type": "application/json" }, body: b && JSON.stringify(b) }).then((r) => r.status), [method, path, body]);
  const asked = page.waitForRequest((r) => /\/enrolments\?id=watched-1&/.test(r.url()), { timeout: 30000 }).then(() => true, () => false);
  await add(page, open, "watched-1");
  check(await asked, "who watches a line asks for it alone");
  const site = await page.locator(`[data-line="watched-1"] h2`).innerText().then((words) => words.split(" at ")[1]);
  const later = Array.from({ length: 55 }, (_, i) => `later-${i}`);
  check((await ask("POST", "/enrolments", { devices: later.map((id) => ({ id, site })) })) === 201, "55 more may enrol");
  await open(page, "/identity", "[data-enrolment]");
  check((await page.locator("[data-enrolment]").count()) === 50, "the newest 50 lines are shown");
  check((await page.locator("[data-enrolment=watched-1]").count()) === 0, "the oldest is not among them");
  await page.locator("section[aria-labelledby=h-open] .more").click();
  check(await page.waitForSelector("[data-enrolment=watched-1]", { timeout: 30000 }).then(() => true, () => false), "and comes with the older ones");
  await page.locator("[data-enrolment=watched-1] [data-act=withdraw]").click();
  check(await page.waitForSelector("[data-enrolment=watched-1]", { state: "detached", timeout: 30000 }).then(() => true, () => false), "withdrawn, it is gone from the list");
  for (const id of later) await ask("DELETE", `/enrolments/${id}`);
}

export async function identities(page, open, bin) {
  const home = mkdtempSync(join(tmpdir(), "identity."));
  const id = "newcomer-1";
  let agent = null;
  try {
    const line = await add(page, open, id);
    const steps = `[data-line="${id}"] .steps`;
    check(/^echo [\w-]{43} \| selvedge-agent enrol newcomer-1 --at 127\.0\.0\.1:\d+ --pin sha256:[0-9a-f]{64}/.test(line), "the line is whole");
    for (const width of [390, 1440]) for (const scheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `identity-add-${width}-${scheme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    check(typeLine(bin, line, join(home, "other"), (words) => words.map((w) => (w === id ? "somebody-else" : w))).status === 4, "a token is for its own id");
    check(await says(page, steps, "for another id"), "and the page says so while one looks");
    const done = typeLine(bin, line, join(home, "device"));
    check(done.status === 0, `the line enrols the device ${done.stderr}`);
    check(await says(page, steps, "has its certificate; its agent"), "the page says that it has its certificate, and what it waits for");
    agent = spawn(agentOf(bin), ["--config", join(home, "device", "agent.yaml")], { stdio: "ignore" });
    check(await says(page, steps, "It is there"), "and turns green when the agent has connected");
    await inspect(page, "identity-added-1440-light");
    check(typeLine(bin, line, join(home, "again")).status === 4, "the line works once");

    await open(page, `/devices/${id}`, "[data-act=quarantine]");
    await change(page, "quarantine", "<b>odd</b>");
    check(await says(page, "[data-standing=quarantined]", "quarantine.*<b>odd</b>"), "its page says that it is in quarantine, and why, word by word");
    await inspect(page, "identity-quarantine-1440-light");
    await change(page, "release");
    check(await page.waitForSelector("[data-standing]", { state: "detached", timeout: 30000 }).then(() => true, () => false), "and is as before when it is released");
    await page.click("[data-act=revoke]");
    await inspect(page, "identity-revoke-1440-light");
    await page.locator("dialog button[type=submit]").click();
    check(await page.locator("dialog [name=reason]").evaluate((e) => !e.checkValidity()), "what cannot be undone wants a reason");
    await page.fill("[name=reason]", "stolen");
    await page.locator("dialog button[type=submit]").click();
    check(await says(page, "[data-standing=revoked]", "Revoked.*stolen"), "revoked, with the reason");
    check(await says(page, ".sentence", "Silent"), "and it is silent from then on");
    await change(page, "replace");
    await page.waitForSelector(`[data-line="${id}"] .qr`, { timeout: 30000 });
    const next = await page.locator(`[data-line="${id}"] .command code`).innerText();
    check(next !== line && typeLine(bin, next, join(home, "next")).status === 0, "another machine takes its place with a line of its own");
    await open(page, `/identity?state=revoked`, ".certificates tbody tr");
    check(/newcomer-1/.test(await page.locator(".certificates").innerText()), "what it had is among the revoked certificates");
    await open(page, `/log?about=${id}`, "[data-seq]");
    check(/revoked/.test(await page.locator("main").innerText()), "and what happened is written down");
    await open(page, "/identity", "[data-row]");
    for (const width of [390, 1440, 2560]) for (const scheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `identity-${width}-${scheme}`);
    }
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.emulateMedia({ colorScheme: "light" });
    await manyLines(page, open);
  } finally {
    agent?.kill("SIGTERM");
    rmSync(home, { recursive: true, force: true });
  }
}
