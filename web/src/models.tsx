import { useEffect, useState } from "preact/hooks";
import { call, type Overview, type Session } from "./api";
import { Confirm } from "./confirm";
import { bytes, count, span } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Command, Empty, Failed, State, Time } from "./parts";

type Version = { name: string; version: number; at: number; by: string; sha256: string; row_s: number; horizon_s: number; confidence: number; bytes: number; card: string };
type Place = { site: string; name: string; live: number; shadow: number; before: number; at: number; by: string; why?: string };
type Told = { name: string; version: number; task?: "rul" | "class"; mode: "live" | "shadow" | "withdrawn" | "refused"; machines: number; alarms: number; strange: number; ended: number; wrong: number; why?: string };
type Gateway = { id: string; site: string; models: Told[] };
type Models = { items: Version[]; places: Place[]; gateways: Gateway[] };
type Deed = { site: string; name: string; do: "shadow" | "live" | "rollback" | "off"; version?: number };

const looks: Record<Told["mode"], [string, string]> = { live: ["healthy", "Live"], shadow: ["notice", "In shadow"], withdrawn: ["warning", "Withdrawn"], refused: ["critical", "Refused"] };
const isBad = (t: Told) => t.mode === "withdrawn" || t.mode === "refused";

function Sentence({ models }: { models: Models }) {
  const bad = models.gateways.flatMap((g) => g.models.filter(isBad).map((t) => ({ gateway: g.id, ...t })));
  const live = models.places.filter((p) => p.live > 0);
  const shadow = models.places.filter((p) => p.shadow > 0).length;
  const first = bad[0];
  if (first) return <p class="sentence" role="status"><State is="warning" label={`${first.gateway} has ${first.mode} ${first.name}, version ${first.version}${bad.length > 1 ? `, and ${bad.length - 1} more` : ""}.`} /></p>;
  if (live.length === 0 && shadow === 0) return <p class="sentence" role="status"><State is="unknown" label="No model runs." /></p>;
  const names = new Set(live.map((p) => p.name)).size, sites = new Set(live.map((p) => p.site)).size;
  const text = live.length === 0 ? `${count(shadow, "model")} in shadow, none live.` : `${count(names, "model")} live at ${count(sites, "site")}${shadow > 0 ? `, ${shadow} in shadow` : ""}.`;
  return <p class="sentence" role="status"><State is="healthy" label={text} /></p>;
}

/* What one gateway says of one version. */
function Word({ gateway, told: t }: { gateway: string; told: Told }) {
  const [is, label] = looks[t.mode];
  return (
    <li data-told={t.version} data-mode={t.mode}>
      <State is={is} label={label} /> <span>version {t.version} at {gateway}</span>
      {t.mode !== "refused" && (
        <p class="dim">
          {count(t.machines, "machine")} · {t.mode === "shadow" ? `would have alarmed ${count(t.alarms, "time")}` : count(t.alarms, "alarm")} · {Math.round(100 * t.strange)} % unlike what it has learnt from ·{" "}
          {t.task === "class" ? "names what is wrong · " : ""}{t.ended > 0 ? `wrong about ${t.wrong} of the last ${count(t.ended, "life", "lives")}` : "no life has ended yet"}
        </p>
      )}
      {t.why && <p>{t.why}</p>}
    </li>
  );
}

function Acts({ place: p, ask }: { place: Place; ask: (deed: Deed) => void }) {
  const deed = (what: Deed["do"]) => () => ask({ site: p.site, name: p.name, do: what });
  return (
    <p class="act">
      {p.shadow > 0 && <button type="button" onClick={deed("live")}>Make version {p.shadow} live…</button>}
      {p.live > 0 && <button type="button" onClick={deed("rollback")}>{p.before > 0 ? `Go back to version ${p.before}…` : "Back into the shadow…"}</button>}
      <button type="button" class="quiet" onClick={deed("off")}>Stop {p.name}…<span class="hidden"> at {p.site}</span></button>
    </p>
  );
}

function PlaceRow({ place: p, gateways, may, ask }: { place: Place; gateways: Gateway[]; may: boolean; ask: (deed: Deed) => void }) {
  const words = gateways.filter((g) => g.site === p.site).flatMap((g) => g.models.filter((t) => t.name === p.name).map((told) => ({ id: g.id, told })));
  const is = words.some((w) => isBad(w.told)) ? "warning" : p.live > 0 ? "healthy" : "notice";
  return (
    <li class="entry" data-row data-place={`${p.site}/${p.name}`} data-live={p.live} data-shadow={p.shadow} tabIndex={-1}>
      <State is={is} label={p.live > 0 ? "Live" : "In shadow"} />
      <div class="entry-body">
        <p class="entry-text">{p.name} <small>{p.site}</small></p>
        <p class="dim">
          {p.live > 0 ? `version ${p.live} raises alerts` : "nothing is raised"}{p.shadow > 0 && `, version ${p.shadow} is watched in shadow`} · {p.by === "fleet" ? "by the server itself" : `by ${p.by}`} <Time at={p.at} />
        </p>
        {p.why && <p>{p.why}</p>}
        {words.length > 0 ? <ul class="words">{words.map((w) => <Word key={w.id + w.told.version} gateway={w.id} told={w.told} />)}</ul> : <p class="dim">Its gateways have not said yet that they run it.</p>}
        {may && <Acts place={p} ask={ask} />}
      </div>
    </li>
  );
}

