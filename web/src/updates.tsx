import { useEffect } from "preact/hooks";
import { call, query, type Page, type Session } from "./api";
import { bytes, count, exact, share, useNow } from "./format";
import { on } from "./live";
import { useLoad, type Loaded } from "./load";
import { Command, Empty, Failed, State, Time } from "./parts";
import { bad, campaignPage, CampaignState, campaignTitle, CountsBar, countsWords } from "./update-parts";
import type { Campaign, Image, Images, Traffic, Trust } from "./update-types";
import { trafficWords } from "./update-words";
import { Versions } from "./versions";

export const mayStart = (session: Session) => session.role === "release" || session.role === "admin";
const isOpen = (c: Campaign) => c.state !== "done" && c.state !== "stopped";

export function mergeCampaign(items: Campaign[], fresh: Campaign): Campaign[] {
  const at = items.findIndex((c) => c.id === fresh.id);
  return at < 0 ? [fresh, ...items] : items.map((c) => (c.id === fresh.id ? fresh : c));
}

type Known = Page<Campaign> & { traffic: Traffic };

/* What a roll-out has sent more than when it was last heard of, all of them have. */
function hear(old: Known, fresh: Campaign): Known {
  const was = old.items.find((c) => c.id === fresh.id)?.traffic;
  const more = (key: keyof Traffic) => old.traffic[key] + (was ? fresh.traffic[key] - was[key] : 0);
  return { ...old, items: mergeCampaign(old.items, fresh), traffic: { image: more("image"), fetched: more("fetched"), sent: more("sent") } };
}

function Sentence({ items }: { items: Campaign[] }) {
  const waits = items.filter((c) => c.state === "paused" || c.state === "approval");
  const runs = items.filter((c) => c.state === "running");
  if (waits.length === 1) return <p class="sentence"><State is="warning" label={`${campaignTitle(waits[0]!)} waits for you`} />: {waits[0]!.why ?? "somebody has to say yes"}.</p>;
  if (waits.length > 1) return <p class="sentence"><State is="warning" label={`${waits.length} roll-outs wait for you.`} /></p>;
  if (runs.length > 0) return <p class="sentence"><State is="notice" label={`${count(runs.length, "roll-out")} under way.`} /></p>;
  return <p class="sentence"><State is="healthy" label="Nothing is being rolled out." /></p>;
}

function Row({ campaign: c }: { campaign: Campaign }) {
  return (
    <li class="entry" data-row data-campaign={c.id} data-state={c.state} tabIndex={-1}>
      <CampaignState campaign={c} />
      <div class="entry-body">
        <p class="entry-text"><a href={campaignPage(c.id)}>{campaignTitle(c)}</a></p>
        <CountsBar counts={c.counts} label={campaignTitle(c)} />
        <p class="dim">{countsWords(c.counts)} of {count(c.counts.devices, "device")} · {count(c.waves.length, "wave")} · by {c.created_by} <Time at={c.created} /></p>
        {c.why && isOpen(c) && <p>{c.why}</p>}
      </div>
    </li>
  );
}

function Rollouts({ items, traffic, more, error, again }: { items: Campaign[] | null; traffic: string; more: (() => void) | null; error: string; again: () => void }) {
  return (
    <section aria-labelledby="h-rollouts">
      <h2 id="h-rollouts">Roll-outs</h2>
      {error && <Failed error={error} retry={again} />}
      {items?.length === 0 && <Empty title="Nothing was rolled out from here yet."><p>Choose an image below; before anything starts the page says how many devices it means.</p></Empty>}
      {traffic && <p class="dim" data-traffic>All in all: {traffic}</p>}
      {items && items.length > 0 && <ul class="entries" aria-label="Roll-outs, the newest first">{items.map((c) => <Row key={c.id} campaign={c} />)}</ul>}
      {more && <button type="button" class="more" onClick={more}>Show older ones</button>}
    </section>
  );
}

const short = (id: string) => id.slice(0, 12);
const newestFirst = (a: Image, b: Image) => a.product.localeCompare(b.product) || b.counter - a.counter || b.at - a.at;

function sizes(image: Image): string {
  const saved = image.encodings.filter((e) => e.name.startsWith("delta")).map((e) => e.length);
  const whole = image.encodings.filter((e) => !e.name.startsWith("delta")).map((e) => e.length);
  const delta = saved.length > 0 && image.length > 0 ? `, from the release before ${bytes(Math.min(...saved))} (${share(Math.min(...saved), image.length)})` : "";
  const packed = whole.length > 0 && Math.min(...whole) < image.length ? `, packed ${bytes(Math.min(...whole))}` : "";
  return bytes(image.length) + packed + delta;
}

