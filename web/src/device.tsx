import { useEffect, useMemo } from "preact/hooks";
import { query, type Alert, type DeviceDetail, type Session } from "./api";
import { alertSentence, bytes, capital, count, exact, millis, num, span, useNow, words } from "./format";
import { note, on } from "./live";
import { useLoad } from "./load";
import { AlertRow, byUrgency, mergeAlert } from "./alerts";
import { Chart, type Window } from "./chart";
import { Commands, useCommands } from "./commands";
import { MachineHealth } from "./machine";
import { DeviceUpdates } from "./device-updates";
import { ofDevice, WorkBanner, WorkButton } from "./maintenance";
import { StandingActs, StandingBanner } from "./standing";
import { Chips, condition, Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";

const ranges: Record<string, number> = { "5m": 300e3, "1h": 3600e3, "24h": 86400e3, "7d": 7 * 86400e3 };

function Sentence({ device, alerts }: { device: DeviceDetail; alerts: Alert[] }) {
  const now = useNow();
  const state = condition(device);
  const worst = alerts[0];
  let text: string;
  if (!device.online) text = device.last_seen ? `Silent for ${span(now - device.last_seen)}; the readings below are the last known.` : "It has never been heard.";
  else if (worst) text = `${capital(alertSentence(worst))}, for ${span(now - worst.raised_at)}.`;
  else if (device.health === "healthy") text = "Within its limits, no open alert.";
  else if (device.health === "unknown") text = "Sending readings, no open alert; it has not reported its health.";
  else text = `Its health report says ${device.health}.`;
  return <p class="sentence"><State is={state} /> {text}</p>;
}

/* Two clocks apart: nobody here knows which of them is right. */
function Clock({ ahead }: { ahead: number }) {
  const off = Math.abs(ahead);
  return <p class="dim">Its clock is {off > 400 * 864e5 ? "years" : span(off)} {ahead > 0 ? "ahead of" : "behind"} its gateway's.</p>;
}

function Certificate({ device }: { device: DeviceDetail }) {
  const now = useNow();
  const c = device.certificate;
  if (!c) return <p class="dim">No certificate is known for this device.</p>;
  const left = millis(c.not_after) - now;
  const state = c.revoked || left < 0 ? "critical" : left < 14 * 86400e3 ? "warning" : "healthy";
  const label = c.revoked ? "Revoked" : left < 0 ? "Expired" : `Valid for ${span(left)}`;
  return (
    <>
      <State is={state} label={label} />
      <dl class="facts">
        <div><dt>Ends</dt><dd>{exact(c.not_after)}</dd></div>
        <div><dt>Began</dt><dd>{exact(c.not_before)}</dd></div>
        <div><dt>Serial</dt><dd><code>{c.serial}</code></dd></div>
      </dl>
    </>
  );
}

const none: Alert[] = [];
function bySensor(alerts: Alert[]): Map<string, Alert[]> {
  const all = new Map<string, Alert[]>();
  for (const a of alerts) if (a.sensor) all.set(a.sensor, [...(all.get(a.sensor) ?? []), a]);
  return all;
}

const labels: Record<string, string> = {
  timestamp: "reported", "CPU usage": "CPU", "memory usage": "memory", "disk usage": "disk", "network bytes sent": "network, sent",
  "network bytes recv": "network, received", uptime: "running for", temperature: "CPU temperature", "firmware version": "firmware",
};

function plain(value: unknown, name = ""): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number" && /(percent|usage)$/.test(name)) return `${num(value)} %`;
  if (typeof value === "number" && /bytes/.test(name)) return bytes(value);
  if (typeof value === "number" && name === "temperature") return `${num(value)} °C`;
  if (typeof value === "number" && /uptime/.test(name)) return span(value * 1000);
  if (typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)) return exact(value);
  if (typeof value === "number") return Number.isInteger(value) ? value.toLocaleString() : num(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}

function facts(report: Record<string, unknown>, prefix = ""): [string, string][] {
  return Object.entries(report).flatMap(([key, value]): [string, string][] => {
    const name = prefix && prefix !== "metrics" ? `${prefix} ${words(key)}` : words(key);
    if (value === null || key === "device_id" || (key === "status" && !prefix)) return [];
    if (key === "alerts" && Array.isArray(value)) return value.length ? [["findings", value.map((a) => a?.message ?? plain(a)).join("; ")]] : [];
    if (Array.isArray(value)) return [[name, value.every((v) => typeof v !== "object") ? value.map((v) => plain(v)).join(", ") : JSON.stringify(value)]];
    if (value && typeof value === "object") return facts(value as Record<string, unknown>, name);
    if (typeof value === "number" && value > 1e12) return [[name, exact(value)]];
    return [[name.replace(/ (percent|s|seconds)$/, ""), plain(value, key)]];
  });
}

