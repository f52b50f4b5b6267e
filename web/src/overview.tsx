import { useEffect, useRef } from "preact/hooks";
import { query, type Alert, type Device as Item, type Gateway, type Key, type Overview as Data, type Site } from "./api";
import { bytes, count, num, rate, share, unitText, words, percent } from "./format";
import { note, on } from "./live";
import { useLoad } from "./load";
import { AlertRow, byUrgency, mergeAlert, useMissed } from "./alerts";
import { applyPoints } from "./devices";
import { ofSite, WorkBanner, WorkButton, WorkMark } from "./maintenance";
import { Command, condition, Empty, Failed, Icon, Spark, State, Time } from "./parts";

function Sentence({ data }: { data: Data }) {
  const need = data.needing.total;
  const { total, offline } = data.devices;
  const known = data.health.warning + data.health.critical;
  const mood = data.needing.critical ? "critical" : need ? "warning" : offline ? "offline" : known ? "notice" : "healthy";
  const icon = mood === "healthy" ? "good" : mood === "notice" ? "unknown" : mood;
  const text = need
    ? `${need} of ${count(total, "machine")} ${need === 1 ? "needs" : "need"} you${offline ? `, ${offline} ${offline === 1 ? "is" : "are"} offline` : ""}`
    : offline ? `${offline} of ${count(total, "machine")} ${offline === 1 ? "is" : "are"} offline`
    : known ? `Nothing new, ${count(known, "known problem")}`
    : total === 1 ? "The one machine is well" : `All ${count(total, "machine")} are well`;
  return (
    <p class={`headline is-${mood}`} aria-live="polite">
      <Icon name={icon} />
      <span>{text}</span>
    </p>
  );
}

function Figures({ data }: { data: Data }) {
  const gateways = data.sites.flatMap((s) => s.gateways);
  const into = gateways.reduce((sum, g) => sum + g.bytes_in, 0);
  const up = gateways.reduce((sum, g) => sum + g.bytes_up, 0);
  const { total, online, offline } = data.devices;
  return (
    <dl class="figures">
      <div><dt>Machines online</dt><dd>{online.toLocaleString()}<small> of {total.toLocaleString()}
        {offline > 0 && <> · <a href="/devices?status=offline">{offline.toLocaleString()} offline</a></>}</small></dd></div>
      <div><dt>Open alerts</dt><dd>{data.alerts.open.toLocaleString()}<small>
        {data.alerts.critical > 0 && ` ${data.alerts.critical} critical`}
        {data.alerts.acknowledged > 0 && <> · <a href="/alerts?state=acknowledged">{data.alerts.acknowledged} acknowledged</a></>}</small></dd></div>
      <div><dt>Readings</dt><dd>{rate(data.readings_per_s)}<small> per second</small></dd></div>
      <div><dt>Sent up</dt><dd>{share(up, into)}<small> of {bytes(into)} in</small></dd></div>
    </dl>
  );
}

function Bar({ site }: { site: Site }) {
  const total = Math.max(1, site.devices);
  const rest = Math.max(0, site.devices - site.healthy - site.warning - site.critical);
  const parts: [string, number][] = [["healthy", site.healthy], ["warning", site.warning], ["critical", site.critical], ["unknown", rest]];
  let x = 0;
  return (
    <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img"
      aria-label={parts.filter(([, n]) => n > 0).map(([k, n]) => `${n} ${k}`).join(", ") || "no machines"}>
      {parts.map(([kind, n]) => {
        const start = x;
        x += (n / total) * 100;
        return <rect class={`fill-${kind}`} x={start} y="0" width={(n / total) * 100} height="6" />;
      })}
    </svg>
  );
}

/* What had to go before it was sent; empty when nothing had to. */
function lost({ dropped: d }: Gateway): string {
  const parts: [number, string][] = [[d.alerts, "alert"], [d.minutes, "minute"], [d.averages, "average"]];
  return parts.filter(([n]) => n > 0).map(([n, one]) => count(n, one)).join(", ");
}