function Ready({ version: v, sites, ask }: { version: Version; sites: string[]; ask: (deed: Deed) => void }) {
  const [site, setSite] = useState("");
  const chosen = site || sites[0];
  if (!chosen) return null;
  return (
    <p class="act">
      {sites.length > 1 && (
        <label>At <select value={chosen} onChange={(e) => setSite(e.currentTarget.value)}>{sites.map((s) => <option value={s}>{s}</option>)}</select><span class="hidden"> version {v.version} of {v.name}</span></label>
      )}
      <button type="button" onClick={() => ask({ site: chosen, name: v.name, do: "shadow", version: v.version })}>Watch in shadow{sites.length > 1 ? "" : ` at ${chosen}`}…<span class="hidden"> version {v.version} of {v.name}</span></button>
    </p>
  );
}

function VersionRow({ version: v, places, sites, may, ask }: { version: Version; places: Place[]; sites: string[]; may: boolean; ask: (deed: Deed) => void }) {
  const mine = places.filter((p) => p.name === v.name);
  const live = mine.some((p) => p.live === v.version);
  const shadow = mine.some((p) => p.shadow === v.version);
  const free = sites.filter((s) => !mine.some((p) => p.site === s && (p.live === v.version || p.shadow === v.version)));
  return (
    <li class="entry" data-row data-version={`${v.name}/${v.version}`} tabIndex={-1}>
      <State is={live ? "healthy" : shadow ? "notice" : "unknown"} label={live ? "Live" : shadow ? "In shadow" : "Runs nowhere"} />
      <div class="entry-body">
        <p class="entry-text">{v.name} <small>version {v.version}</small></p>
        <p class="dim">Alerts when {v.horizon_s > 0 ? `failing within ${span(1000 * v.horizon_s)}` : "something wrong"} is {Math.round(100 * v.confidence)} % likely · rows of {span(1000 * v.row_s)} · {bytes(v.bytes)} · put by {v.by} <Time at={v.at} /></p>
        {v.card && <details><summary>What it was made from, and how good it is</summary><pre class="card">{v.card}</pre></details>}
        {may && <Ready version={v} sites={free} ask={ask} />}
      </div>
    </li>
  );
}

const questions: Record<Deed["do"], [string, string, string]> = {
  shadow: ["Watch", "It is run at every machine that has its sensors, and raises nothing: afterwards you see how often it would have alarmed.", "Watch it"],
  live: ["Make live", "From now on it raises FAILURE alerts. What is live now is kept, so that you can go back.", "Make it live"],
  rollback: ["Go back", "What is live now raises nothing more; it goes on being watched in shadow.", "Go back"],
  off: ["Stop", "Nothing of it runs at this site any more, and its alerts are over.", "Stop it"],
};

function Question({ deed: d, close, done }: { deed: Deed; close: () => void; done: () => void }) {
  const [title, text, yes] = questions[d.do];
  const run = () => call(`/sites/${encodeURIComponent(d.site)}/models/${encodeURIComponent(d.name)}`, "POST", { do: d.do, ...(d.version ? { version: d.version } : {}) }).then(done);
  return <Confirm title={`${title}: ${d.name}${d.version ? `, version ${d.version},` : ""} at ${d.site}?`} yes={yes} danger={d.do === "off"} run={run} close={close}><p>{text}</p></Confirm>;
}

function Versions({ models, sites, may, ask }: { models: Models; sites: string[]; may: boolean; ask: (deed: Deed) => void }) {
  return (
    <section aria-labelledby="h-versions">
      <h2 id="h-versions">Versions</h2>
      {models.items.length === 0 && (
        <Empty title="There is no model yet.">
          <p>One is trained from how machines have lived, signed with a key that your gateways know, and put here:</p>
          <Command text={`selvedge model put press.model --name press --signature press.sig --row 4h --horizon 14d --confidence 0.3 --url ${location.origin}`} />
        </Empty>
      )}
      {models.items.length > 0 && <ul class="entries" aria-label="Versions">{[...models.items].sort((a, b) => a.name.localeCompare(b.name) || b.version - a.version).map((v) => <VersionRow key={v.name + v.version} version={v} places={models.places} sites={sites} may={may} ask={ask} />)}</ul>}
    </section>
  );
}

/* Models of remaining life and of classes: which versions run where, and how each does. */
export function ModelsPage({ session }: { session: Session }) {
  const { data, error, again } = useLoad<Models>("/models");
  const overview = useLoad<Overview>("/overview");
  const [asked, setAsked] = useState<Deed | null>(null);
  useEffect(() => on("models", again), []);
  const may = session.role === "release" || session.role === "admin";
  const sites = overview.data?.sites.map((s) => s.site) ?? [];
  return (
    <>
      <h1>Models</h1>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking which models run…</p>}
      {data && <Sentence models={data} />}
      <p class="dim">A model says how long a machine will last. The keys that sign one are not on this server: a gateway runs what its own key has signed.</p>
      {data && data.places.length > 0 && (
        <section aria-labelledby="h-places">
          <h2 id="h-places">Where they run</h2>
          <ul class="entries" aria-label="Models at sites">{data.places.map((p) => <PlaceRow key={p.site + p.name} place={p} gateways={data.gateways} may={may} ask={setAsked} />)}</ul>
        </section>
      )}
      {data && <Versions models={data} sites={sites} may={may} ask={setAsked} />}
      {asked && <Question deed={asked} close={() => setAsked(null)} done={again} />}
    </>
  );
}
