/* People in the dashboard: the first admin sets a password, adds others, who see what they may and no button more. SV_URL operator door, SV_LOGIN a full
   login link of an admin, SV_FULL (optional) every page at every width, SHOTS folder for the screens. */
import { createHmac } from "node:crypto";
import { check, end, inspect, open as openBrowser } from "./looking.mjs";

const base = (process.env.SV_URL ?? "").replace(/\/$/, "");
const login = process.env.SV_LOGIN ?? "";
const browser = await openBrowser();
const noise = [];
const over = /401/; // sessions end all the time here
let expected = over;
const secrets = { first: "a long enough sentence 1", second: "another sentence, longer 2" };
const markup = "<img src=x onerror=alert(1)>";

function watch(page) {
  page.on("console", (m) => m.type() === "error" && !expected?.test(m.text()) && noise.push(m.text()));
  page.on("pageerror", (e) => noise.push(String(e)));
  page.on("dialog", (d) => { noise.push(`a dialog: ${d.message()}`); d.dismiss(); });
}

async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  watch(page);
  return page;
}

const open = async (page, path, ready) => {
  await page.goto(base + path);
  await page.waitForSelector(ready, { timeout: 30000 });
};
const settles = (page, what, arg) => page.waitForFunction(what, arg, { timeout: 30000 }).then(() => true, () => false);
const seen = (page, selector, options = {}) => page.waitForSelector(selector, { timeout: 15000, ...options }).then(() => true, () => false);
const said = (page, pattern, where = "main") => settles(page, ([w, p]) => new RegExp(p).test(document.querySelector(w)?.innerText ?? ""), [where, pattern]);

async function everyWidth(page, name) {
  for (const scheme of ["light", "dark"])
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
      await page.emulateMedia({ colorScheme: scheme });
      await inspect(page, `${name}-${width}-${scheme}`);
    }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

async function signIn(page, user, password) {
  await page.fill("[name=user]", user);
  await page.fill("[name=password]", password);
  await page.click(".login [type=submit]");
}

async function setPassword(page, next, current) {
  if (current) await page.fill("[name=current]", current);
  await page.fill("#password [name=password]", next);
  await page.fill("#password [name=again]", next);
  await page.click("#password [type=submit]");
}

/* The link opens the first session; a password makes it last. [people-3] [people-6] */
async function firstAdmin(page) {
  await page.goto(login);
  check(await seen(page, "[data-no-password]"), "who came with a link is told that there is no password yet");
  await inspect(page, "people-no-password-1440-light");
  await page.click("[data-no-password] a");
  await page.waitForSelector("#password");
  await page.fill("#password [name=password]", "short");
  await page.fill("#password [name=again]", "shorter");
  await page.click("#password [type=submit]");
  check(await said(page, "The two new ones differ", "#password"), "two passwords that differ are not sent");
  expected = /40[01]/;
  await setPassword(page, "aaaaaaaaaaaaaaa");
  check(await seen(page, "#password [role=alert]"), `the rule that a password breaks is told: ${await page.locator("#password [role=alert]").innerText()}`);
  expected = over;
  await setPassword(page, secrets.first);
  check(await seen(page, "#password form[data-done]"), "a good one is taken");
  check(await said(page, "Change the password", "#h-password") && (await page.locator("[data-no-password]").count()) === 0, "and the page knows it");
  await open(page, "/", ".headline");
  check((await page.locator("[data-no-password]").count()) === 0, "nobody is reminded any more");
}

/* Wrong, throttled, busy, right. [people-7] [people-9] */
async function signingIn(page) {
  await open(page, "/people", ".login [name=user]");
  await everyWidth(page, "login");
  check(await page.evaluate(() => document.activeElement?.getAttribute("name") === "user"), "the name is where one types first");
  await signIn(page, "admin", "not the password");
  check(await said(page, "The user name, the password or the code is wrong\\.", ".login [role=alert]"), "a refusal is one sentence");
  check((await page.inputValue("[name=user]")) === "admin" && (await page.inputValue("[name=password]")) === "", "the name stays, the password does not");
  check(await page.evaluate(() => document.activeElement?.getAttribute("name") === "password"), "and is typed anew");
  await inspect(page, "login-wrong-1440-light");
  expected = /401|429|503/;
  for (const [status, after] of [[429, 60], [503, 3]]) {
    await page.route("**/api/v1/session", (route) => route.request().method() === "POST"
      ? route.fulfill({ status, headers: { "Retry-After": String(after) }, contentType: "application/problem+json", body: JSON.stringify({ detail: "too many wrong passwords for this user; wait a minute" }) }) : route.continue());
    await signIn(page, "admin", "not the password");
    check(await said(page, "Again in \\d+ s|Again in 1 min", ".login [type=submit]") && await page.locator(".login [type=submit]").isDisabled(), `${status} is told with the wait: ${await page.locator(".login [type=submit]").innerText()}`);
    await page.unroute("**/api/v1/session");
    if (status === 429) { await inspect(page, "login-wait-390-light"); await page.reload(); await page.waitForSelector("[name=user]"); }
  }
  check(await settles(page, () => !document.querySelector(".login [type=submit]").disabled), "and when it is over one may try again");
  expected = over;
  await signIn(page, "admin", secrets.first);
  check(await seen(page, "[data-user=admin]") && new URL(page.url()).pathname === "/people", "the right one leads to the page that was asked for");
}

