import { useEffect, useState } from "preact/hooks";
import { call, query, type Overview, type Page } from "./api";
import { Confirm } from "./confirm";
import { count, sentence } from "./format";
import { useLoad } from "./load";
import { Empty, Failed, State } from "./parts";
import { go, setQuery, usePlace } from "./router";
import { campaignPage } from "./update-parts";
import type { Campaign, Group, Image, Images, Survey, Target } from "./update-types";

type Kind = "count" | "percent" | "query";
type WaveRow = { kind: Kind; value: string };
type Whom = "all" | "site" | "group" | "query" | "devices";
type Draft = {
  whom: Whom; site: string; group: string; query: string; devices: string; waves: WaveRow[]; success: string; stop: string; stopBy: "percent" | "count";
  window: boolean; from: string; to: string; ahead: boolean; forced: boolean; look: boolean; approvals: string; name: string;
};
const fresh: Draft = {
  whom: "all", site: "", group: "", query: "", devices: "", waves: [{ kind: "count", value: "1" }, { kind: "percent", value: "25" }], success: "100", stop: "5", stopBy: "percent",
  window: false, from: "22:00", to: "04:00", ahead: false, forced: true, look: false, approvals: "0", name: "",
};

function target(d: Draft): Target {
  if (d.whom === "site") return { site: d.site };
  if (d.whom === "group") return { group: d.group };
  if (d.whom === "devices") return { devices: d.devices.split(/[\s,]+/).filter(Boolean) };
  return { query: d.whom === "all" ? "all" : d.query };
}

/* What is missing before the server can be asked whom it means. */
function lacks(image: string, d: Draft): string {
  if (!image) return "Choose an image.";
  if (d.whom === "site" && !d.site) return "Choose a site.";
  if (d.whom === "group" && !d.group) return "Choose a group.";
  if (d.whom === "query" && !d.query.trim()) return "Write whom it is for.";
  if (d.whom === "devices" && !d.devices.trim()) return "Name the devices.";
  return d.waves.some((w) => !w.value.trim()) ? "A wave says how many, or whom." : "";
}

const wave = (w: WaveRow) => ({ [w.kind]: w.kind === "query" ? w.value : Number(w.value) });

function order(image: string, d: Draft, dry: boolean) {
  return {
    image, target: target(d), waves: d.waves.map(wave), success: { percent: Number(d.success) }, stop: { any: { [d.stopBy]: Number(d.stop) } }, forced: d.forced, pause_between: d.look,
    approvals: Number(d.approvals), dry_run: dry, ...(d.name.trim() && { name: d.name.trim() }), ...(d.window && { window: { from: d.from, to: d.to }, prestage: d.ahead }),
  };
}

/* Whom it means, asked again after every change. */
function useSurvey(image: string, draft: Draft) {
  const [found, setFound] = useState<{ survey: Survey | null; error: string; asked: string }>({ survey: null, error: "", asked: "" });
  const missing = lacks(image, draft);
  const text = missing ? "" : JSON.stringify(order(image, draft, true));
  useEffect(() => {
    if (!text) return;
    const abort = new AbortController();
    const wait = setTimeout(() => call<Survey>("/updates", "POST", text, abort.signal).then(
      (survey) => setFound({ survey, error: "", asked: text }),
      (e) => e?.name !== "AbortError" && setFound({ survey: null, error: e.message, asked: text })), 250);
    return () => { clearTimeout(wait); abort.abort(); };
  }, [text]);
  const current = text !== "" && found.asked === text;
  return { survey: current ? found.survey : null, error: missing || (current ? found.error : ""), waits: !missing && !current };
}

type Change = (part: Partial<Draft>) => void;

