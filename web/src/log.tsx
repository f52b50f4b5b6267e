import { useEffect, useRef, useState } from "preact/hooks";
import { call, callText, query, type Page, type Recorded } from "./api";
import { count, exact } from "./format";
import { useLoad } from "./load";
import { Chips, Command, Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";

/* The words of the log, for people; what has none here is shown as it is written. */
const deeds: Record<string, string> = {
  "session.begin": "sign-in", "session.end": "sign-out", "access.refuse": "denied",
  "user.add": "new person", "user.change": "other rights", "user.remove": "removal", "user.link": "login link", "user.password": "password", "user.totp": "second factor", "user.recover": "recovery on the console",
  "token.add": "new API token", "token.remove": "API token removed",
  "enrolment.add": "may enrol", "enrolment.use": "enrolment", "enrolment.withdraw": "its line was withdrawn", "certificate.renew": "certificate renewed", "certificate.grace": "certificate renewed after its end", "certificate.by_hand": "certificate made by hand", "certificate.import": "certificate imported", "certificate.revoke": "certificate revoked",
  "standing.quarantine": "put in quarantine", "standing.release": "released from quarantine", "standing.revoke": "revoked", "standing.retire": "retired", "standing.replace": "replaced", "standing.taken_back": "an older state was taken back", "device.replace": "another machine may take its place",
  "command.send": "command", "command.end": "what became of a command", "rules.put": "rules saved", "alert.acknowledge": "alert acknowledged", "alert.unacknowledge": "acknowledgement undone", "alert.normal": "alert called normal", "maintenance.begin": "maintenance begun", "maintenance.end": "maintenance ended",
  "notify.test": "test message", "notify.retry": "message sent again", "checklist.publish": "checklist published", "audit.genesis": "the log began", "audit.chain": "older lines were chained", "audit.prune": "old lines forgotten", "audit.export": "log taken away",
  "audit.unwritten": "lines that could not be written", "server.start": "server started", "server.stop": "server stopped", "config.reload": "configuration read again",
};
const outcomes: Record<Recorded["outcome"], [string, string]> = { done: ["healthy", "Done"], refused: ["warning", "Refused"], failed: ["critical", "Failed"] };
const groups: [string, string][] = [
  ["", "Anything"], ["session", "Signing in and out"], ["access", "Denials"], ["user", "People"], ["token", "API tokens"], ["enrolment", "Enrolment"], ["certificate", "Certificates"], ["standing", "Quarantine, revocation"],
  ["command", "Commands"], ["rules", "Rules"], ["alert", "Alerts"], ["maintenance", "Maintenance"], ["notify", "Messages"], ["checklist", "Checklist"], ["config", "Configuration"], ["server", "The server"], ["audit", "The log itself"],
];

/* What stands on both sides of a change, and what does not, line by line: the lines are few. */
function Change({ before, after }: { before: string; after: string }) {
  const lines = (text: string) => text.replace(/\\n$/, "").split("\\n");
  const [old, now] = [lines(before), lines(after)];
  const kept = new Set(old.filter((line) => now.includes(line)));
  const side = (label: string, all: string[], mark: string) => (
    <div><p class="dim small">{label}</p><pre>{all.map((line) => <span class={kept.has(line) ? "dim" : mark}>{line}{"\n"}</span>)}</pre></div>
  );
  return <div class="change">{before && side("Before", old, "was")}{after && side("After", now, "is")}</div>;
}

function Row({ item: r }: { item: Recorded }) {
  const [is, label] = outcomes[r.outcome] ?? outcomes.failed;
  return (
    <li class="entry" data-seq={r.seq} data-what={r.what} data-row tabIndex={-1}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{r.about && <>{r.about}: </>}{deeds[r.what] ?? r.what}</p>
        <p class="dim">{r.who ? <>by {r.who}</> : "by somebody unknown"}{r.from && <> from {r.from}</>} · <Time at={r.at} /> · <span title={exact(r.at)}>line {r.seq}</span></p>
        {r.detail && <p>{r.detail}</p>}
        {(r.before || r.after) && <details><summary>What changed<span class="hidden"> in line {r.seq}</span></summary><Change before={r.before ?? ""} after={r.after ?? ""} /></details>}
      </div>
    </li>
  );
}

/* A field that asks a moment after the last letter. */
function useSlow(name: string, value: string): [string, (text: string) => void] {
  const [text, setText] = useState(value);
  const wait = useRef(0);
  useEffect(() => setText(value), [value]);
  return [text, (next) => {
    setText(next);
    clearTimeout(wait.current);
    wait.current = window.setTimeout(() => setQuery({ [name]: next.trim() }), 250);
  }];
}

type Filter = { what: string; who: string; about: string; outcome: string; text: string; from: string; to: string };
const names: (keyof Filter)[] = ["what", "who", "about", "outcome", "text", "from", "to"];

function Field({ name, label, value, grow }: { name: keyof Filter; label: string; value: string; grow?: boolean }) {
  const [text, type] = useSlow(name, value);
  return (
    <label class={grow ? "grow" : undefined}><span>{label}</span>
      <input id={grow ? "search" : undefined} name={name} type="search" maxLength={60} autocomplete="off" autocapitalize="none" spellcheck={false} value={text} onInput={(e) => type(e.currentTarget.value)} />
    </label>
  );
}

/* Milliseconds in the address, the viewer's clock in the field. */
function Moment({ name, label, value }: { name: keyof Filter; label: string; value: string }) {
  const at = Number(value);
  const local = at > 0 ? new Date(at - new Date(at).getTimezoneOffset() * 60e3).toISOString().slice(0, 16) : "";
  return (
    <label class="when"><span>{label}</span>
      <input name={name} type="datetime-local" value={local} onChange={(e) => setQuery({ [name]: e.currentTarget.value ? String(new Date(e.currentTarget.value).getTime()) : null })} />
    </label>
  );
}

const pagesMax = 200; // of 1,000 records; more than that is for the terminal

/* Pages put together as `selvedge audit export` does: the head of the first, the end of the last. */
async function fetchExport(filter: Filter, tell: (lines: number) => void): Promise<string[]> {
  const out: string[] = [];
  let after = 0;
  for (let page = 0; page < pagesMax; page++) {
    let end: { end: number; more: boolean } | null = null;
    for (const line of (await callText("/audit/export" + query({ ...filter, after: String(after) }))).split("\n").filter((l) => l)) {
      const record = JSON.parse(line);
      if ("end" in record) end = record;
      if (("selvedge" in record && page > 0) || ("end" in record && record.more)) continue;
      out.push(line + "\n");
    }
    if (!end) throw new Error("the answer of the server has no end");
    if (!end.more) return out;
    if (end.end <= after) throw new Error("the pages of the server do not go on");
    after = end.end;
    tell(out.length);
  }
  throw new Error(`more than ${pagesMax} pages: take it away with selvedge audit export > audit.ndjson`);
}

function Export({ filter, isFiltered }: { filter: Filter; isFiltered: boolean }) {
  const [lines, setLines] = useState<number | null>(null);
  const [error, setError] = useState("");
  const run = () => {
    setLines(0);
    setError("");
    fetchExport(filter, setLines).then((all) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob(all, { type: "application/x-ndjson" }));
      link.download = isFiltered ? "audit-part.ndjson" : "audit.ndjson";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }).catch((e) => setError(e.message)).finally(() => setLines(null));
  };
  return (
    <section aria-labelledby="h-export">
      <h2 id="h-export" class="next">Take it away, and prove it</h2>
      <p>{isFiltered ? "What is shown goes into a file; only the whole log can be proved." : "The whole log, with its hashes and signed checkpoints; that it was taken away becomes a line of it."}</p>
      <p><button type="button" data-act="export" disabled={lines !== null} onClick={run}>{lines === null ? "Export as NDJSON" : lines > 0 ? `${count(lines, "line")}…` : "One moment…"}</button></p>
      {error && <p class="error" role="alert">{error}</p>}
      {!isFiltered && <><p>Anybody who has the CA certificate finds out with it whether a line was changed, removed, moved or cut off:</p><Command text="selvedge audit verify --ca ca.crt --file audit.ndjson" /></>}
    </section>
  );
}