function SiteCard({ site, may, done }: { site: Site; may: boolean; done: () => void }) {
  const worst = site.critical ? "critical" : site.warning ? "warning" : site.online === 0 ? "offline" : site.healthy ? "healthy" : "online";
  return (
    <li class="card">
      <div class="card-head">
        <h3><a href={"/devices" + query({ site: site.site })}>{site.site}</a></h3>
        <State is={worst} />
      </div>
      <WorkBanner work={site.maintenance} place={ofSite(site.site)} site={site.site} may={may} done={done} />
      <Bar site={site} />
      <p>
        <span class="fig">{site.online}</span> of {count(site.devices, "machine")} online
        {site.critical > 0 && <> · <a href={"/devices" + query({ site: site.site, health: "critical" })}>{site.critical} critical</a></>}
        {site.warning > 0 && <> · <a href={"/devices" + query({ site: site.site, health: "warning" })}>{count(site.warning, "warning")}</a></>}
        {site.alerts > 0 && <> · <a href={"/alerts" + query({ site: site.site })}>{count(site.alerts, "open alert")}</a></>}
      </p>
      {site.available !== undefined && (
        <p data-available={site.available}>
          Its machines were served <span class="fig">{percent(site.available)}</span> of 30 days{site.gateways.length > 1 && `, on average of ${site.gateways.length} gateways`}
        </p>
      )}
      {site.gateways.map((g) => (
        <dl class="gateway">
          <div><dt>Gateway</dt><dd>{g.id} <State is={g.online ? "online" : "offline"} label={g.online ? "Link up" : "Link down"} /></dd></div>
          <div><dt>Heard</dt><dd><Time at={g.last_seen} /></dd></div>
          <div><dt>Readings</dt><dd>{rate(g.readings_per_s)} per second</dd></div>
          <div><dt>Sent up</dt><dd>{bytes(g.bytes_up)} of {bytes(g.bytes_in)} in{g.bytes_in > 0 && <>, {share(g.bytes_up, g.bytes_in)}</>}</dd></div>
          {g.available !== undefined && site.gateways.length > 1 && <div><dt>Served its machines</dt><dd>{percent(g.available)} of 30 days</dd></div>}
          {g.full && <div><dt>Disk</dt><dd><State is="critical" label="Full: nothing is taken" /></dd></div>}
          <div><dt>Waiting to be sent</dt><dd>{g.spool.toLocaleString()}{g.spool_fill >= 0.01 && <>, {share(g.spool_fill, 1)} of what may wait</>}</dd></div>
          {lost(g) && <div><dt>Lost for want of room</dt><dd>{lost(g)}</dd></div>}
          {g.refused > 0 && <div><dt>Refused</dt><dd>{g.refused.toLocaleString()}</dd></div>}
        </dl>
      ))}
      {may && !site.maintenance && <div class="act"><WorkButton place={ofSite(site.site)} done={done} /></div>}
    </li>
  );
}

const tiles = 24;

/* The reading that says most: the one an alert is about, else the temperature, else the first. */
function telling(device: Item, alerts: Alert[]): Key | undefined {
  const sensor = alerts.find((a) => a.device === device.id)?.sensor;
  const keys = device.key ?? [];
  return keys.find((k) => k.sensor === sensor) ?? keys.find((k) => k.sensor === "temperature") ?? keys[0];
}

function Tile({ device, alerts }: { device: Item; alerts: Alert[] }) {
  const is = condition(device);
  const key = telling(device, alerts);
  return (
    <li class={`tile is-${is}`} data-row tabIndex={-1} title={key && words(key.sensor)}>
      <a href={`/devices/${encodeURIComponent(device.id)}`}>{device.id}</a>
      <span class="tile-state"><WorkMark work={device.maintenance} short /><State is={is} /></span>
      {key
        ? <><span class="tile-value"><span class="fig">{num(key.value)}</span> <small>{unitText(key.unit)} <span class={key.unit === "%" ? "" : "hidden"}>{words(key.sensor)}</span></small></span><Spark item={key} /></>
        : <small class="tile-value">no reading yet</small>}
    </li>
  );
}