function WhomField({ draft: d, change }: { draft: Draft; change: Change }) {
  const sites = useLoad<Overview>("/overview").data?.sites.map((s) => s.site) ?? [];
  const groups = useLoad<Page<Group>>("/groups").data?.items ?? [];
  const ways: [Whom, string][] = [["all", "Every device it fits"], ["site", "A site"], ["group", "A group"], ["query", "Whoever fits a query"], ["devices", "Named devices"]];
  return (
    <fieldset class="choices">
      <legend>For whom</legend>
      {ways.map(([value, label]) => (value !== "group" || groups.length > 0) && <label class="choice"><input type="radio" name="whom" value={value} checked={d.whom === value} onChange={() => change({ whom: value })} />{label}</label>)}
      {d.whom === "site" && <label class="stack"><span>Site</span><select name="site" value={d.site} onChange={(e) => change({ site: e.currentTarget.value })}><option value="">choose…</option>{sites.map((s) => <option value={s}>{s}</option>)}</select></label>}
      {d.whom === "group" && <label class="stack"><span>Group</span><select name="group" value={d.group} onChange={(e) => change({ group: e.currentTarget.value })}><option value="">choose…</option>{groups.map((g) => <option value={g.name}>{g.name}</option>)}</select></label>}
      {d.whom === "query" && <label class="stack"><span>Query, such as <code>site = plant-1 and version &lt; 1.1 and id ~ press-*</code></span><input name="query" class="code" autocomplete="off" autocapitalize="none" spellcheck={false} value={d.query} onInput={(e) => change({ query: e.currentTarget.value })} /></label>}
      {d.whom === "devices" && <label class="stack"><span>Devices, with blanks between them</span><input name="devices" autocomplete="off" autocapitalize="none" spellcheck={false} value={d.devices} onInput={(e) => change({ devices: e.currentTarget.value })} /></label>}
    </fieldset>
  );
}

const kindWords: [Kind, string][] = [["count", "devices"], ["percent", "% of all"], ["query", "whoever fits"]];

function WavesField({ draft: d, change, survey }: { draft: Draft; change: Change; survey: Survey | null }) {
  const put = (at: number, part: Partial<WaveRow>) => change({ waves: d.waves.map((w, i) => (i === at ? { ...w, ...part } : w)) });
  const size = (i: number) => survey?.waves[i] && <span class="dim fig">{count(survey.waves[i]!.devices, "device")}</span>;
  return (
    <fieldset class="choices waves">
      <legend>Waves: the next one begins when this one has proved itself</legend>
      {d.waves.map((w, i) => (
        <div class="wave" key={i}>
          <span>{i + 1}</span>
          <input aria-label={`Wave ${i + 1}: how many, or whom`} name="wave" class={w.kind === "query" ? "code grow" : "short"} inputMode={w.kind === "query" ? "text" : "numeric"} value={w.value} onInput={(e) => put(i, { value: e.currentTarget.value })} />
          <select aria-label={`Wave ${i + 1}: counted in`} value={w.kind} onChange={(e) => put(i, { kind: e.currentTarget.value as Kind, value: e.currentTarget.value === "query" ? "" : w.value })}>{kindWords.map(([k, text]) => <option value={k}>{text}</option>)}</select>
          {size(i)}
          <button type="button" class="quiet" onClick={() => change({ waves: d.waves.filter((_, n) => n !== i) })}>Remove<span class="hidden"> wave {i + 1}</span></button>
        </div>
      ))}
      <div class="wave"><span>{d.waves.length + 1}</span><span class="grow">{d.waves.length ? "all that are left" : "all at once"}</span>{size(d.waves.length)}</div>
      {d.waves.length < 9 && <button type="button" onClick={() => change({ waves: [...d.waves, { kind: "percent", value: "25" }] })}>Add a wave</button>}
    </fieldset>
  );
}

function RulesField({ draft: d, change }: { draft: Draft; change: Change }) {
  const flip = (key: "window" | "ahead" | "forced" | "look", label: string) => <label class="choice"><input type="checkbox" name={key} checked={d[key]} onChange={(e) => change({ [key]: e.currentTarget.checked })} />{label}</label>;
  return (
    <>
      <div class="ask">
        <label><span>Next wave when so many % are confirmed</span><input name="success" inputMode="numeric" required pattern="[0-9]{1,3}" value={d.success} onInput={(e) => change({ success: e.currentTarget.value })} /></label>
        <label><span>Pause by itself when so many go wrong</span><input name="stop" inputMode="numeric" required pattern="[0-9]{1,7}" value={d.stop} onInput={(e) => change({ stop: e.currentTarget.value })} /></label>
        <label><span>counted in</span><select name="stop-by" value={d.stopBy} onChange={(e) => change({ stopBy: e.currentTarget.value as Draft["stopBy"] })}><option value="percent">% of a wave</option><option value="count">devices</option></select></label>
        <label><span>People besides you who have to say yes first</span><input name="approvals" inputMode="numeric" required pattern="[0-9]{1,2}" value={d.approvals} onInput={(e) => change({ approvals: e.currentTarget.value })} /></label>
      </div>
      <fieldset class="choices">
        <legend>When</legend>
        {flip("window", "Only at certain hours of the device’s day")}
        {d.window && flip("ahead", "Download before these hours, start within them")}
        {flip("look", "Pause after each wave, so that somebody looks")}
        {flip("forced", "At once: nobody at the device is asked, and it waits for no better moment")}
      </fieldset>
      {d.window && (
        <div class="ask">
          <label><span>From</span><input type="time" name="from" required value={d.from} onInput={(e) => change({ from: e.currentTarget.value })} /></label>
          <label><span>To</span><input type="time" name="to" required value={d.to} onInput={(e) => change({ to: e.currentTarget.value })} /></label>
        </div>
      )}
      <label class="stack"><span>Name (may stay empty)</span><input name="name" maxLength={100} autocomplete="off" value={d.name} onInput={(e) => change({ name: e.currentTarget.value })} /></label>
    </>
  );
}