function ImageRow({ image: i, may }: { image: Image; may: boolean }) {
  const ready = i.complete && i.key !== "missing";
  const lacks = !i.complete ? "its bytes are not all here yet" : "the key that opens it is not here";
  return (
    <li class="entry" data-image={i.path} data-row tabIndex={-1}>
      <State is={ready ? "healthy" : "warning"} label={ready ? "Ready" : "Not whole"} />
      <div class="entry-body">
        <p class="entry-text">{i.product} {i.version}</p>
        <p class="dim">{i.path} · {i.hardware.length > 0 && <>for {i.hardware.join(", ")} · </>}{sizes(i)}{i.counter > 0 && <> · release {i.counter}</>} · {i.sealed ? "encrypted" : "not encrypted"}</p>
        {i.kind === "file"
          ? <p class="dim">Somebody else’s file: the device that takes it judges it by its own means.</p>
          : <p class="dim">Signed with {count(i.signed_by.length, "release key")}: {i.signed_by.map((k) => <><code title={k.keyid}>{short(k.keyid)}</code> </>)}</p>}
        <p class="dim">SHA-256 <code>{i.sha256}</code></p>
        {i.notes && <p>{i.notes}</p>}
        {i.went_wrong > 0 && <p><State is="warning" label={`Went wrong on ${count(i.went_wrong, "device")}`} />: not given to {i.went_wrong === 1 ? "it" : "them"} again by itself.</p>}
        {!ready && <p>{lacks}: <code>selvedge update upload</code> brings it.</p>}
        {may && ready && <p class="act"><a class="button" href={"/updates/new" + query({ image: i.path })}>Roll out {i.version}…<span class="hidden"> of {i.product}</span></a></p>}
      </div>
    </li>
  );
}

function TrustNote({ trust }: { trust: Trust }) {
  const now = useNow();
  const over = trust.ends !== null && trust.ends < now;
  const who = trust.threshold > 1 ? `${trust.threshold} of ${count(trust.keys.length, "release key")} say` : trust.keys.length > 1 ? `Any of ${trust.keys.length} release keys says` : "One release key says";
  return (
    <>
      {over && <p class="error" role="alert">What says which images there are ended <Time at={trust.ends} />: devices take nothing new until it is signed anew.</p>}
      <p class="dim">The release keys are not on this server: it cannot make an image, nor change one. {who} which images there are (version {trust.targets_version}{trust.ends !== null && <>, good until {exact(trust.ends)}</>}).</p>
    </>
  );
}

function ImagesList({ images: { data, error, again }, may }: { images: Loaded<Images>; may: boolean }) {
  return (
    <section aria-labelledby="h-images">
      <h2 id="h-images">Images</h2>
      {error && <Failed error={error} retry={again} />}
      {data?.trust && <TrustNote trust={data.trust} />}
      {data?.items.length === 0 && (
        <Empty title="There is no image yet.">
          <p>A release engineer signs one offline and brings it here:</p>
          <Command text={`selvedge update upload --repo REPO --keys KEYS --server ${location.origin}`} />
        </Empty>
      )}
      {data && data.items.length > 0 && <ul class="entries" aria-label="Images">{[...data.items].sort(newestFirst).map((i) => <ImageRow key={i.path} image={i} may={may} />)}</ul>}
    </section>
  );
}

export function Updates({ session }: { session: Session }) {
  const { data, error, again, set } = useLoad<Known>("/updates?limit=20");
  useEffect(() => on("update", (c) => set((old) => hear(old, c))), []);
  const next = data?.next;
  const more = () => call<Page<Campaign>>("/updates" + query({ limit: 50, cursor: next })).then((page) => set((old) => ({ ...old, next: page.next, items: [...old.items, ...page.items] })), again);
  const may = mayStart(session);
  const images = useLoad<Images>("/images");
  useEffect(() => on("image", images.again), []);
  return (
    <>
      <div class="title"><h1>Updates</h1>{may && <a class="button primary" href="/updates/new">Roll out an image…</a>}</div>
      {data ? <Sentence items={data.items} /> : !error && <p class="sentence">Asking what is rolled out…</p>}
      {data && data.items.some((c) => bad(c.counts) > 0 && isOpen(c)) && <p class="dim">A device that rolled back runs what it ran before.</p>}
      <div class="columns three">
        <div><Rollouts items={data?.items ?? null} traffic={data ? trafficWords(data.traffic) : ""} more={next ? more : null} error={error} again={again} /></div>
        <Versions images={images.data?.items ?? []} may={may} />
        <ImagesList images={images} may={may} />
      </div>
    </>
  );
}
