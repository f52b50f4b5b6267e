/* The operator door imitated, to develop the dashboard without a fleet: node test/mock-server.mjs [port] [devices] */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { updates } from "./mock-updates.mjs";

const port = Number(process.argv[2] ?? 8099);
const total = Number(process.argv[3] ?? 20);
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const kinds = ["lathe", "press", "mill", "pump"];
const sensors = [["current", "A", 12], ["pressure", "bar", 5.5], ["temperature", "°C", 61], ["vibration", "mm/s", 2.4]];
const began = Date.now();
const value = (n, s, at) => +(sensors[s][2] * (1 + 0.04 * Math.sin(at / 9000 + n) + 0.03 * Math.sin(at / 1700 + s * n))).toFixed(3);
const health = (n) => (n === 3 ? "critical" : n === 7 ? "warning" : n === 11 ? "unknown" : "healthy");
const online = (n) => n !== 11;
const seen = (n, now) => (online(n) ? now - 400 : began - 340000);
const id = (n) => `${kinds[n % 4]}-${String(n + 1).padStart(2, "0")}`;
const site = (n) => (n % 2 ? "hall-b" : "hall-a");
const alerts = [
  [3, "critical", "temperature", "Value 83.21 exceeds high threshold", "open", 240000],
  [7, "warning", "vibration", "Value 4.6 exceeds high threshold", "open", 720000],
  [11, "warning", null, "no reading for 5 min", "acknowledged", 320000],
  [5, "warning", "pressure", "Value 4.1 below low threshold", "cleared", 9000000],
  [2, "warning", "vibration", "Value 6.9 outside what was usual at this hour (1.9 to 2.8) for the last 12 days", "open", 400000],
].map(([n, severity, sensor, message, state, ago], i) => ({
  id: String(i + 1), device: id(n), site: site(n), sensor, type: sensor ? (/usual/.test(message) ? "ANOMALY" : "threshold") : "silence",
  ...(/usual/.test(message) ? { rule: "unusual", score: 87, expected: [1.9, 2.8], normal_at: null, normal_by: null } : {}), severity, message,
  value: sensor ? Number(/[\d.]+/.exec(message)[0]) : null, raw: null, unit: sensors.find((s) => s[0] === sensor)?.[1] ?? null, state, raised_at: began - ago, updated_at: began,
  cleared_at: state === "cleared" ? began - 8000000 : null, acknowledged_at: state === "acknowledged" ? began - 60000 : null,
  acknowledged_by: state === "acknowledged" ? "operator" : null,
}));
const commands = [
  ["stop", 3, { why: "guard open" }, "interlock", null, "answered", { state: "stopped" }, 700000],
  ["start", 3, null, null, "ada", "failed", { error: "the guard is open" }, 400000],
  ["slow", 3, { speed: 0.4 }, null, "ada", "refused", null, 300000],
  ["ping", 3, null, null, "ada", "sent", null, 20000],
].map(([name, n, payload, rule, by, state, answer, ago], i) => ({
  id: `c${i}`, device: id(n), name, payload, rule, alert: null, by, state, asked_at: began - ago, until: began - ago + 600000, sent_at: state === "refused" ? null : began - ago + 40,
  ended_at: state === "sent" ? null : began - ago + 220, why: state === "refused" ? "not in commands: allow of the gateway" : (answer?.error ?? null), answer: answer && { id: `c${i}`, ...answer },
})).reverse();
/* Rules by site; whatever says "oops" is at fault there. */
/* What a candidate would have raised: one gateway has, one is away. */
const tried = (site, now) => ({ site, days: 7, gateways: [
  { id: `${site}-gw-1`, status: 200, why: null, found: { days: 7, left_out: 1, readings: 604800, streams: 12, from: now - 7 * 86400000, to: now, alerts: 3, without: { what: ["hysteresis", "hold"], alerts: 41 }, in_force: 12, raised: [
    { device: "press-1", sensor: "temperature", rule: null, type: "HIGH", severity: "critical", message: "Value 91.2 exceeds high threshold", raised_at: now - 3 * 86400000, cleared_at: now - 3 * 86400000 + 720000 },
    { device: "pump-1", sensor: null, rule: "dry", type: "ANOMALY", severity: "warning", message: "Runs dry: 1.5 bar at 6 A", raised_at: now - 7200000, cleared_at: null }] } },
  { id: `${site}-gw-2`, status: 503, why: `gateway ${site}-gw-2 is not connected now: what it has not sent up stays there`, found: null }] });
