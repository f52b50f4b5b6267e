import { useEffect, useRef, useState } from "preact/hooks";
import { call, query, type Page, type Session } from "./api";
import { Confirm } from "./confirm";
import { count, exact, sentence } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Chips, Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";
import { bad, CampaignState, campaignTitle, CountsBar, countsWords, going, Legend, progress, stageWords } from "./update-parts";
import type { Campaign as Shown, Counts, Member, Stage } from "./update-types";
import { stopWords, targetWords, trafficWords, windowWords } from "./update-words";
import { mayStart } from "./updates";

const devicePage = (id: string) => `/devices/${encodeURIComponent(id)}`;

type Deed = "pause" | "resume" | "stop" | "retry" | "approve";
const asks: Record<Deed, { button: string; title: (c: Shown) => string; text: (c: Shown) => string; danger?: boolean }> = {
  pause: { button: "Pause", title: (c) => `Pause ${campaignTitle(c)}?`, text: (c) => `${count(c.counts.planned, "device")} still to come will not begin. The ${going(c.counts)} under way go on to their end.` },
  resume: { button: "Go on…", title: (c) => `Go on with ${campaignTitle(c)}?`, text: (c) => `${bad(c.counts) > 0 ? `The ${bad(c.counts)} that went wrong so far count no more. ` : ""}${count(c.counts.planned, "device")} are still to come.` },
  stop: { button: "Stop…", danger: true, title: (c) => `Stop ${campaignTitle(c)} for good?`, text: (c) => `${count(c.counts.planned + c.counts.waiting, "device")} will not get it. Who has it keeps it; who is writing it is told to leave it. This cannot be taken back.` },
  retry: { button: "Try again…", title: () => "Try the ones that went wrong again?", text: (c) => `${count(bad(c.counts), "device")} are offered the same image once more, and the roll-out goes on.` },
  approve: { button: "Say yes…", title: (c) => `Let ${campaignTitle(c)} begin?`, text: (c) => `It is for ${count(c.counts.devices, "device")}. It needs ${count(c.approvals ?? 0, "yes", "yeses")} of different people, and has ${c.approved.length}.` },
};

function deeds(c: Shown, session: Session): Deed[] {
  const able: Deed[] = [];
  if (c.state === "approval" && mayStart(session) && !c.approved.some((a) => a.by === session.user)) able.push("approve");
  if (c.state === "running" || c.state === "scheduled") able.push("pause");
  if (c.state === "paused") able.push("resume");
  if ((c.state === "paused" || c.state === "done" || c.state === "running") && bad(c.counts) > 0 && mayStart(session)) able.push("retry");
  if (c.state !== "done" && c.state !== "stopped") able.push("stop");
  return able;
}

function Acts({ campaign, session, put }: { campaign: Shown; session: Session; put: (c: Shown) => void }) {
  const [asked, setAsked] = useState<Deed | null>(null);
  if (session.role === "viewer") return null;
  const ask = asked && asks[asked];
  return (
    <span class="act">
      {deeds(campaign, session).map((d) => <button type="button" data-act={`update-${d}`} onClick={() => setAsked(d)}>{asks[d].button}</button>)}
      {asked && ask && (
        <Confirm title={ask.title(campaign)} yes={ask.button.replace("…", "")} danger={ask.danger} close={() => setAsked(null)}
          run={() => call<Shown>(`/updates/${campaign.id}/${asked}`, "POST", {}).then(put)}>
          <p>{ask.text(campaign)}</p>
        </Confirm>
      )}
    </span>
  );
}

function Sentence({ campaign: c }: { campaign: Shown }) {
  const done = c.state === "done" && `${c.counts.confirmed.toLocaleString()} of ${count(c.counts.devices, "device")} run it and have proved it.`;
  const text = c.why ? sentence(c.why.replace(/^paused itself: /, "")) : done || `${countsWords(c.counts)}.`;
  return <p class="sentence" role="status"><CampaignState campaign={c} /> <span data-why>{text}</span></p>;
}

const looks: Record<string, [string, string]> = { waiting: ["unknown", "To come"], running: ["notice", "Under way"], done: ["healthy", "Over"] };

