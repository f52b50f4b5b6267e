import { useEffect, useState } from "preact/hooks";
import { call, type Session } from "./api";
import { Confirm } from "./confirm";
import { bytes, sentence, share } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Failed, State, Time } from "./parts";
import { campaignPage, stageWords } from "./update-parts";
import type { Action, DeviceUpdates as Known, Images, Running, Stage } from "./update-types";

const more: Record<string, [string, string]> = { notified: ["notice", "Seen"], verified: ["notice", "Written"], "rolled-back": stageWords.rolled_back };
function look(a: Action): [string, string] {
  if (a.state === "failed" && a.class === "silent") return stageWords.silent;
  if (a.state === "failed" && a.class === "unproved") return stageWords.unproved;
  return more[a.state] ?? stageWords[a.state as Stage] ?? ["unknown", a.state];
}
const isOpen = (a: Action) => !["confirmed", "failed", "rolled-back", "canceled"].includes(a.state);

function Runs({ running: r }: { running: Running }) {
  return <p>Runs {r.product && `${r.product} `}<strong>{r.version || "a version it does not name"}</strong>{r.slot && <> in slot {r.slot}</>}{r.boot && <>, {r.boot}</>}<span class="dim"> · said so <Time at={r.at} /></span></p>;
}

function Row({ action: a, cancel }: { action: Action; cancel: (() => void) | null }) {
  const [is, label] = look(a);
  const far = isOpen(a) && a.bytes && a.of ? `${share(a.bytes, a.of)} of ${bytes(a.of)}` : "";
  return (
    <li class="entry" data-action={a.action} data-state={a.state}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{a.image}</p>
        <p class="dim">{a.campaign ? <a href={campaignPage(a.campaign)}>roll-out {a.campaign}</a> : "for this device alone"}{a.by && <>, by {a.by}</>}{a.attempt > 1 && <> · attempt {a.attempt}</>} · <Time at={a.created} prefix="begun " /> · <Time at={a.updated} prefix="last word " />{far && <> · {far}</>}{a.fetched && <> · {bytes(a.fetched)} fetched{a.encoding?.startsWith("delta") && " as a delta"}{a.encoding === "zstd" && ", packed"}</>}</p>
        {a.why && <p>{a.why}</p>}
        {a.log && a.log.length > 0 && <details><summary>What it said ({a.log.length})</summary><ol class="timeline">{a.log.map((l) => <li><Time at={l.at} /> {l.line}</li>)}</ol></details>}
        {cancel && <p class="act"><button type="button" data-act="cancel-update" onClick={cancel}>Cancel…</button></p>}
      </div>
    </li>
  );
}

function Give({ device, done }: { device: string; done: () => void }) {
  const { data } = useLoad<Images>("/images");
  const [image, setImage] = useState("");
  const [asking, setAsking] = useState(false);
  const ready = data?.items.filter((i) => i.complete && i.key !== "missing") ?? [];
  const run = () => call(`/devices/${encodeURIComponent(device)}/updates`, "POST", { image, forced: true }).then(() => { setImage(""); done(); });
  if (ready.length === 0) return null;
  return (
    <form class="ask" onSubmit={(e) => { e.preventDefault(); setAsking(true); }}>
      <label class="grow"><span>Give this device alone</span>
        <select name="give" required value={image} onChange={(e) => setImage(e.currentTarget.value)}><option value="">choose an image…</option>{ready.map((i) => <option value={i.path}>{i.product} {i.version}</option>)}</select>
      </label>
      <button type="submit" disabled={!image}>Install…</button>
      {asking && <Confirm title={`Install ${image} on ${device}?`} yes="Install it" run={run} close={() => setAsking(false)}><p>It writes it beside what runs, starts it on trial and goes back by itself when it does not prove itself.</p></Confirm>}
    </form>
  );
}

export function DeviceUpdates({ device, session }: { device: string; session: Session }) {
  const path = `/devices/${encodeURIComponent(device)}/updates`;
  const { data, error, again } = useLoad<Known>(path);
  const [asked, setAsked] = useState(false);
  useEffect(() => on("device", (d) => d.id === device && again()), [device]);
  const may = session.role === "release" || session.role === "admin";
  const items = data ? [...(data.assigned && !data.items.some((a) => a.action === data.assigned!.action) ? [data.assigned] : []), ...data.items] : [];
  return (
    <section aria-labelledby="updates" data-updates>
      <h2 id="updates">Updates</h2>
      {error && <Failed error={error} retry={again} />}
      {data?.running ? <Runs running={data.running} /> : data && <p class="dim">It has not said which version it runs.</p>}
      {data?.diverges && <p><State is="warning" label={sentence(data.diverges)} /></p>}
      {may && <Give device={device} done={again} />}
      {data && items.length === 0 && <p class="dim">It was never given an image from here.</p>}
      {items.length > 0 && <ul class="entries" aria-label="Updates, the newest first">{items.map((a) => <Row key={a.action} action={a} cancel={isOpen(a) && session.role !== "viewer" ? () => setAsked(true) : null} />)}</ul>}
      {asked && <Confirm title={`Cancel the update of ${device}?`} yes="Cancel it" danger run={() => call(path, "DELETE").then(again)} close={() => setAsked(false)}><p>What runs on it stays. When it has been armed already, it is too late.</p></Confirm>}
    </section>
  );
}