export function Device({ id, session }: { id: string; session: Session }) {
  const may = session.role !== "viewer";
  const { query: q } = usePlace();
  const { data, error, missing, again, set } = useLoad<DeviceDetail>(`/devices/${encodeURIComponent(id)}`);
  const range = ranges[q.get("range") ?? ""] ? q.get("range")! : "5m";
  const from = Number(q.get("from")) || 0;
  const to = Number(q.get("to")) || 0;
  const zoomed = from > 0 && to > from;
  const view = useMemo<Window>(() => ({ span: ranges[range]!, from: zoomed ? from : 0, to: zoomed ? to : 0 }), [range, from, to]);
  const alerts = [...(data?.alerts ?? [])].sort(byUrgency);
  const history = useLoad<{ items: Alert[] }>("/alerts" + query({ state: "all", device: id, limit: 200 }));
  const past = history.data?.items;
  const marks = useMemo(() => bySensor(past ?? []), [past]);
  const commands = useCommands(id);
  const put = (alert: Alert) => {
    if (alert.device !== id) return;
    set((old) => ({ ...old, alerts: mergeAlert(old.alerts, alert, true).filter((a) => a.state !== "cleared") }));
    history.set((old) => ({ items: mergeAlert(old.items, alert, true) }));
  };
  useEffect(() => on("alert", put), [id]);
  /* A row of the list knows the standing as a word; here it has a reason, too. */
  useEffect(() => on("device", (d) => {
    if (d.id !== id) return;
    if (d.standing !== (data?.standing?.state ?? "active")) again();
    set((old) => ({ ...old, ...d, alerts: old.alerts, standing: old.standing }));
  }), [id, data?.standing?.state]);
  useEffect(() => on("maintenance", (m) => m.site === data?.site && again()), [data?.site]);
  useEffect(() => on("points", (all) => {
    const mine = all.filter((x) => x.d === id);
    const newest = Math.max(0, ...mine.map((x) => x.p[x.p.length - 1]?.[0] ?? 0));
    if (newest) set((old) => {
      const known = new Set(old.sensors.map((s) => s.sensor));
      if (mine.some((x) => !known.has(x.s))) setTimeout(again, 500);
      return { ...old, last_seen: Math.max(old.last_seen ?? 0, newest) };
    });
  }), [id]);
  useEffect(() => data?.sensors.forEach((s) => note(id, s.sensor, s.value)), [!data]);
  const zoom = (a: number, b: number) => setQuery({ from: String(Math.floor(a)), to: String(Math.ceil(b)) });
  const back = () => setQuery({ from: null, to: null });
  if (missing) return <><h1>{id}</h1><Empty title="No device of this name is known."><p><a href="/devices">Back to all devices</a></p></Empty></>;
  return (
    <>
      <p class="crumb"><a href="/devices">Devices</a></p>
      <div class="title"><h1>{id}</h1>{data && may && <WorkButton place={ofDevice(id)} done={again} />}</div>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking for the device…</p>}
      {data && (
        <>
          <WorkBanner work={data.maintenance} place={ofDevice(id)} site={data.site} may={may} done={again} />
          <StandingBanner standing={data.standing} />
          <Sentence device={data} alerts={alerts} />
          <p class="dim">{[capital(data.type ?? "machine"), data.site, data.firmware_version && `firmware ${data.firmware_version}`].filter(Boolean).join(" · ")} · <Time at={data.last_seen} prefix="heard " /></p>
          {data.clock_ahead !== null && <Clock ahead={data.clock_ahead} />}
          {alerts.length > 0 && (
            <section aria-labelledby="h-open">
              <h2 id="h-open">{count(alerts.length, "active alert")}</h2>
              <ul class="alerts">{alerts.map((a) => <AlertRow key={a.id} alert={a} done={put} />)}</ul>
            </section>
          )}
          <MachineHealth device={id} machine={data.machine} life={data.life} failure={data.failure} />
          <section aria-labelledby="h-readings">
            <div class="section-head">
              <h2 id="h-readings">Readings</h2>
              <Chips label="Time range" value={zoomed ? "" : range} choices={Object.keys(ranges).map((r) => [r, r])}
                pick={(r) => setQuery({ range: r === "5m" ? null : r, from: null, to: null })} />
              {zoomed && <button type="button" onClick={back}>Back to live</button>}
            </div>
            {zoomed && <p class="dim">{exact(from)} to {exact(to)}</p>}
            {data.sensors.length === 0 && <Empty title="It has not sent a reading yet."><p>Charts appear here with the first one.</p></Empty>}
            <div class="charts">
              {data.sensors.map((s) => <Chart key={s.sensor} device={id} sensor={s.sensor} unit={s.unit} value={s.value} online={data.online} alerts={marks.get(s.sensor) ?? none} commands={commands.items} view={view} zoom={zoom} back={back} />)}
            </div>
          </section>
          <Commands device={data} may={may} of={commands} />
          <DeviceUpdates device={id} session={session} />
          <div class="columns even">
            <section aria-labelledby="h-health">
              <h2 id="h-health">Health</h2>
              {data.report && <State is={String(data.report.status ?? "unknown")} />}
              {data.report
                ? <dl class="facts">{facts(data.report).slice(0, 40).map(([k, v]) => <div><dt>{capital(labels[k] ?? k)}</dt><dd>{v}</dd></div>)}</dl>
                : <p class="dim">It has not sent a health report. An agent sends one by itself; other devices publish to <code>health/{id}</code>.</p>}
            </section>
            <section aria-labelledby="h-cert">
              <h2 id="h-cert">Identity</h2>
              <Certificate device={data} />
              {may && <StandingActs device={data} done={again} />}
              <p><a href={`/alerts?state=all&device=${encodeURIComponent(id)}`}>All alerts of this device</a></p>
            </section>
          </div>
        </>
      )}
    </>
  );
}
