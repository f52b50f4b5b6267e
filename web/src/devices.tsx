import { memo } from "preact/compat";
import { useEffect, useRef, useState } from "preact/hooks";
import { call, query, type Device, type Key, type Points } from "./api";
import { count, unitText, num, words } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { WorkMark } from "./maintenance";
import { machineState, worry } from "./machine";
import { Chips, Command, condition, Empty, Failed, Spark, State, Time } from "./parts";
import { go, setQuery, usePlace } from "./router";

type Page = { items: Device[]; next: string | null; total: number };

function freshKey(key: Key, points: [number, number | null][]): Key {
  const values = points.filter((p) => p[1] !== null && p[0] > key.at);
  const last = values[values.length - 1];
  if (!last) return key;
  return { ...key, value: last[1], at: last[0], spark: [...key.spark, last[1] as number].slice(-24) };
}

export function applyPoints(items: Device[], points: Points): Device[] {
  const byDevice = new Map<string, Map<string, [number, number | null][]>>();
  for (const { d, s, p } of points) {
    if (!byDevice.has(d)) byDevice.set(d, new Map());
    byDevice.get(d)!.set(s, p);
  }
  let touched = false;
  const result = items.map((device) => {
    const fresh = byDevice.get(device.id);
    if (!fresh) return device;
    touched = true;
    const newest = Math.max(device.last_seen ?? 0, ...[...fresh.values()].map((p) => p[p.length - 1]?.[0] ?? 0));
    return { ...device, last_seen: newest, key: device.key?.map((k) => (fresh.has(k.sensor) ? freshKey(k, fresh.get(k.sensor)!) : k)) };
  });
  return touched ? result : items;
}

/* Its health, and what models worry about. */
function MachineCell({ device }: { device: Device }) {
  const health = device.machine?.health;
  const worried = worry(device);
  return (
    <td class={typeof health === "number" || worried ? "num machinecell" : "num"}>
      {typeof health === "number" && <State is={machineState(health)} label={String(health)} />}
      {worried && <span class="worry">{worried}</span>}
      {typeof health !== "number" && !worried && <span class="dim">–</span>}
    </td>
  );
}

const Row = memo(function Row({ device, version, machine }: { device: Device; version: boolean; machine: boolean }) {
  const href = `/devices/${encodeURIComponent(device.id)}`;
  return (
    <tr data-row tabIndex={-1} data-href={href} onClick={(e) => { if (!(e.target as Element).closest("a,button")) go(href); }}>
      <td><State is={condition(device)} /></td>
      <th scope="row"><a href={href}>{device.id}</a><WorkMark work={device.maintenance} /></th>
      <td class="wide">{device.site}</td>
      <td class="wide">{device.type ?? "–"}</td>
      <td class="keycell">
        <ul class="keylist">
          {(device.key ?? []).map((k) => (
            <li title={words(k.sensor)}>
              <span class="dim">{words(k.sensor)}</span>
              <span class="fig">{num(k.value)} <small>{unitText(k.unit)}</small></span>
              <Spark item={k} />
            </li>
          ))}
        </ul>
      </td>
      <td class="num">{device.alerts > 0 ? <a href={"/alerts" + query({ device: device.id })}>{device.alerts}<span class="hidden"> open alerts of {device.id}</span></a> : <span class="dim">0</span>}</td>
      {machine && <MachineCell device={device} />}
      {version && <td class="wide widest">{device.version ?? device.firmware_version ?? "–"}{device.diverges && <> <span title={device.diverges}><State is="warning" label="differs" /></span></>}</td>}
      <td><Time at={device.last_seen} /></td>
    </tr>
  );
});