function Means({ of }: { of: ReturnType<typeof useSurvey> }) {
  const { survey: s, error, waits } = of;
  return (
    <section aria-labelledby="h-means" class="means" aria-live="polite" data-devices={s?.devices ?? ""}>
      <h2 id="h-means">What it means</h2>
      {error && <p class="error">{sentence(error)}</p>}
      {!error && waits && <p class="dim">Counting…</p>}
      {s && (
        <>
          <p class="headline">{count(s.devices, "device")}</p>
          <ol class="entries">{s.waves.map((w, i) => <li class="entry numbered"><span>{i + 1}</span><span>{count(w.devices, "device")}{i === 0 ? " to begin with" : i === s.waves.length - 1 ? " that are left" : ""}</span></li>)}</ol>
          {s.already > 0 && <p>{count(s.already, "device")} run it already and are left alone.</p>}
          {s.excluded.map((e) => <p>{count(e.count, "device")} left out: {e.why}.</p>)}
          {s.devices === 0 && <p>It would be for nobody: choose another image, or others whom it is for.</p>}
        </>
      )}
    </section>
  );
}

const imageName = (i: Image) => `${i.product} ${i.version}`;

function Form({ images, image, whom }: { images: Image[]; image: string; whom: string }) {
  const [draft, setDraft] = useState<Draft>(whom ? { ...fresh, whom: "query", query: whom } : fresh);
  const [asking, setAsking] = useState(false);
  const change: Change = (part) => setDraft((old) => ({ ...old, ...part }));
  const of = useSurvey(image, draft);
  const chosen = images.find((i) => i.path === image);
  const start = () => call<Campaign>("/updates", "POST", order(image, draft, false)).then((c) => go(campaignPage(c.id)));
  return (
    <form class="columns" data-form="rollout" onSubmit={(e) => { e.preventDefault(); setAsking(true); }}>
      <div>
        <label class="stack"><span>Image</span>
          <select name="image" value={image} onChange={(e) => setQuery({ image: e.currentTarget.value || null })}>
            <option value="">choose…</option>
            {images.map((i) => <option value={i.path}>{imageName(i)} ({i.path})</option>)}
          </select>
        </label>
        <WhomField draft={draft} change={change} />
        <WavesField draft={draft} change={change} survey={of.survey} />
        <RulesField draft={draft} change={change} />
      </div>
      <div>
        <Means of={of} />
        <button type="submit" class="primary" disabled={!of.survey || of.survey.devices === 0}>{of.survey && of.survey.devices > 0 ? `Roll out to ${count(of.survey.devices, "device")}…` : "Roll out…"}</button>
      </div>
      {asking && of.survey && chosen && (
        <Confirm title={`Roll out ${imageName(chosen)} to ${count(of.survey.devices, "device")}?`} yes="Roll it out" run={start} close={() => setAsking(false)}>
          <p>{count(of.survey.waves[0]?.devices ?? 0, "device")} begin{of.survey.waves[0]?.devices === 1 && "s"} {Number(draft.approvals) > 0 ? "when enough people have said yes" : draft.window ? `between ${draft.from} and ${draft.to}` : "at once"}. A device that does not prove itself goes back to what it ran before; the roll-out pauses by itself at {draft.stop} {draft.stopBy === "percent" ? "% of a wave" : "devices"}.</p>
        </Confirm>
      )}
    </form>
  );
}

export function RollOut() {
  const { query: q } = usePlace();
  const { data, error, again } = useLoad<Images>("/images");
  const ready = data?.items.filter((i) => i.complete && i.key !== "missing") ?? [];
  return (
    <>
      <p class="crumb"><a href="/updates">Updates</a></p>
      <h1>Roll out an image</h1>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking which images there are…</p>}
      {data && ready.length === 0 && <Empty title="No image here is whole."><p><State is="unknown" label="The page of all images says what is missing." /></p><p><a href={"/updates" + query({})}>To the images</a></p></Empty>}
      {data && ready.length > 0 && <Form images={ready} image={q.get("image") ?? ""} whom={q.get("query") ?? ""} />}
    </>
  );
}
