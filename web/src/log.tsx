import { useEffect, useRef, useState } from "preact/hooks";
import { call, query, type Page, type Recorded } from "./api";
import { exact } from "./format";
import { useLoad } from "./load";
import { Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";

/* The words of the log, for people; what has none here is shown as it is written. */
const deeds: Record<string, string> = {
  "session.begin": "sign-in", "session.end": "sign-out", "access.deny": "denied",
  "user.add": "new person", "user.change": "other rights", "user.remove": "removal", "user.link": "login link", "user.password": "password", "user.totp": "second factor", "user.recover": "recovery on the console",
  "token.add": "new API token", "token.remove": "API token removed",
  "enrolment.add": "may enrol", "enrolment.use": "enrolment", "enrolment.withdraw": "its line was withdrawn", "certificate.renew": "certificate renewed", "certificate.grace": "certificate renewed after its end", "certificate.import": "certificate imported",
  "standing.quarantine": "put in quarantine", "standing.release": "released from quarantine", "standing.revoke": "revoked", "standing.retire": "retired", "standing.replace": "replaced", "device.replace": "another machine may take its place",
  "command.send": "asked for something", "rules.put": "rules saved", "alert.acknowledge": "alert acknowledged", "alert.unacknowledge": "acknowledgement undone", "maintenance.begin": "maintenance begun", "maintenance.end": "maintenance ended",
  "notify.test": "test message", "notify.again": "message sent again", "checklist.publish": "checklist published", "audit.genesis": "the log began", "audit.chain": "older lines were chained", "audit.prune": "old lines forgotten", "audit.export": "log taken away",
  "audit.unwritten": "lines that could not be written", "server.start": "server started", "server.stop": "server stopped", "server.reload": "configuration read again",
};
const outcomes: Record<Recorded["outcome"], [string, string]> = { done: ["healthy", "Done"], refused: ["warning", "Refused"], failed: ["critical", "Failed"] };
const groups: [string, string][] = [
  ["", "Anything"], ["session", "Signing in and out"], ["access", "Denials"], ["user", "People"], ["token", "API tokens"], ["enrolment", "Enrolment"], ["certificate", "Certificates"], ["standing", "Quarantine, revocation"],
  ["command", "Commands"], ["rules", "Rules"], ["alert", "Alerts"], ["maintenance", "Maintenance"], ["notify", "Messages"], ["checklist", "Checklist"], ["server", "The server"], ["audit", "The log itself"],
];

/* What stands on both sides of a change, and what does not, line by line: the lines are few. */
function Change({ before, after }: { before: string; after: string }) {
  const lines = (text: string) => text.split("\\n");
  const [old, now] = [lines(before), lines(after)];
  const kept = new Set(old.filter((line) => now.includes(line)));
  const side = (label: string, all: string[], mark: string) => (
    <div><h3>{label}</h3><pre>{all.map((line) => <span class={kept.has(line) ? "dim" : mark}>{line}{"\n"}</span>)}</pre></div>
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

export function Log() {
  const { query: q } = usePlace();
  const values = { what: q.get("what") ?? "", about: q.get("about") ?? "" };
  const { data, error, again, set } = useLoad<Page<Recorded>>("/audit" + query({ ...values, limit: 50 }));
  const [failure, setFailure] = useState("");
  const [about, typeAbout] = useSlow("about", values.about);
  const isFiltered = Object.values(values).some((v) => v);
  const more = () => data?.next && call<Page<Recorded>>("/audit" + query({ ...values, limit: 50, cursor: data.next }))
    .then((page) => { set((old) => ({ next: page.next, items: [...old.items, ...page.items] })); setFailure(""); }, (e) => setFailure(e.message));
  return (
    <>
      <h1>Log</h1>
      <p class="sentence">Who did what, when and from where. No line is ever changed.</p>
      <div class="ask" role="search">
        <label><span>What</span>
          <select name="what" value={values.what} onChange={(e) => setQuery({ what: e.currentTarget.value })}>{groups.map(([v, text]) => <option value={v}>{text}</option>)}</select>
        </label>
        <label><span>About (device, person)</span>
          <input id="search" name="about" type="search" autocomplete="off" autocapitalize="none" spellcheck={false} value={about} onInput={(e) => typeAbout(e.currentTarget.value)} />
        </label>
      </div>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && !data.next && (isFiltered ? <p class="dim">No line fits.</p> : <Empty title="Nothing is written down yet."><p>Signing in, enrolments, refusals, renewals and revocations will be.</p></Empty>)}
      {data && data.items.length > 0 && <ul class="entries log" aria-label="The newest first">{data.items.map((r) => <Row key={r.seq} item={r} />)}</ul>}
      {data?.next && <button type="button" class="more" onClick={more}>Show older</button>}
      {failure && <p class="error" role="alert">{failure}</p>}
    </>
  );
}