/* What an authenticator app shows (RFC 6238). */
function codeOf(secret, step = Math.floor(Date.now() / 30000)) {
  const bits = [...secret].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", key).update(at).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
}

/* Shown once, on with a code, asked for at the login, away with a code. [people-10] */
async function secondFactor(page) {
  await open(page, "/account", "[data-act=factor]");
  await page.click("[data-act=factor]");
  await page.waitForSelector("#factor .qr");
  await everyWidth(page, "factor");
  const secret = await page.locator("#factor .command code").innerText();
  expected = /40[01]/;
  await page.fill("#factor [name=code]", "000000");
  await page.click("#factor [type=submit]");
  check(await seen(page, "#factor [role=alert]"), `a wrong code turns nothing on: ${await page.locator("#factor [role=alert]").innerText()}`);
  expected = over;
  const step = Math.floor(Date.now() / 30000);
  await page.fill("#factor [name=code]", codeOf(secret, step));
  await page.click("#factor [type=submit]");
  check(await seen(page, "#factor[data-on]"), "the right one does");
  const other = await visitor();
  await open(other, "/account", ".login [name=user]");
  await signIn(other, "admin", secrets.first);
  check(await said(other, "the code is wrong", ".login [role=alert]"), "the password alone does not do any more");
  await other.fill("[name=totp]", codeOf(secret, step + 1));
  await other.fill("[name=password]", secrets.first);
  await other.click(".login [type=submit]");
  check(await seen(other, "#factor[data-on]"), "with a code it does");
  await other.context().close();
  return secret;
}

/* Made, shown once, good for what it says, removed. [people-12] */
async function apiTokens(page) {
  await open(page, "/account/tokens", "[data-form=token]");
  await page.fill("[name=name]", "reporter");
  await page.click("[data-form=token] [type=submit]");
  check(await seen(page, "[data-made=reporter]") && await seen(page, "[data-token=reporter]"), "a token is made, and shown");
  const token = await page.locator("[data-made=reporter] .command code").innerText();
  const ask = (path) => fetch(base + "/api/v1" + path, { headers: { Authorization: `Bearer ${token}` } }).then((r) => r.status);
  check(/^svt_/.test(token) && (await ask("/devices")) === 200 && (await ask("/users")) === 403, "it is good for what was chosen, and for nothing else");
  await everyWidth(page, "tokens");
  await page.reload();
  await page.waitForSelector("[data-token=reporter]");
  check(!(await page.content()).includes(token), "and is shown once");
  await page.click("[data-token=reporter] [data-act=remove-token]");
  await page.click("dialog [type=submit]");
  check(await seen(page, "[data-token=reporter]", { state: "detached" }) && (await ask("/devices")) === 401, "removed, it opens nothing");
}

/* Added with role and sites; the invitation is shown once, works once. [people-2] */
async function addSomebody(page, name, role, sites = []) {
  await open(page, "/people/add", "[data-form=add]");
  await page.fill("[name=name]", name);
  await page.selectOption("[name=role]", role);
  if (sites.length) {
    await page.getByText("Only some").click();
    for (const site of sites) await page.check(`[name=site][value="${site}"]`);
  }
  await page.click("[data-form=add] [type=submit]");
  if (!(await seen(page, `[data-link="${name}"]`))) return "";
  return page.locator(`[data-link="${name}"] .command code`).innerText();
}

