import { useEffect, useState } from "preact/hooks";
import { query, type Device } from "./api";
import { count, share } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { pace, paceOfRollouts } from "./pace";
import { Failed, State } from "./parts";
import { go } from "./router";
import { fits } from "./update-words";
import type { Image, Version, Versions as Known } from "./update-types";

const devicesOf = (q: string) => "/devices" + query({ query: q });
const rollOut = (q: string, image?: Image) => "/updates/new" + query({ query: q, image: image?.path });
const isReady = (i: Image) => i.complete && i.key !== "missing";

/* How many run something older than the newest image that is here, and the way to give it to them. */
function Older({ product, image, may, turn }: { product: string; image: Image; may: boolean; turn: number }) {
  const q = fits(product, "<", image.version);
  const { data, again } = useLoad<{ total: number }>("/devices" + query({ query: q, limit: 1 }));
  useEffect(() => { if (turn > 0) again(); }, [turn]);
  if (!data || data.total === 0) return null;
  return (
    <p class="act" data-older={data.total}>
      <a href={devicesOf(q)}>{count(data.total, "device")} run{data.total === 1 && "s"} something older than {image.version}</a>
      {may && <a class="button" href={rollOut(q, image)}>Roll out {image.version} to {data.total === 1 ? "it" : "them"}…</a>}
    </p>
  );
}

function Row({ version: v, most, all, may, newest }: { version: Version; most: number; all: number; may: boolean; newest?: Image }) {
  const q = fits(v.product, "=", v.version);
  return (
    <li>
      <a class="cut" href={devicesOf(q)}>{v.version}</a>
      <svg class="counts" viewBox={`0 0 ${most} 10`} preserveAspectRatio="none" aria-hidden="true"><rect class="part-version" width={v.devices} height="10" /></svg>
      <span class="fig">{v.devices.toLocaleString()} <small>{share(v.devices, all)}</small></span>
      {v.went_wrong > 0 && <span class="more-of"><State is="warning" label={`Went wrong on ${count(v.went_wrong, "device")}`} /></span>}
      {may && newest && newest.version !== v.version && <a class="button more-of" href={rollOut(q, newest)}>Roll out {newest.version} to {v.devices === 1 ? "it" : "them"}…<span class="hidden"> {count(v.devices, "device")} that run {v.version}</span></a>}
    </li>
  );
}

/* The versions of one product, the most common first. */
function Product({ name, versions, newest, may, turn }: { name: string; versions: Version[]; newest?: Image; may: boolean; turn: number }) {
  const all = versions.reduce((sum, v) => sum + v.devices, 0);
  const most = Math.max(1, ...versions.map((v) => v.devices));
  return (
    <div class="versions">
      <h3>{name || "Without a product name"} <small>{count(all, "device")}</small></h3>
      <ul>{versions.map((v) => <Row key={v.version} version={v} most={most} all={all} may={may} newest={newest} />)}</ul>
      {newest && versions.length > 2 && <Older product={name} image={newest} may={may} turn={turn} />}
    </div>
  );
}

/* Where a version has a hole: who runs it, or something older. */
function Below() {
  const [version, setVersion] = useState("");
  return (
    <form class="ask" onSubmit={(e) => { e.preventDefault(); go(devicesOf(fits("", "<", version.trim()))); }}>
      <label class="grow"><span>Who runs a version below</span><input name="below" required maxLength={64} placeholder="1.1" autocomplete="off" autocapitalize="none" spellcheck={false} value={version} onInput={(e) => setVersion(e.currentTarget.value)} /></label>
      <button type="submit">Show them</button>
    </form>
  );
}

function Diverging({ number, turn }: { number: number; turn: number }) {
  const { data, error, again } = useLoad<{ items: Device[] }>("/devices" + query({ query: "diverges", limit: 5 }));
  useEffect(() => { if (turn > 0) again(); }, [turn]);
  return (
    <section aria-labelledby="h-diverging" data-diverging={number}>
      <h2 id="h-diverging">Not what they should run <small>{count(number, "device")}</small></h2>
      {error && <Failed error={error} retry={again} />}
      <ul class="entries">
        {data?.items.map((d) => (
          <li class="entry" key={d.id} data-row tabIndex={-1}>
            <State is="warning" label="Differs" />
            <div class="entry-body"><p class="entry-text"><a href={`/devices/${encodeURIComponent(d.id)}#updates`}>{d.id}</a> <small>{d.site}</small></p><p>{d.diverges}</p></div>
          </li>
        ))}
      </ul>
      {data && number > data.items.length && <p><a href={devicesOf("diverges")}>All {number.toLocaleString()}</a></p>}
    </section>
  );
}

export function Versions({ images, may }: { images: Image[]; may: boolean }) {
  const { data, error, again } = useLoad<Known>("/versions");
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const rhythm = pace(() => { again(); setTurn((n) => n + 1); });
    const leave = on("update", paceOfRollouts(rhythm));
    return () => { leave(); rhythm.end(); };
  }, []);
  const products = new Map<string, Version[]>();
  for (const v of data?.items ?? []) {
    const name = v.product ?? "";
    const known = products.get(name) ?? [];
    const same = known.find((k) => k.version === v.version);
    if (same) Object.assign(same, { devices: same.devices + v.devices, went_wrong: Math.max(same.went_wrong, v.went_wrong) });
    else known.push({ ...v });
    products.set(name, known);
  }
  const newest = (name: string) => images.filter((i) => i.product === name && isReady(i)).sort((a, b) => b.counter - a.counter || b.at - a.at)[0];
  return (
    <div>
      {data && data.diverging > 0 && <Diverging number={data.diverging} turn={turn} />}
      <section aria-labelledby="h-versions">
        <h2 id="h-versions">What runs</h2>
        {error && <Failed error={error} retry={again} />}
        {data?.items.length === 0 && <p class="dim">No device has said yet which version it runs. An agent with <code>update:</code> in its configuration does, and so does every DDI client.</p>}
        {[...products].map(([name, versions]) => <Product key={name} name={name} versions={versions.sort((a, b) => b.devices - a.devices)} newest={newest(name)} may={may} turn={turn} />)}
        {products.size > 0 && <Below />}
      </section>
    </div>
  );
}