export function Devices({ may, starts }: { may: boolean; starts: boolean }) {
  const { query: q } = usePlace();
  const values = { q: q.get("q") ?? "", site: q.get("site") ?? "", status: q.get("status") ?? "", health: q.get("health") ?? "", version: q.get("version") ?? "", query: q.get("query") ?? "", sort: q.get("sort") ?? "id" };
  const path = "/devices" + query({ ...values, limit: 50 });
  const { data, error, again, set } = useLoad<Page>(path);
  const sites = useLoad<{ sites: { site: string }[] }>("/overview");
  const [text, setText] = useState(values.q);
  const wait = useRef(0);
  useEffect(() => setText(values.q), [values.q]);
  useEffect(() => on("points", (p) => set((old) => {
    const items = applyPoints(old.items, p);
    return items === old.items ? old : { ...old, items };
  })), []);
  useEffect(() => on("device", (d) => set((old) =>
    old.items.some((o) => o.id === d.id) ? { ...old, items: old.items.map((o) => (o.id === d.id ? { ...o, ...d, key: o.key } : o)) } : old)), []);
  useEffect(() => on("maintenance", (m) => data?.items.some((d) => d.site === m.site) && again()), [data]);
  const type = (next: string) => {
    setText(next);
    clearTimeout(wait.current);
    wait.current = window.setTimeout(() => setQuery({ q: next }), 200);
  };
  const more = () => data?.next && call<Page>("/devices" + query({ ...values, limit: 50, cursor: data.next }))
    .then((page) => set((old) => ({ ...page, items: [...old.items, ...page.items.filter((d) => !old.items.some((o) => o.id === d.id))] })), again);
  const filtered = !!(values.q || values.site || values.status || values.health || values.version || values.query);
  const version = data?.items.some((d) => d.version ?? d.firmware_version) ?? false;
  const machine = data?.items.some((d) => typeof d.machine?.health === "number" || worry(d) !== "") ?? false;
  const names = sites.data?.sites.map((s) => s.site) ?? [];
  return (
    <>
      <div class="title"><h1>Devices</h1>{may && <a class="button" href="/identity/add">Add a device</a>}</div>
      <div class="filters">
        <label class="search">
          <span class="hidden">Search the devices</span>
          <input id="search" type="search" placeholder="Search id, site, type  ( / )" value={text} autocomplete="off"
            onInput={(e) => type((e.target as HTMLInputElement).value)} />
        </label>
        <Chips label="Status" value={values.status} pick={(v) => setQuery({ status: v })} choices={[["", "Any status"], ["online", "Online"], ["offline", "Offline"]]} />
        <Chips label="Health" value={values.health} pick={(v) => setQuery({ health: v })}
          choices={[["", "Any health"], ["critical", "Critical"], ["warning", "Warning"], ["healthy", "Healthy"], ["unknown", "Unknown"]]} />
        {values.version && <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ version: null })}>Version {values.version}<span class="hidden">, show all versions</span> ×</button>}
        {values.query && <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ query: null })}>{values.query === "diverges" ? "Not what they should run" : values.query}<span class="hidden">, show all devices</span> ×</button>}
        {values.query && starts && <a class="button" href={"/updates/new" + query({ query: values.query })}>Roll out to these…</a>}
        {(names.length > 1 || values.site) && (
          <label class="pick"><span>Site</span>
            <select value={values.site} onChange={(e) => setQuery({ site: (e.target as HTMLSelectElement).value })}>
              <option value="">all</option>
              {names.map((s) => <option value={s}>{s}</option>)}
            </select>
          </label>
        )}
      </div>
      {error && <Failed error={error} retry={again} />}
      <div class="listhead"><p class="dim" aria-live="polite">{!data ? "Asking for the devices…" : data.items.length < data.total ? `${data.items.length} of ${count(data.total, "device")} shown` : count(data.total, "device")}</p>
        <label class="pick"><span>Sort</span>
          <select value={values.sort} onChange={(e) => setQuery({ sort: (e.target as HTMLSelectElement).value.replace(/^id$/, "") })}>
            <option value="id">by name</option>
            <option value="urgency">most urgent first</option>
            <option value="machine">worst machine first</option>
            <option value="last_seen">last heard first</option>
          </select>
        </label>
      </div>
      {data && data.items.length === 0 && (filtered
        ? <Empty title="No device fits this search."><p><button type="button" onClick={() => go("/devices")}>Clear search and filters</button></p></Empty>
        : <Empty title="No device has spoken yet."><p>Simulated machines start with one command:</p><Command text="selvedge pilot" /></Empty>)}
      {data && data.items.length > 0 && (
        <table class="devices">
          <thead><tr>
            <th scope="col">Status</th><th scope="col">Device</th><th scope="col" class="wide">Site</th><th scope="col" class="wide">Type</th>
            <th scope="col" class="keycell">Key readings</th><th scope="col" class="num">Alerts</th>{machine && <th scope="col" class="num">Machine</th>}{version && <th scope="col" class="wide widest">Version</th>}<th scope="col">Last seen</th>
          </tr></thead>
          <tbody>{data.items.map((d) => <Row key={d.id} device={d} version={version} machine={machine} />)}</tbody>
        </table>
      )}
      {data?.next && <button type="button" class="more" onClick={more}>Show more devices</button>}
    </>
  );
}