const rules = { "hall-a": [], "hall-b": [] };
const faulty = (text) => text.split("\n").flatMap((line, i) => (line.includes("oops") ? [{ line: i + 1, column: line.indexOf("oops") + 1, sentence: '"oops" is not a number' }] : []));
const siteRules = (name) => {
  const list = rules[name];
  const version = list.length;
  const of = (id, behind) => ({ id, online: !behind, rules: { from: version > 0 ? "fleet" : "file", version: behind ? Math.max(0, version - 1) : version, at: began - 60000,
    refused: behind && version > 1 ? { version, at: Date.now(), why: "1 fault: line 3, column 1: \"rate\" is not a key here" } : null } });
  const text = list[version - 1]?.text ?? "";
  const groups = [...text.matchAll(/\{group: ([\w-]+)\}/g)].map(([, group]) => ({ name: group, known: group !== "ghosts", devices: group === "ghosts" || group === "spare" ? 0 : 7 }));
  return { site: name, text: "", ...list[version - 1], version, groups, gateways: [of(`gw-${name}`, false), of(`gw-${name}-2`, true)] };
};
const sent = (id, channel, state, event, title, ago, more) => ({
  id, channel, route: "night", event, site: "hall-a", type: "HIGH", sensor: "temperature", severity: "critical", count: 1, state, title, made_at: began - ago,
  ...(state === "waiting" ? { due_at: began + 40000 } : { done_at: began - ago + 900 }), tries: 1, error: null, ...more,
});
const messages = [
  sent("m4", "shift", "waiting", "raised", "warning: 14 devices at site hall-b: HIGH vibration, first mill-08: Value 4.6 exceeds high threshold", 30000, { tries: 3, error: "the answer is 503: busy" }),
  sent("m3", "oncall", "sent", "raised", "critical: press-04 at site hall-a: HIGH temperature: Value 83.21 exceeds high threshold", 230000),
  sent("m2", "mail", "failed", "recovered", "recovered: lathe-05 at site hall-a: LOW pressure: Value 4.1 below low threshold", 8000000, { error: "recipient nobody@example.com: the mail server answers 550 no such user" }),
  sent("m1", "oncall", "sent", "test", "test: this is a message from Selvedge over channel oncall, sent by pilot", 9000000, { route: null, site: null, type: null, sensor: null, severity: "info", count: 0 }),
];
const route = (name, to, more) => ({ name, site: [], device: [], type: [], alert: [], severity: "info", days: [], hours: null, quiet: null, zone: "Europe/Oslo", to, escalate_to: [], escalate_after_s: 0, repeat_s: 0, recovery: true, ...more });
const setup = () => ({
  match: "first", gather_s: 10,
  channels: [["oncall", "webhook", ["pager.example"]], ["shift", "slack", ["hooks.slack.com"]], ["mail", "smtp", ["maintenance@example.com", "shift-lead@example.com"]], ["office", "teams", ["prod-12.westeurope.logic.azure.com"]]].map(([name, kind, to]) => ({
    name, kind, to, private: name === "oncall", waiting: messages.filter((m) => m.channel === name && m.state === "waiting").length,
    failed: messages.filter((m) => m.channel === name && m.state === "failed").length, last: messages.find((m) => m.channel === name && m.done_at) ?? null,
  })),
  routes: [route("night", ["oncall"], { severity: "critical", hours: "22:00-06:00", escalate_to: ["mail"], escalate_after_s: 900 }),
    route("hall-b", ["shift", "office"], { site: ["hall-b*"], alert: ["HIGH", "LOW", "FAILURE"], severity: "warning", quiet: "22:00-06:00", repeat_s: 14400 }), route("rest", ["mail"], { recovery: false })],
});
/* Who may enrol, what certificates there are, and what happened. */
const lines = [{ id: "press-22", site: "hall-a", created: began - 7200000, expires: began + 79200000, by: "ada", state: "open", last: null },
  { id: "mill-30", site: "hall-b", created: began - 600000, expires: began + 3000000, by: "ada", state: "open", last: { at: began - 40000, peer: "10.0.7.31", outcome: "the token is for mill-31, not mill-30: use the line that was made for mill-30" } }];