export function Log({ mayExport }: { mayExport: boolean }) {
  const { query: q } = usePlace();
  const values = Object.fromEntries(names.map((n) => [n, q.get(n) ?? ""])) as Filter;
  const { data, error, again, set } = useLoad<Page<Recorded>>("/audit" + query({ ...values, limit: 50 }));
  const [failure, setFailure] = useState("");
  const isFiltered = names.some((n) => values[n]);
  const more = () => data?.next && call<Page<Recorded>>("/audit" + query({ ...values, limit: 50, cursor: data.next }))
    .then((page) => { set((old) => ({ next: page.next, items: [...old.items, ...page.items] })); setFailure(""); }, (e) => setFailure(e.message));
  return (
    <>
      <h1>Log</h1>
      <p class="sentence">Who did what, when and from where. No line is ever changed.</p>
      <div class="ask log-ask" role="search">
        <label><span>What</span>
          <select name="what" value={values.what} onChange={(e) => setQuery({ what: e.currentTarget.value })}>
            {groups.map(([v, text]) => <option value={v}>{text}</option>)}
            {!groups.some(([v]) => v === values.what) && <option value={values.what}>{deeds[values.what] ?? values.what}</option>}
          </select>
        </label>
        <Field name="who" label="By whom" value={values.who} />
        <Field name="about" label="About whom or what" value={values.about} />
        <Moment name="from" label="From" value={values.from} />
        <Moment name="to" label="To" value={values.to} />
        <Field name="text" label="With the words" value={values.text} grow />
      </div>
      <div class="filters">
        <Chips label="Outcome" value={values.outcome} pick={(v) => setQuery({ outcome: v })} choices={[["", "Any"], ["done", "Done"], ["refused", "Refused"], ["failed", "Failed"]]} />
        {isFiltered && <button type="button" class="quiet" data-act="clear" onClick={() => setQuery(Object.fromEntries(names.map((n) => [n, null])))}>Clear all</button>}
      </div>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && !data.next && (isFiltered ? <p class="dim">No line fits.</p> : <Empty title="Nothing is written down yet."><p>Signing in, enrolments, refusals, renewals and revocations will be.</p></Empty>)}
      {data?.items.length === 0 && data.next && <p class="dim">Nothing fits among the newest lines; older ones have not been looked at.</p>}
      {data && data.items.length > 0 && <ul class="entries log" aria-label="The newest first">{data.items.map((r) => <Row key={r.seq} item={r} />)}</ul>}
      {data?.next && <button type="button" class="more" onClick={more}>Show older</button>}
      {failure && <p class="error" role="alert">{failure}</p>}
      {mayExport && <Export filter={values} isFiltered={isFiltered} />}
    </>
  );
}