function Machines({ needing, alerts }: { needing: number; alerts: Alert[] }) {
  const { data, error, again, set } = useLoad<{ items: Item[]; total: number }>(`/devices?sort=urgency&limit=${tiles}`);
  const asked = useRef(needing);
  useEffect(() => data?.items.forEach((d) => d.key?.forEach((k) => note(d.id, k.sensor, k.value))), [!data]);
  useEffect(() => {
    if (asked.current !== needing) again();
    asked.current = needing;
  }, [needing]);
  useEffect(() => on("points", (p) => set((old) => {
    const items = applyPoints(old.items, p);
    return items === old.items ? old : { ...old, items };
  })), []);
  useEffect(() => on("maintenance", again), []);
  useEffect(() => on("device", (d) => {
    set((old) => ({ ...old, items: old.items.map((o) => (o.id === d.id ? { ...o, ...d, key: o.key } : o)) }));
  }), []);
  if (error) return <Failed error={error} retry={again} />;
  if (!data || data.items.length === 0) return null;
  return (
    <section aria-labelledby="h-machines">
      <h2 id="h-machines">Machines <small>{data.total > data.items.length ? `the ${data.items.length} most urgent of ${data.total.toLocaleString()}` : "most urgent first"}</small></h2>
      <ul class="tiles">{data.items.map((d) => <Tile key={d.id} device={d} alerts={alerts} />)}</ul>
      {data.total > data.items.length && <p><a href="/devices?sort=urgency">All machines</a></p>}
    </section>
  );
}

export function Overview({ may }: { may: boolean }) {
  const { data, error, again, set } = useLoad<Data>("/overview");
  const alerts = useLoad<{ items: Alert[]; next: string | null }>("/alerts?state=open&limit=20");
  const put = (alert: Alert) => alerts.set((old) => ({ ...old, items: mergeAlert(old.items, alert, alert.state === "open").slice(0, 50) }));
  useMissed(alerts.data?.items, !!alerts.data && !alerts.data.next, alerts.again);
  useEffect(() => on("overview", (fresh) => set(() => fresh)), []);
  useEffect(() => on("alert", put), []);
  const open = alerts.data?.items.filter((a) => a.state !== "cleared").sort(byUrgency) ?? [];
  return (
    <>
      <h1 class="hidden">Overview</h1>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking how the machines are…</p>}
      {data && data.devices.total > 0 && <Sentence data={data} />}
      {data && <Figures data={data} />}
      {data && data.devices.total === 0 && (
        <Empty title="No machine has spoken yet.">
          <p>Twenty simulated machines, a gateway and this server start with one command:</p>
          <Command text="selvedge pilot" />
        </Empty>
      )}
      <div class="columns three">
        <section aria-labelledby="h-alerts">
          <h2 id="h-alerts">Open alerts</h2>
          {alerts.error && <Failed error={alerts.error} retry={alerts.again} />}
          {alerts.data && open.length === 0 && <p class="dim">No open alerts. Acknowledged and past ones are in <a href="/alerts?state=all">the inbox</a>.</p>}
          {open.length > 0 && <ul class="alerts">{open.map((a) => <AlertRow key={a.id} alert={a} done={put} />)}</ul>}
          {alerts.data?.next && <p><a href="/alerts">All alerts</a></p>}
        </section>
        {data && data.sites.length > 0 && (
          <section aria-labelledby="h-sites">
            <h2 id="h-sites">Sites</h2>
            <ul class="cards">{data.sites.map((s) => <SiteCard key={s.site} site={s} may={may} done={again} />)}</ul>
          </section>
        )}
        {data && data.devices.total > 0 && <Machines needing={data.needing.total} alerts={open} />}
      </div>
    </>
  );
}
