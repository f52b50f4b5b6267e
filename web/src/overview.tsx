import { useEffect } from "preact/hooks";
import { query, type Alert, type Overview as Data, type Site } from "./api";
import { bytes, count, rate } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { AlertRow, replaceAlert } from "./alerts";
import { Command, Empty, Failed, Icon, State, Time } from "./parts";

export function needing(data: Data): number {
  return data.health.warning + data.health.critical;
}

function Sentence({ data }: { data: Data }) {
  const need = needing(data);
  const offline = data.devices.offline;
  const mood = data.health.critical ? "critical" : need ? "warning" : offline ? "offline" : "healthy";
  const icon = mood === "healthy" ? "good" : mood;
  const text = need
    ? `${need} of ${count(data.devices.total, "machine")} ${need === 1 ? "needs" : "need"} you`
    : offline ? `${offline} of ${count(data.devices.total, "machine")} ${offline === 1 ? "is" : "are"} offline` : `All ${count(data.devices.total, "machine")} are well`;
  return (
    <p class={`headline is-${mood}`} aria-live="polite">
      <Icon name={icon} />
      <span>{text}</span>
    </p>
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

function SiteCard({ site }: { site: Site }) {
  const worst = site.critical ? "critical" : site.warning ? "warning" : site.online === 0 ? "offline" : "healthy";
  return (
    <li class="card">
      <div class="card-head">
        <h3><a href={"/devices" + query({ site: site.site })}>{site.site}</a></h3>
        <State is={worst} />
      </div>
      <Bar site={site} />
      <p>
        <span class="fig">{site.online}</span> of {count(site.devices, "machine")} online
        {site.critical > 0 && <> · <a href={"/devices" + query({ site: site.site, health: "critical" })}>{site.critical} critical</a></>}
        {site.warning > 0 && <> · <a href={"/devices" + query({ site: site.site, health: "warning" })}>{site.warning} warning</a></>}
        {site.alerts > 0 && <> · <a href={"/alerts" + query({ site: site.site })}>{count(site.alerts, "alert")}</a></>}
      </p>
      {site.gateways.map((g) => (
        <dl class="gateway">
          <div><dt>Gateway</dt><dd>{g.id} <State is={g.online ? "online" : "offline"} label={g.online ? "Link up" : "Link down"} /></dd></div>
          <div><dt>Heard</dt><dd><Time at={g.last_seen} /></dd></div>
          <div><dt>Readings</dt><dd>{rate(g.readings_per_s)} /s</dd></div>
          <div><dt>In → up</dt><dd>{bytes(g.bytes_in)} → {bytes(g.bytes_up)}</dd></div>
          <div><dt>Spool</dt><dd>{g.spool ? `${g.spool.toLocaleString()} waiting` : "empty"}</dd></div>
          {g.refused > 0 && <div><dt>Refused</dt><dd>{g.refused.toLocaleString()}</dd></div>}
        </dl>
      ))}
    </li>
  );
}

export function Overview() {
  const { data, error, again, set } = useLoad<Data>("/overview");
  const alerts = useLoad<{ items: Alert[]; next: string | null }>("/alerts?state=open&limit=20");
  const put = (alert: Alert) => alerts.set((old) => {
    const known = old.items.some((a) => a.id === alert.id);
    if (known) return { ...old, items: replaceAlert(old.items, alert) };
    return alert.state === "open" ? { ...old, items: [alert, ...old.items].slice(0, 50) } : old;
  });
  useEffect(() => on("overview", (fresh) => set(() => fresh)), []);
  useEffect(() => on("alert", put), []);
  const open = alerts.data?.items.filter((a) => a.state !== "cleared") ?? [];
  return (
    <>
      <h1 class="hidden">Overview</h1>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking how the machines are…</p>}
      {data && data.devices.total > 0 && <Sentence data={data} />}
      {data && (
        <dl class="figures">
          <div><dt>Online</dt><dd>{data.devices.online}<small> / {data.devices.total}</small></dd></div>
          <div><dt>Offline</dt><dd>{data.devices.offline}</dd></div>
          <div><dt>Open alerts</dt><dd>{data.alerts.open}<small> {data.alerts.critical} critical</small></dd></div>
          <div><dt>Readings</dt><dd>{rate(data.readings_per_s)}<small> /s</small></dd></div>
        </dl>
      )}
      {data && data.devices.total === 0 && (
        <Empty title="No machine has spoken yet.">
          <p>Twenty simulated machines, a gateway and this server start with one command:</p>
          <Command text="selvedge pilot" />
        </Empty>
      )}
      <div class="columns">
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
            <ul class="cards">{data.sites.map((s) => <SiteCard key={s.site} site={s} />)}</ul>
          </section>
        )}
      </div>
    </>
  );
}