const hexOf = (n) => (n * 2654435761 % 4294967296).toString(16).padStart(8, "0").repeat(4);
const certificates = () => [{ serial: hexOf(99), id: "gw-hall-a", role: "gateway", site: "hall-a", issuer: "Selvedge Issuing CA", not_before: began - 40 * 864e5, not_after: began + 4 * 864e5, renews: "by hand", renew_at: null, state: "expiring" },
  ...Array.from({ length: total }, (_, n) => ({ serial: hexOf(n + 1), id: id(n), role: "device", site: site(n), issuer: "Selvedge Issuing CA", not_before: began - n * 864e5, not_after: began + (n === 11 ? -2 : 90 - n) * 864e5, renews: n % 5 ? "itself" : "by hand",
    renew_at: n % 5 ? began + (60 - n) * 864e5 : null, state: n === 11 ? "expired" : n === 4 ? "revoked" : n === 6 ? "replaced" : "valid" }))];
const recorded = [["enrolment.add", "press-22", "done", "for hall-a, until tomorrow", "ada", null], ["enrolment.use", "mill-30", "refused", "the token is for mill-31, not mill-30", "mill-30", "10.0.7.31"], ["certificate.renew", "press-04", "done", "90 days", "press-04", "10.0.7.12"], ["standing.quarantine", "press-06", "done", "vibrates oddly", "ada", null]]
  .map(([what, about, outcome, detail, who, from], i) => ({ seq: 100 - i, at: began - i * 300000, who, from, what, about, outcome, detail }));