function Waves({ campaign: c }: { campaign: Shown }) {
  return (
    <section aria-labelledby="h-waves">
      <h2 id="h-waves">Waves</h2>
      <ol class="entries">
        {c.waves.map((w) => {
          const [is, label] = looks[w.state]!;
          return (
            <li class="entry" data-wave={w.number} data-confirmed={w.confirmed}>
              <State is={w.state === "done" && bad(w) > 0 ? "warning" : is} label={label} />
              <div class="entry-body">
                <p class="entry-text">Wave {w.number} <small>{count(w.devices, "device")}</small></p>
                <CountsBar counts={w} label={`Wave ${w.number}`} />
                <p class="dim">{countsWords(w)}</p>
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function Plan({ campaign: c }: { campaign: Shown }) {
  const facts: [string, string][] = [
    ["Image", c.image], ["For", targetWords(c.target)], ["Next wave when", `${c.success?.percent ?? 100} % are confirmed`], ["Pauses by itself when", stopWords(c.stop) || "never"],
    ["Started", c.started ? exact(c.started) : "not yet"], ["By", c.created_by],
  ];
  if (c.window) facts.push(["Only", windowWords(c.window)]);
  if (c.prestage) facts.push(["Downloaded before", `${count(c.ready, "device")} ${c.ready === 1 ? "has" : "have"} the image and wait${c.ready === 1 ? "s" : ""} for ${c.ready === 1 ? "its" : "their"} hours`]);
  if (c.approved.length > 0) facts.push(["Yes from", c.approved.map((a) => a.by).join(", ")]);
  if (c.ended) facts.push(["Ended", exact(c.ended)]);
  return (
    <section aria-labelledby="h-plan">
      <h2 id="h-plan">As it was agreed</h2>
      <dl class="facts">{facts.map(([k, v]) => <div><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
    </section>
  );
}

function MemberRow({ member: m }: { member: Member }) {
  const [is, label] = m.ready ? ["notice", "Ready"] : stageWords[m.state];
  const far = m.state === "downloading" || (m.state === "planned" && !m.ready) ? progress(m.progress) : "";
  return (
    <li class="entry" data-row data-device={m.device} data-state={m.state} tabIndex={-1}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text"><a href={devicePage(m.device) + "#updates"}>{m.device}</a></p>
        <p class="dim">{m.site} · wave {m.wave}{m.attempt > 1 && <> · attempt {m.attempt}</>} · <Time at={m.updated} />{far && <> · {far}</>}</p>
        {m.why && <p>{m.why}</p>}
      </div>
    </li>
  );
}

/* Of those on the page, who came to grief first: a paused roll-out is opened for them. */
const wrong = (m: Member) => (["failed", "rolled_back", "silent", "unproved", "worse"].includes(m.state) ? 0 : 1);

const filters: [Stage | "", string, (c: Counts) => number][] = [
  ["", "All", (c) => c.devices], ["failed", "Failed", (c) => c.failed], ["rolled_back", "Rolled back", (c) => c.rolled_back], ["silent", "Silent", (c) => c.silent], ["downloading", "Downloading", (c) => c.downloading],
  ["trial", "On trial", (c) => c.trial], ["confirmed", "Confirmed", (c) => c.confirmed], ["waiting", "Offered", (c) => c.waiting], ["planned", "To come", (c) => c.planned], ["canceled", "Canceled", (c) => c.canceled],
];

/* Asked again when the counts have changed, once a second at most. */
function Members({ campaign: c }: { campaign: Shown }) {
  const { query: q } = usePlace();
  const state = filters.some(([f]) => f === q.get("state")) ? q.get("state")! : "";
  const path = `/updates/${c.id}/devices` + query({ state, limit: 100 });
  const { data, error, again, set } = useLoad<Page<Member>>(path);
  const wait = useRef(0);
  useEffect(() => {
    clearTimeout(wait.current);
    wait.current = window.setTimeout(again, 500);
    return () => clearTimeout(wait.current);
  }, [JSON.stringify(c.counts)]);
  const more = () => data?.next && call<Page<Member>>(`/updates/${c.id}/devices` + query({ state, limit: 100, cursor: data.next }))
    .then((page) => set((old) => ({ next: page.next, items: [...old.items, ...page.items] })), again);
  return (
    <section aria-labelledby="h-members">
      <div class="section-head"><h2 id="h-members">Devices</h2>
        <Chips label="State" value={state} pick={(v) => setQuery({ state: v || null })} choices={filters.filter(([f, , of]) => f === "" || f === state || of(c.counts) > 0).map(([f, text, of]) => [f, `${text} ${of(c.counts).toLocaleString()}`])} />
      </div>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && <p class="dim">No device is there now.</p>}
      <ul class="entries" aria-label="Devices of the roll-out">{[...(data?.items ?? [])].sort((a, b) => wrong(a) - wrong(b)).map((m) => <MemberRow key={m.device} member={m} />)}</ul>
      {data?.next && <button type="button" class="more" onClick={more}>Show more</button>}
    </section>
  );
}

export function Campaign({ id, session }: { id: string; session: Session }) {
  const { data, error, missing, again, set } = useLoad<Shown>(`/updates/${encodeURIComponent(id)}`);
  useEffect(() => on("update", (c) => String(c.id) === id && set((old) => ({ ...c, target: old.target }))), [id]);
  if (missing) return <><p class="crumb"><a href="/updates">Updates</a></p><h1>{id}</h1><Empty title="There is no roll-out of this number."><p><a href="/updates">To all of them</a></p></Empty></>;
  return (
    <>
      <p class="crumb"><a href="/updates">Updates</a></p>
      <div class="title"><h1>{data ? campaignTitle(data) : `Roll-out ${id}`}</h1>{data && <Acts campaign={data} session={session} put={(c) => set(() => c)} />}</div>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking for the roll-out…</p>}
      {data && (
        <div data-campaign={data.id} data-state={data.state}>
          <Sentence campaign={data} />
          <CountsBar counts={data.counts} label="All devices" />
          <Legend counts={data.counts} />
          {trafficWords(data.traffic) && <p class="dim" data-traffic>{trafficWords(data.traffic)}</p>}
          <div class="columns"><div><Waves campaign={data} /><Members campaign={data} /></div><Plan campaign={data} /></div>
        </div>
      )}
    </>
  );
}
