/* The gateway's own page: what it knows by itself, also while nobody else can be reached. Everything that devices and people wrote is text. */
"use strict";

const every = 2000;
const shown = { devices: 200, commands: 20 };
const icons = {
  good: "M4 10.5l4 4 8-9", warning: "M10 3l8 14H2zM10 8v4M10 14.4v.3", critical: "M6.5 2.5h7l4 4v7l-4 4h-7l-4-4v-7zM10 6v5M10 13.6v.3",
  offline: "M4 4l12 12M10 3a7 7 0 1 0 .01 0", unknown: "M10 3a7 7 0 1 0 .01 0M7 10h6",
};
const stateIcon = { healthy: "good", online: "good", info: "unknown", notice: "unknown", warning: "warning", critical: "critical", offline: "offline" };
const commandLooks = {
  due: ["notice", "On its way"], sent: ["notice", "Given"], expired: ["offline", "No answer"], refused: ["warning", "Refused"],
  unsent: ["warning", "Not given"], answered: ["healthy", "Answered"], failed: ["critical", "Not done"],
};
const $ = (id) => document.getElementById(id);

/* el("p", "dim", "text", child, ...): whatever is no element becomes text. */
function el(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside.filter((part) => part !== null && part !== ""));
  return made;
}

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  for (const [key, value] of [["class", "icon"], ["viewBox", "0 0 20 20"], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  path.setAttribute("d", icons[name] ?? icons.unknown);
  svg.append(path);
  return svg;
}

const state = (is, label) => el("span", `state is-${is}`, icon(stateIcon[is] ?? "unknown"), el("span", "", label));
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const count = (n, one, many = `${one}s`) => `${n.toLocaleString()} ${n === 1 ? one : many}`;

function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 86400 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d`;
}

function num(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

/* Grows older by itself. */
function time(at, before = "", after = " ago") {
  const made = el("time");
  made.dateTime = new Date(at).toISOString();
  made.title = new Date(at).toLocaleString();
  Object.assign(made.dataset, { at, before, after });
  age(made);
  return made;
}
const age = (made) => (made.textContent = made.dataset.before + span(Date.now() - Number(made.dataset.at)) + made.dataset.after);

/* Drawn anew only when something changed, so that nothing moves under a finger and the focus stays. */
const drawn = new Map();
function draw(id, data, make) {
  const text = JSON.stringify(data);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  const focus = document.activeElement?.dataset?.key;
  $(id).replaceChildren(...make(data));
  if (focus) $(id).querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
}

/* A gateway's threshold alert says "Value 83.21 exceeds high threshold"; a shift lead says of what. */
function sentence(alert) {
  const found = /^Value (\S+) (exceeds high|below low) threshold$/.exec(alert.message);
  if (!found || !alert.sensor) return alert.message;
  return `${alert.sensor.replace(/[_-]+/g, " ")} ${found[2] === "below low" ? "below its low" : "above its high"} threshold (${num(Number(found[1]))})`;
}

const rank = (alert) => (alert.acknowledged ? 3 : 0) + ({ critical: 0, warning: 1 }[alert.severity] ?? 2);
const byUrgency = (a, b) => rank(a) - rank(b) || b.raised - a.raised;

function alertRow(alert) {
  const seen = alert.acknowledged;
  const row = el("li", `alert is-${alert.severity} ${seen ? "acknowledged" : "open"}`, state(alert.severity, capital(alert.severity)));
  row.dataset.id = alert.id;
  row.append(el("div", "alert-body",
    el("span", "alert-text", alert.device, ": ", sentence(alert)),
    el("p", "dim", time(alert.raised, "for ", ""), alert.rule ? ` · rule ${alert.rule}` : "",
      ...(seen ? [` · acknowledged by ${seen.by ?? "somebody"}${seen.here ? "" : " at the fleet server"} `, ...(seen.by ? [time(seen.at)] : [])] : []))));
  if (!seen) {
    const press = el("button", "", "Acknowledge", el("span", "hidden", ` ${alert.device}, ${sentence(alert)}`));
    press.type = "button";
    press.dataset.key = alert.id;
    press.addEventListener("click", () => acknowledge(alert, press));
    row.append(el("span", "act", press));
  }
  return row;
}

async function acknowledge(alert, press) {
  const by = $("who").value.trim();
  $("refused").textContent = by ? "" : "Say who you are, so that the next shift knows.";
  if (!by) return $("who").focus();
  press.disabled = true;
  try {
    await call(`/v1/alerts/${encodeURIComponent(alert.id)}/acknowledge`, { by });
    await look();
  } catch (error) {
    $("refused").textContent = error.message;
  }
  press.disabled = false;
}

function deviceRow(device) {
  const is = !device.online ? "offline" : device.health ?? "online";
  const counts = device.standing === "active";
  return el("li", "entry", state(counts ? is : "warning", capital(counts ? is : device.standing)), el("div", "entry-body", el("p", "entry-text", device.id),
    el("p", "dim", device.standing === "quarantined" ? "what it measures is set aside · " : "", device.type ? `${device.type} · ` : "", device.last_seen ? time(device.last_seen, "heard ") : "never heard")));
}

function commandRow(command) {
  const late = (command.state === "due" || command.state === "sent") && Date.now() > command.until;
  const [is, label] = commandLooks[late ? "expired" : command.state] ?? ["unknown", command.state];
  const { id: _id, ...answer } = command.answer ?? {};
  return el("li", "entry", state(is, label), el("div", "entry-body",
    el("p", "entry-text", `${command.device}: ${command.name} `, command.payload === null ? "" : el("code", "", JSON.stringify(command.payload))),
    el("p", "dim", command.rule ? `by the rule ${command.rule} ` : `by ${command.by ?? "the fleet server"} `, time(command.at), command.why ? ` · ${command.why}` : ""),
    Object.keys(answer).length && !command.why ? el("p", "", el("code", "", JSON.stringify(answer))) : null));
}

function maintenanceRow(work) {
  return el("li", "entry", state("notice", "Quiet"), el("div", "entry-body",
    el("p", "entry-text", work.device ?? "All of the site", work.why ? `: ${work.why}` : ""),
    el("p", "dim", `until ${new Date(work.until).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}, says ${work.by} `, time(work.since))));
}

/* What waits for the fleet server, in words. */
function waits(uplink) {
  const parts = [];
  if (uplink.spool_alerts) parts.push(count(uplink.spool_alerts, "alert"));
  if (uplink.spool) parts.push(count(uplink.spool, "value"));
  return parts.length ? `${parts.join(" and ")} ${parts.length === 1 && (uplink.spool_alerts || uplink.spool) === 1 ? "waits" : "wait"}` : "nothing waits";
}

function headline(status, alerts) {
  const unseen = alerts.items.filter((a) => !a.acknowledged);
  const worst = unseen.some((a) => a.severity === "critical") ? "critical" : unseen.length ? "warning" : "";
  if (status.store.full) return ["critical", "The disk is full: nothing is taken from devices until there is room"];
  if (!status.front.up) return ["critical", "Devices cannot be heard: the broker is away"];
  if (worst) return [worst, `${count(unseen.length, "alert waits", "alerts wait")} for an answer`];
  return alerts.open ? ["notice", `Nothing new, ${count(alerts.open, "known alert")}`] : ["healthy", "All is well at this site"];
}

function figure(name, value, small) {
  return el("div", "", el("dt", "", name), el("dd", "", value, small ? el("small", "", ` ${small}`) : ""));
}

function show([status, alerts, devices, commands]) {
  const { uplink } = status;
  $("what").hidden = false;
  const [mood, text] = headline(status, alerts);
  document.title = `${status.id} · Selvedge`;
  $("gateway").textContent = status.id;
  $("site").textContent = `Selvedge gateway of ${status.site}`;
  draw("headline", [mood, text], () => [icon(mood === "healthy" ? "good" : mood === "notice" ? "unknown" : mood), el("span", "", text)]);
  $("headline").className = `headline is-${mood}`;
  const link = !uplink.url ? ["None", "nothing is sent up"] : [uplink.up ? "Up" : "Down", uplink.up ? "" : "everything is kept here"];
  draw("figures", [devices.online, devices.total, alerts.open, link, waits(uplink), status.readings.per_s], () => [
    figure("Devices online", devices.online.toLocaleString(), `of ${devices.total.toLocaleString()}`),
    figure("Open alerts", alerts.open.toLocaleString(), ""),
    figure("Link to the fleet server", link[0], uplink.url ? `${link[1] ? `${link[1]}, ` : ""}${waits(uplink)}` : link[1]),
    figure("Readings", status.readings.per_s.toLocaleString(undefined, { maximumFractionDigits: 1 }), "per second"),
  ]);
  draw("alerts", alerts.items.sort(byUrgency), (items) => items.map(alertRow));
  $("alerts-note").textContent = alerts.items.length === 0 ? "No alert is open." : alerts.open > alerts.items.length ? `and ${alerts.open - alerts.items.length} more` : "";
  $("maintenance-part").hidden = status.maintenance.count === 0;
  draw("maintenance", status.maintenance.items, (items) => items.map(maintenanceRow));
  draw("devices", devices.items, (items) => items.map(deviceRow));
  $("devices-note").textContent = devices.total === 0 ? "No device has been heard yet." : devices.total > devices.items.length ? `and ${devices.total - devices.items.length} more` : "";
  draw("commands", [commands, commands.map((c) => Date.now() > c.until)], ([items]) => items.map(commandRow));
  $("commands-note").textContent = commands.length === 0 ? "Nothing was asked of a device yet." : "";
  $("foot").textContent = `version ${status.version}, up for ${span(status.uptime_s * 1000)}`;
}

/* Only the page's own door asks for a token; on this machine nobody does. */
function askToken() {
  $("login").hidden = false;
  $("what").hidden = true;
  drawn.delete("headline");
  $("headline").className = "headline";
  $("headline").textContent = "This page asks for its token";
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("login-refused").textContent = "";
  try {
    await call("/v1/session", { token: $("token").value });
    $("token").value = "";
    $("login").hidden = true;
    await look();
  } catch (error) {
    $("login-refused").textContent = error.message;
  }
});

async function call(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "X-Selvedge": "1", "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, { ...options, credentials: "same-origin", signal: AbortSignal.timeout(10000) }).catch(() => {
    throw new Error("The gateway does not answer. What is on the page stays.");
  });
  if (answer.status === 204) return {};
  if (answer.status === 401) askToken();
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.detail || data.title || `The gateway answered ${answer.status}.`);
  return data;
}

let heard = Date.now();
async function look() {
  try {
    show(await Promise.all([call("/v1/status"), call("/v1/alerts"), call(`/v1/devices?limit=${shown.devices}`), call(`/v1/commands?limit=${shown.commands}`)]));
    heard = Date.now();
    $("lost").replaceChildren();
  } catch (error) {
    if (!$("login").hidden) return;
    $("lost").replaceChildren(el("p", "banner", icon("offline"), el("span", "", `${error.message} It is `, time(heard, "", " old"), ".")));
  }
}

async function watch() {
  if (!document.hidden && $("login").hidden) await look();
  setTimeout(watch, every);
}

$("who").value = localStorage.getItem("who") ?? "";
$("who").addEventListener("input", () => localStorage.setItem("who", $("who").value.trim()));
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => document.querySelectorAll("time[data-at]").forEach(age), 1000);
watch();