async function people(page) {
  await open(page, "/people/add", "[data-form=add]");
  await page.fill("[name=name]", markup);
  await page.click("[data-form=add] [type=submit]");
  check(await page.locator("[name=name]").evaluate((e) => !e.checkValidity()), "a name outside the grammar is not sent");
  const link = await addSomebody(page, "olga", "operator");
  check(/\/#login=[\w-]{43}$/.test(link) && link.startsWith(base), "an invitation is a link to this server");
  await everyWidth(page, "people-link");
  expected = /401|409/;
  await page.fill("[name=name]", "olga");
  await page.click("[data-form=add] [type=submit]");
  check(await seen(page, "[data-form=add] [role=alert]"), `a name that is taken is told: ${await page.locator("[data-form=add] [role=alert]").innerText().catch(() => "")}`);
  expected = over;
  const long = "a-name-that-is-as-long-as-the-grammar-lets-it-be-64-letters-abcd";
  await addSomebody(page, long, "viewer");
  const all = { operator: link };
  all.viewer = await addSomebody(page, "vera", "viewer");
  all.local = await addSomebody(page, "lea", "operator", [await page.evaluate(() => fetch("/api/v1/overview").then((r) => r.json()).then((o) => o.sites[0].site))]);
  all.release = await addSomebody(page, "rolf", "release");
  await open(page, "/people", `[data-user="${long}"]`);
  check((await page.locator("[data-user]").count()) === 6 && /Invited/.test(await page.locator("[data-user=olga]").innerText()), "who is invited stands in the list");
  await everyWidth(page, "people");
  await page.locator("[data-user=olga] td").first().click();
  check(await seen(page, "[data-act=remove]") && /\/people\/olga$/.test(page.url()), "a row leads to the person");
  return all;
}

/* Changed, disabled, recovered, removed; each is asked before. [people-4] [people-5] [people-8] */
async function changeSomebody(page, olga) {
  await open(page, "/people/olga", "[data-session]");
  await everyWidth(page, "person");
  check(await page.locator("[data-act=save]").isDisabled(), "what is not changed cannot be saved");
  await page.selectOption("[name=role]", "viewer");
  await page.click("[data-act=save]");
  await page.waitForSelector("dialog[open]");
  await inspect(page, "person-confirm-1440-light");
  await page.keyboard.press("Escape");
  check(/operator of all sites/.test(await page.locator(".sentence").innerText()), "who leaves the dialog has changed nothing");
  await page.click("[data-act=save]");
  await page.click("dialog [type=submit]");
  check(await said(page, "viewer of all sites", ".sentence"), "another role counts");
  await olga.reload();
  check(await seen(olga, ".login [name=user]"), "and has ended the sessions");
  expected = over;
  await signIn(olga, "olga", secrets.second);
  await olga.waitForSelector("nav");
  await open(page, "/people/olga", "[data-session]");
  await page.locator("[data-act=end-session]").first().click();
  check(await seen(page, "[data-session]", { state: "detached" }), "a session can be ended");
  await page.click("[data-act=disable]");
  await page.click("dialog [type=submit]");
  check(await said(page, "Disabled", ".sentence"), "somebody is disabled");
  await inspect(page, "person-disabled-1440-dark");
  await olga.reload();
  await olga.waitForSelector(".login [name=user]");
  await signIn(olga, "olga", secrets.second);
  check(await seen(olga, ".login [role=alert]"), "and cannot sign in");
  expected = over;
  await page.click("[data-act=enable]");
  await page.click("dialog [type=submit]");
  check(await said(page, "Active", ".sentence"), "and is enabled again");
  await page.click("[data-act=recover]");
  await page.click("dialog [type=submit]");
  check(await seen(page, "[data-link=olga]"), "a recovery link is shown once");
  const link = await page.locator("[data-link=olga] .command code").innerText();
  await olga.goto("about:blank");
  await olga.goto(link);
  check(await seen(olga, "[data-no-password]"), "and forgets the password");
  await page.click("[data-act=remove]");
  await page.click("dialog [type=submit]");
  check(await settles(page, () => location.pathname === "/people" && !document.querySelector("[data-user=olga]") && document.querySelector("[data-user]")), "somebody is removed");
  expected = /401|404/;
  await open(page, "/people/olga", ".empty");
  expected = over;
  await inspect(page, "person-nobody-1440-light");
}

/* The last admin stays one. [people-4] */
async function lastAdmin(page) {
  await open(page, "/people/admin", "[data-act=disable]");
  expected = /401|409/;
  for (const act of ["disable", "remove"]) {
    await page.click(`[data-act=${act}]`);
    await page.click("dialog [type=submit]");
    check(await seen(page, "dialog[open] [role=alert]"), `the last admin is not lost to ${act}: ${await page.locator("dialog [role=alert]").innerText()}`);
    if (act === "remove") await inspect(page, "person-last-admin-1440-light");
    await page.keyboard.press("Escape");
  }
  expected = over;
}

/* What happened, found again; what a reason says stays a text. [audit-4] */
async function theLog(page, device) {
  const put = (method, path, body) => page.evaluate(([m, p, b]) => fetch("/api/v1" + p, { method: m, headers: { "X-Selvedge": "1", "Content-Type": "application/json" }, body: JSON.stringify(b) }).then((r) => r.status), [method, path, body]);
  for (const state of ["quarantined", "active"]) check((await put("POST", `/devices/${device}/standing`, { state, reason: markup })) === 200, `${device} is ${state}`);
  const site = await page.evaluate(() => fetch("/api/v1/overview").then((r) => r.json()).then((o) => o.sites[0].site));
  for (const [version, high] of [[0, 80], [1, 85]])
    check(await page.evaluate(([at, v, h]) => fetch(`/api/v1/sites/${at}/rules`, { method: "PUT", headers: { "X-Selvedge": "1", "If-Match": `"${v}"` }, body: `thresholds:\n  sensors: {temperature: {high: ${h}}}\n# ${"<img src=x onerror=alert(1)>"}\n` }).then((r) => r.ok), [site, version, high]), `rules with ${high}`);
  await open(page, "/log", "[data-seq]");
  check(await page.locator("[data-what='user.add']").count() === 6, "the log has a line of each person that was added, and of one that was refused");
  check((await page.locator("main").innerText()).includes(markup) && (await page.locator("main img").count()) === 0, "markup in a reason is shown as it was written");
  await everyWidth(page, "log");
  await page.selectOption("[name=what]", "session");
  check(await settles(page, () => document.querySelectorAll("[data-seq]").length > 1 && [...document.querySelectorAll("[data-seq]")].every((e) => e.dataset.what.startsWith("session."))), "it can be asked for one kind alone");
  await page.fill("[name=about]", "nobody-of-this-name");
  check(await said(page, "No line fits"), "and about one alone");
  await page.click("[data-act=clear]");
  await page.getByRole("button", { name: "Refused", exact: true }).click();
  await page.fill("[name=text]", "THERE IS A USER");
  check(await settles(page, () => document.querySelectorAll("[data-seq]").length === 1 && document.querySelector("[data-what='user.add'] .is-warning")), "by outcome and words, whatever their case");
  await page.fill("[name=from]", "2030-01-01T00:00");
  await page.locator("[name=from]").dispatchEvent("change");
  check(await said(page, "No line fits") && /from=18934\d+/.test(page.url()), "and by time, which the address has in milliseconds");
  await open(page, "/log?what=rules&who=admin", "[data-seq]");
  await page.locator("[data-what='rules.put'] summary").first().click();
  check(await page.locator(".change .is").first().innerText().then((t) => /high: 8[05]/.test(t)) , "a change of rules shows what is there since");
  await everyWidth(page, "log-change");
  await open(page, "/log", "[data-act=export]");
  const [file] = await Promise.all([page.waitForEvent("download", { timeout: 20000 }), page.click("[data-act=export]")]);
  await file.saveAs(`${process.env.TMPDIR ?? "/tmp"}/audit.ndjson`);
  await open(page, "/log?what=session&about=nobody-of-this-name", "h1");
  check(await said(page, "No line fits"), "an address leads to its filter");
  check(/what=session/.test(page.url()) && /about=nobody/.test(page.url()), "which stands in the address");
  await inspect(page, "log-nothing-390-light");
}

/* The report that was published last. [checklist-31] */
async function theChecklist(page) {
  expected = /401|404/;
  await open(page, "/checklist", ".empty");
  await inspect(page, "checklist-empty-1440-light");
  expected = over;
  const statement = (id, title, verdict, seen, remedy) => ({ id, title, verdict, looked_at: "the doors of 5 programs", seen, seen_more: verdict === "holds" ? 0 : 3, answers: ["ETSI EN 303 645 5.5-1", "IEC 62443-4-2 CR 4.1", "OWASP I7"], remedy });
  const report = { at: Date.now() - 3600e3, version: "0.1.0", statements: [
    statement("doors-encrypted", "nothing is served without TLS, except on loopback", "holds", ["selvedge-fleet 0.0.0.0:8443: TLS 1.3"], "give the door a certificate"),
    statement("keys-kept", "each private key is in hardware, or in a file for its owner alone", "does not hold", [`/srv/${markup}/a-very-long-name-of-a-file-that-has-no-place-to-break-anywhere/device.key: mode 0644`], "chmod 0600 the key, and think of it as stolen"),
    statement("backups-good", "the last backup can be restored", "unknown", ["no copy was named"], "name the copy: --backup FILE"),
    statement("tpm-used", "the boot state is as signed", "not applicable", ["no TPM"], "let it be measured") ] };
  const put = await page.evaluate((body) => fetch("/api/v1/checklist", { method: "PUT", headers: { "X-Selvedge": "1", "Content-Type": "application/json" }, body: JSON.stringify(body) }).then((r) => r.status), report);
  check(put === 204, "a report is published");
  await open(page, "/checklist", "[data-statement]");
  check(await said(page, "1 of 4 statements does not hold, 1 could not be judged", ".sentence"), "one sentence says how it stands");
  check((await page.locator("[data-statement]").evaluateAll((all) => all.map((e) => e.dataset.statement).join())) === "keys-kept,backups-good", "what needs somebody is shown first, the broken before the unknown");
  await page.locator("[data-statement=keys-kept] summary").click();
  check(/IEC 62443-4-2 CR 4\.1/.test(await page.locator("[data-statement=keys-kept]").innerText()) && (await page.locator("main img").count()) === 0, "with evidence and requirement, and markup stays a text");
  await everyWidth(page, "checklist");
  await page.getByRole("button", { name: "All", exact: true }).click();
  check(await settles(page, () => document.querySelectorAll("[data-statement]").length === 4), "and the others when asked");
}

/* Each role on every page: nothing is refused, because nothing is offered that would be. */
async function asRole(role, link, pages) {
  const page = await visitor();
  const refused = [];
  page.on("response", (r) => r.status() === 403 && refused.push(r.url()));
  await page.goto(link);
  await page.waitForSelector("[data-no-password] a");
  await page.click("[data-no-password] a");
  await setPassword(page, secrets.second);
  check(await seen(page, "#password form[data-done]"), `${role}: sets a password`);
  for (const [path, ready] of pages) {
    if (role === "local" && path === "/checklist") continue; // about the server as a whole
    await open(page, path, ready);
    await inspect(page, `as-${role}${path.replaceAll("/", "-")}`);
  }
  check(refused.length === 0, `${role}: no page asks for what it may not have ${refused.join(" ")}`);
  const may = role !== "viewer";
  await open(page, "/identity", ".certificates");
  check((await page.locator("a[href='/identity/add']").count() > 0) === may, `${role}: ${may ? "may" : "may not"} add a device`);
  await open(page, "/people", ".empty");
  check((await page.locator("nav a[href='/people']").count()) === 0 && (await page.locator("[data-user], form").count()) === 0, `${role}: sees nothing of other people`);
  return page;
}

try {
  const page = await visitor();
  await firstAdmin(page);
  const other = await visitor();
  await signingIn(other);
  await open(page, "/account", "[data-session]");
  check((await page.locator("[data-session]").count()) === 2, "both own sessions are listed");
  await everyWidth(page, "account");
  await page.locator("[data-act=end-session]").click();
  check(await settles(page, () => document.querySelectorAll("[data-session]").length === 1), "the other one is ended");
  await other.reload();
  check(await seen(other, ".login [name=user]"), "and is signed out");
  expected = over;
  await other.context().close();

  const links = await people(page);
  const device = await page.evaluate(() => fetch("/api/v1/devices?limit=1").then((r) => r.json()).then((d) => d.items[0].id));
  const pages = [["/", ".headline"], ["/devices", ".devices"], [`/devices/${device}`, ".sentence"], ["/alerts", "h1"], ["/rules", "h1"], ["/notifications", "h1"], ["/identity", ".certificates"], ["/log", "[data-seq]"], ["/checklist", "[data-statement]"], ["/more", ".more-pages"], ["/account", "[data-session]"]];
  await theLog(page, device);
  await theChecklist(page);
  for (const role of ["viewer", "local", "release"]) await (await asRole(role, links[role], pages)).context().close();
  const olga = await asRole("operator", links.operator, pages);
  await changeSomebody(page, olga);
  await olga.context().close();
  await lastAdmin(page);
  await apiTokens(page);
  await secondFactor(page);
  await open(page, "/account", "[data-act=leave]");
  await page.click("main [data-act=leave]");
  check(await seen(page, ".login [name=user]"), "signed out");
  check(noise.length === 0, `the console is silent ${noise.slice(0, 5).join(" | ")}`);
} catch (error) {
  check(false, `the run ends without a surprise: ${error.stack}`);
}
await browser.close();
end("people");