const standings = { "press-06": { state: "quarantined", since: began - 900000, reason: "vibrates oddly", by: "ada" } };
const makeLine = (device, minutes) => {
  const token = Array.from({ length: 43 }, (_, i) => "ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh"[(i * 7 + device.id.length) % 32]).join("");
  const line = { id: device.id, site: device.site, created: Date.now(), expires: Date.now() + minutes * 60000, by: "pilot", state: "open", last: null };
  lines.unshift(line);
  const pin = `sha256:${hexOf(7)}${hexOf(8)}`;
  return { ...line, token, at: "10.0.7.2:8444", pin, command: `echo ${token} | selvedge-agent enrol ${device.id} --at 10.0.7.2:8444 --pin ${pin}` };
};
/* Who works on what: by device, by site. */
const works = { "devices/press-06": { since: began - 600000, until: began + 6600000, by: "ada", why: "new bearing" } };
const workOn = (n) => (works[`devices/${id(n)}`] && { of: "device", ...works[`devices/${id(n)}`] }) ?? (works[`sites/${site(n)}`] && { of: "site", ...works[`sites/${site(n)}`] }) ?? null;
/* A machine that has been getting worse for ten days, and what two models say of it. */
const worn = (at) => Math.max(8, Math.round(96 - 62 * Math.max(0, 1 - (began - at) / 864e6) ** 2 - 8 * Math.abs(Math.sin(at / 3e7))));
const machine = (n) => ({
  machine: { state: "watching", health: n === 3 ? worn(began) : 97, at: began - 60000, parts: n === 3 ? [{ sensor: "vibration", share: 62, deviation: 9.4 }, { sensor: "temperature", share: 21, deviation: 5.1 }] : [] },
  life: n === 3 ? { model: "press", version: 4, left_s: 777600, low_s: 259200, high_s: 1728000, risk: 0.62, horizon_s: 1209600, at: began - 60000 } : null,
  failure: n === 3 ? { model: "press-kind", version: 2, risk: 0.64, horizon_s: 1209600, at: began - 60000, classes: [{ name: "healthy", probability: 0.36 }, { name: "bearing", probability: 0.58 }, { name: "seal", probability: 0.055 }, { name: "loose belt", probability: 0.005 }],
    parts: [{ sensor: "vibration", by: 0.41, lower: false }, { sensor: "current", by: 0.09, lower: false }] } : null,
});
const past = (n, from, to) => Array.from({ length: 2200 }, (_, i) => began - (2199 - i) * 36e5).filter((at) => at >= from && at <= to && !(began - at > 3.4e8 && began - at < 4e8)).map((at) => [at, n === 3 ? worn(at) : 97]);
const active = (n) => alerts.filter((a) => a.device === id(n) && a.state !== "cleared");
const device = (n, now, key) => ({
  id: id(n), site: site(n), type: kinds[n % 4], online: online(n), since: began, last_seen: seen(n, now), health: health(n),
  firmware_version: "1.4.2", clock_ahead: n % 3 === 1 ? -5400e3 : null, standing: standings[id(n)] ?? { state: "active", since: null, reason: null, by: null }, maintenance: workOn(n), ...machine(n), alerts: active(n).filter((a) => a.state === "open").length,
  ...(key && { key: sensors.map(([sensor, unit], s) => ({ sensor, unit, value: value(n, s, now), at: seen(n, now), spark: Array.from({ length: 24 }, (_, i) => value(n, s, now - (23 - i) * 1000)) })) }),
});
const all = (now) => Array.from({ length: total }, (_, n) => device(n, now, true));
const overview = () => {
  const now = Date.now();
  const list = all(now);
  const tally = (items, h) => items.filter((d) => d.health === h).length;
  return {
    at: now, devices: { total, online: list.filter((d) => d.online).length, offline: list.filter((d) => !d.online).length },
    needing: { total: list.filter((d) => d.alerts).length, critical: alerts.some((a) => a.state === "open" && a.severity === "critical") ? 1 : 0 },
    health: { healthy: tally(list, "healthy"), warning: tally(list, "warning"), critical: tally(list, "critical"), unknown: tally(list, "unknown") },
    alerts: { open: alerts.filter((a) => a.state === "open").length, acknowledged: 1, critical: 1 }, readings_per_s: total * 4,
    sites: ["hall-a", "hall-b"].map((name) => {
      const mine = list.filter((d) => d.site === name);
      return { site: name, devices: mine.length, online: mine.filter((d) => d.online).length, healthy: tally(mine, "healthy"), warning: tally(mine, "warning"), critical: tally(mine, "critical"),
        alerts: alerts.filter((a) => a.site === name && a.state === "open").length, available: 0.9998, maintenance: (works[`sites/${name}`] && { of: "site", ...works[`sites/${name}`] }) ?? null,
        gateways: [{ id: `gw-${name}`, online: true, last_seen: now - 500, readings_per_s: mine.length * 4, bytes_in: 48211330, bytes_up: 3122330, refused: 0, spool: 0, spool_fill: 0, full: false, dropped: { averages: 0, minutes: 0, alerts: 0 }, available: 0.9998 }] };
    }),
  };
};
const streams = new Set();
const send = (name, data) => streams.forEach((s) => s.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`));
setInterval(() => {
  const now = Date.now();
  send("points", Array.from({ length: total }, (_, n) => n).filter(online).flatMap((n) => sensors.map(([s], i) => ({ d: id(n), s, p: [[now, value(n, i, now)]] }))));
}, 1000);
setInterval(() => send("overview", overview()), 2000);

function series(n, q, kind) {
  const s = sensors.findIndex((x) => x[0] === q.get("sensor"));
  const [from, to] = [Number(q.get("from")), Number(q.get("to"))];
  const step = Math.max(1000, (to - from) / 500);
  const points = [];
  for (let at = from; at <= to && at <= seen(n, Date.now()); at += step) points.push([Math.round(at), value(n, s, at)]);
  return { unit: sensors[s][1], kind, points, pieces: kind === "raw" ? [["raw", points.length]] : [["summary", 1], ["average", points.length - 1]], corrected: n % 3 === 1 ? [[from, from + (to - from) / 4]] : [],
    ...(kind === "raw" ? {} : { expected: [0, 0.2, 0.5].map((part) => [Math.round(from + part * (to - from)), +(sensors[s][2] * (0.93 - part / 20)).toFixed(2), +(sensors[s][2] * (1.05 + part / 20)).toFixed(2)]), scores: [] }) };
}

function api(req, res, url) {
  const json = (status, body) => res.writeHead(status, { "Content-Type": status < 400 ? "application/json" : "application/problem+json" }).end(JSON.stringify(body));
  const path = url.pathname.slice(7);
  const q = url.searchParams;
  const now = Date.now();
  if (req.method !== "GET" && req.headers["x-selvedge"] !== "1") return json(403, { title: "X-Selvedge is missing" });
  if (path === "/session" && req.method === "POST") return res.writeHead(204, { "Set-Cookie": "selvedge=mock; HttpOnly; SameSite=Strict; Path=/" }).end();
  if (!/selvedge=mock/.test(req.headers.cookie ?? "")) return json(401, { title: "Not logged in" });
  if (path === "/session" && req.method === "DELETE") return res.writeHead(204, { "Set-Cookie": "selvedge=; Max-Age=0; Path=/" }).end();
  if (path === "/session") return json(200, { user: "pilot", role: "admin", sites: null, scopes: [], token: null, password: true, totp: true, version: "0.1.0" });
  if (path === "/overview") return json(200, overview());
  if (path === "/events") {
    res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" }).write(":\n\n");
    streams.add(res);
    return res.on("close", () => streams.delete(res));
  }
  const body = (then) => { let text = ""; req.on("data", (part) => (text += part)); req.on("end", () => then(JSON.parse(text || "{}"))); };
  if (updates(path, req.method, q, body, json) !== false) return;
  if (path === "/devices") {
    const found = all(now).filter((d) => (!q.get("q") || `${d.id} ${d.site} ${d.type}`.includes(q.get("q"))) && (!q.get("site") || d.site === q.get("site")) &&
      (!q.get("health") || d.health === q.get("health")) && (!q.get("status") || d.online === (q.get("status") === "online")));
    const rank = { critical: 0, warning: 1, unknown: 2, healthy: 3 };
    if (q.get("sort") === "urgency") found.sort((a, b) => rank[a.health] - rank[b.health]);
    const start = Number(q.get("cursor") ?? 0);
    const end = start + Number(q.get("limit") ?? 50);
    return json(200, { items: found.slice(start, end), next: end < found.length ? String(end) : null, total: found.length });
  }
  const asked = /^\/devices\/([^/]+)\/commands(?:\/([^/]+))?$/.exec(path);
  if (asked && req.method === "GET") return json(200, { items: commands.filter((c) => c.device === asked[1]), next: null });
  if (asked) {
    let text = "";
    req.on("data", (part) => (text += part));
    return req.on("end", () => {
      const command = { id: `c${commands.length}`, device: asked[1], name: asked[2], payload: JSON.parse(text), rule: null, alert: null, by: "pilot", state: "queued", asked_at: now,
        until: now + 1000 * Number(q.get("within") ?? 600), sent_at: null, ended_at: null, why: null, answer: null };
      commands.unshift(command);
      send("command", command);
      setTimeout(() => send("command", Object.assign(command, { state: "answered", sent_at: now + 30, ended_at: now + 900, answer: { id: command.id, state: "running" } })), 1000);
      json(202, { id: command.id, device: asked[1], name: asked[2], until: command.until });
    });
  }
  const worked = /^\/((devices|sites)\/[^/]+)\/maintenance$/.exec(path);
  if (worked) {
    let text = "";
    req.on("data", (part) => (text += part));
    return req.on("end", () => {
      if (req.method === "PUT") works[worked[1]] = { since: now, until: now + 1000 * JSON.parse(text).for_s, by: "pilot", why: JSON.parse(text).why };
      if (req.method === "DELETE") delete works[worked[1]];
      Array.from({ length: total }, (_, n) => n).filter((n) => worked[2] === "devices" && id(n) === worked[1].slice(8)).forEach((n) => send("device", device(n, now)));
      if (worked[2] === "sites") send("maintenance", { site: worked[1].slice(6), maintenance: works[worked[1]] ?? null });
      return req.method === "DELETE" ? res.writeHead(204).end() : json(200, works[worked[1]] ?? null);
    });
  }
  if (path === "/enrolments" && req.method === "POST") return body(({ devices, minutes }) => json(201, { items: devices.map((d) => makeLine(d, minutes)) }));
  if (path === "/enrolments") {
    const found = lines.filter((l) => (!q.get("state") || l.state === q.get("state")) && (!q.get("id") || l.id === q.get("id")));
    const from = Number(q.get("cursor") ?? 0);
    const to = from + Number(q.get("limit") ?? 100);
    return json(200, { items: found.slice(from, to), next: to < found.length ? String(to) : null });
  }
  if (path.startsWith("/enrolments/")) { lines.splice(lines.findIndex((l) => l.id === path.slice(12)), 1); return res.writeHead(204).end(); }
  if (path === "/certificates") {
    const found = certificates().filter((c) => (!q.get("state") || c.state === q.get("state")) && (!q.get("q") || `${c.id} ${c.serial}`.includes(q.get("q"))));
    return json(200, { items: found.slice(0, 50), next: null });
  }
  if (path === "/audit") return json(200, { items: recorded, next: null });
  const stood = /^\/devices\/([^/]+)\/(standing|replacement)$/.exec(path);
  if (stood) return body((b) => {
    standings[stood[1]] = stood[2] === "replacement" ? standings[stood[1]] : { state: b.state, since: now, reason: b.reason, by: "pilot" };
    return json(200, stood[2] === "replacement" ? makeLine({ id: stood[1], site: "hall-a" }, b.minutes) : { state: b.state, version: 7, before: now });
  });
  const command = /^\/commands\/([^/]+)$/.exec(path);
  if (command) return json(200, commands.find((c) => c.id === command[1]) ?? {});
  const one = /^\/devices\/([^/]+)(\/series|\/raw)?$/.exec(path);
  const aged = /^\/devices\/([^/]+)\/machine$/.exec(path);
  if (aged) return json(200, { health: past(Array.from({ length: total }, (_, i) => i).find((i) => id(i) === aged[1]) ?? 0, Number(q.get("from")), Number(q.get("to"))) });
  if (one) {
    const n = Array.from({ length: total }, (_, i) => i).find((i) => id(i) === one[1]);
    if (n === undefined) return json(404, { title: "No such device" });
    if (one[2]) return json(200, series(n, q, one[2] === "/raw" ? "raw" : "average"));
    return json(200, { ...device(n, now, true), sensors: sensors.map(([sensor, unit], s) => ({ sensor, unit, value: value(n, s, now), at: seen(n, now) })),
      report: { status: "warning", alerts: [{ level: "warning", message: "High memory usage" }], metrics: { device_id: id(n), timestamp: new Date(now).toISOString(), cpu_usage: 12.5, memory_usage: 86.2, disk_usage: 41.25, temperature: null, uptime: 86211, network: { bytes_sent: 123456789, bytes_recv: 71234 }, firmware_version: "1.4.2", slot: "a", boot_state: "confirmed" } },
      certificate: { serial: "4f1a99c02b7d", not_before: began - 86400000, not_after: began + 80 * 86400000, revoked: false }, alerts: active(n) });
  }
  const ruled = /^\/sites\/([^/]+)\/rules(\/.*)?$/.exec(path);
  if (ruled && !rules[ruled[1]]) return json(404, { title: "No such site" });
  if (ruled) {
    const list = rules[ruled[1]];
    const rest = ruled[2] ?? "";
    const wanted = list[Number(rest.split("/")[2]) - 1];
    if (req.method === "GET" && rest === "") return json(200, siteRules(ruled[1]));
    if (req.method === "GET" && rest === "/versions") return json(200, { items: [...list].reverse().map(({ text: _, ...v }) => v), next: null });
    if (req.method === "GET") return wanted ? json(200, wanted) : json(404, { title: "Not kept" });
    let text = "";
    req.on("data", (part) => (text += part));
    return req.on("end", () => {
      const again = rest.endsWith("/again");
      const faults = faulty(text);
      if (rest === "/check") return json(200, { count: faults.length, faults });
      if (rest.startsWith("/try") && faults.length === 0) return setTimeout(() => json(200, tried(ruled[1], now)), 1500);
      if (req.headers["if-match"] !== `"${list.length}"`) return json(412, { title: "Somebody was faster", detail: `version ${list.length} is the newest` });
      if (faults.length) return json(422, { title: "Faulty rules", detail: "faults", count: faults.length, faults });
      list.push({ version: list.length + 1, at: now, by: "pilot", comment: again ? `version ${wanted.version} again` : (q.get("comment") ?? ""), sha256: "00", text: again ? wanted.text : text });
      send("rules", { site: ruled[1] });
      json(200, siteRules(ruled[1]));
    });
  }
  if (path === "/alerts") {
    const state = q.get("state") ?? "active";
    const items = alerts.filter((a) => (state === "all" || (state === "active" ? a.state !== "cleared" : a.state === state)) && (!q.get("severity") || a.severity === q.get("severity")) &&
      (!q.get("device") || a.device === q.get("device")) && (!q.get("site") || a.site === q.get("site")));
    return json(200, { items, next: null });
  }
  if (path === "/notify") return json(200, setup());
  if (path === "/notifications") return json(200, { items: messages.filter((m) => (q.get("state") ?? "all") === "all" || m.state === q.get("state")), next: null });
  const trial = /^\/notify\/(channels|routes)\/([^/]+)\/test$/.exec(path);
  if (trial) {
    const to = trial[1] === "channels" ? [trial[2]] : setup().routes.find((r) => r.name === trial[2]).to;
    const items = to.map((channel, i) => ({ ...sent(`m${messages.length + 1 + i}`, channel, "sent", "test", `test: this is a message from Selvedge over channel ${channel}, sent by pilot`, began - now), severity: "info", count: 0 }));
    messages.unshift(...items);
    return json(202, { items: items.map(({ id, channel }) => ({ id, channel })) });
  }
  const told = /^\/notifications\/([^/]+)(\/retry)?$/.exec(path);
  if (told) {
    const message = messages.find((m) => m.id === told[1]);
    if (told[2]) Object.assign(message, { state: "waiting", due_at: now, tries: 0, error: null, done_at: undefined });
    return json(200, { ...message, text: "" });
  }
  if (/^\/alerts\/\d+\/timeline$/.test(path)) return json(200, { items: [
    { at: began - 240000, event: "raised", severity: "critical", message: "Value 83.21 exceeds high threshold" },
    { at: began - 229000, event: "notified", channel: "oncall", notification: "m3", about: "raised", tries: 1 },
    { at: began - 120000, event: "updated", severity: "critical", message: "Value 84.02 exceeds high threshold", count: 57 },
    { at: began - 100000, event: "acknowledged", message: "Value 84.02 exceeds high threshold", by: "ada" },
    { at: began - 90000, event: "retrying", channel: "mail", notification: "m9", about: "escalated", error: "STARTTLS: the mail server answers 454 not now", tries: 2 }] });
  const normal = /^\/alerts\/(\d+)\/normal$/.exec(path);
  if (normal && req.method === "POST") {
    const one = alerts.find((a) => a.id === normal[1]);
    Object.assign(one, { normal_at: now, normal_by: "pilot", state: "cleared", cleared_at: now });
    return json(200, one);
  }
  const ack = /^\/alerts\/(\d+)\/acknowledge$/.exec(path);
  const alert = ack && alerts.find((a) => a.id === ack[1]);
  if (!alert) return json(404, { title: "Not found" });
  const on = req.method === "POST";
  Object.assign(alert, { state: on ? "acknowledged" : "open", acknowledged_at: on ? now : null, acknowledged_by: on ? "pilot" : null });
  send("alert", alert);
  return json(200, alert);
}

createServer((req, res) => {
  const url = new URL(req.url, "http://x");
  if (url.pathname.startsWith("/api/v1")) return api(req, res, url);
  let file = normalize(url.pathname);
  if (!extname(file)) file = "/index.html";
  try {
    const body = readFileSync(join(dist, file));
    res.writeHead(200, { "Content-Type": types[extname(file)] ?? "application/octet-stream", "Content-Security-Policy": csp }).end(body);
  } catch {
    res.writeHead(404).end();
  }
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/#login=mock`));
