/* A text tried before it is saved: what it would have raised in the last days, by what each gateway of the site has stored. [rules-10] */
import { useEffect, useRef, useState } from "preact/hooks";
import { call, Problem, query, type RulesTried } from "./api";
import { count, exact, moment, readable, span, useNow } from "./format";
import { State } from "./parts";

type Tried = RulesTried["gateways"][number];
type Found = NonNullable<Tried["found"]>;
export type Trial = { text: string; since: number; tried: RulesTried | null; error: string };

const days = 7;
const first = 10; // alerts that are listed unasked
export const tryLabel = `Try on the last ${days} days`;

/* `refused` hears of a problem document with faults. */
export function useTrial(site: string, refused: (body: unknown) => void) {
  const [trial, setTrial] = useState<Trial | null>(null);
  const current = useRef<AbortController | null>(null);
  const stop = () => { current.current?.abort(); current.current = null; setTrial(null); };
  useEffect(() => stop, [site]);
  const start = (text: string) => {
    const mine = (current.current = new AbortController());
    const begun = { text, since: Date.now(), tried: null, error: "" };
    setTrial(begun);
    call<RulesTried>(`/sites/${encodeURIComponent(site)}/rules/try` + query({ days }), "POST", text, mine.signal, { "Content-Type": "text/yaml" }).then(
      (tried) => { if (mine === current.current) setTrial({ ...begun, tried }); },
      (e) => {
        if (mine !== current.current) return;
        const faulty = e instanceof Problem && Boolean((e.body as { faults?: unknown } | null)?.faults);
        if (faulty) refused((e as Problem).body);
        setTrial(faulty ? null : { ...begun, error: e.message });
      });
  };
  return { trial, start, stop };
}

const listed = (names: string[]) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`);

function sentence(f: Found): string {
  if (f.readings === 0) return `No readings are stored of the last ${count(f.days, "day")}.`;
  const without = f.without ? `; ${f.without.alerts.toLocaleString()} without ${listed(f.without.what)}` : "";
  return `${count(f.alerts, "alert")} in ${count(f.days, "day")}${without}; ${f.in_force.toLocaleString()} with the rules in force.`;
}

function basis(f: Found): string {
  const stays = f.left_out ? ` ${count(f.left_out, "sensor")} that never ${f.left_out === 1 ? "leaves" : "leave"} the site took no part.` : "";
  return `Judged: ${count(f.readings, "reading")} of ${count(f.streams, "sensor")}.${stays}`;
}

const fate = (status: number): [string, string] =>
  status === 200 ? ["info", "Tried"] : status === 503 ? ["offline", "Away"] : status === 504 ? ["warning", "Too slow"] : ["warning", "Not tried"];

function Raised({ found }: { found: Found }) {
  const [all, setAll] = useState(false);
  const shown = all ? found.raised : found.raised.slice(0, first);
  const more = found.alerts - shown.length;
  return (
    <ol class="timeline" aria-label="What would have been raised">
      {shown.map((a) => (
        <li>
          <time dateTime={new Date(a.raised_at).toISOString()} title={exact(a.raised_at)}>{moment(a.raised_at)}</time>
          <div>
            <State is={a.severity} label={[a.device, a.sensor].filter(Boolean).join(" ")} />
            <p>{a.type}{a.rule && ` (${a.rule})`}, {a.cleared_at === null ? "open at the end" : `for ${span(a.cleared_at - a.raised_at)}`}: {readable(a.message)}</p>
          </div>
        </li>
      ))}
      {more > 0 && <li><span /><span class="dim">and {more.toLocaleString()} more</span></li>}
      {shown.length < found.raised.length && <li><span /><button type="button" onClick={() => setAll(true)}>{found.alerts > found.raised.length ? "List the first" : "List all"} {found.raised.length}</button></li>}
    </ol>
  );
}

function OfGateway({ gateway }: { gateway: Tried }) {
  const [is, label] = fate(gateway.status);
  return (
    <li class="entry" data-tried={gateway.status}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{gateway.id}</p>
        {gateway.found ? <p>{sentence(gateway.found)}</p> : <p>{gateway.why}</p>}
        {gateway.found && gateway.found.readings > 0 && <p class="dim">{basis(gateway.found)}</p>}
        {gateway.found && gateway.found.raised.length > 0 && <Raised found={gateway.found} />}
      </div>
    </li>
  );
}

function Waiting({ since, stop }: { since: number; stop: () => void }) {
  const now = useNow();
  return (
    <p class="act">
      <span role="status">The gateways try it on what they have stored; that takes 2 min at most.</span>
      <span class="dim fig" aria-hidden="true">{span(Math.max(0, now - since))} so far</span>
      <button type="button" onClick={stop}>Stop waiting</button>
    </p>
  );
}

export function Tryout({ trial, text, stop }: { trial: Trial | null; text: string; stop: () => void }) {
  return (
    <section class="tryout" aria-label="Tried" data-tryout={trial ? (trial.tried ? "done" : trial.error ? "failed" : "waiting") : ""}>
      {trial && !trial.tried && !trial.error && <Waiting since={trial.since} stop={stop} />}
      {trial?.error && <p class="error">{trial.error}</p>}
      {trial?.tried && (
        <>
          <p class="dim" role="status">{trial.text === text ? "What this text would have raised. Nothing is saved." : "What the text would have raised before your last change. Nothing is saved."}</p>
          {trial.tried.gateways.length === 0 && <p class="dim">This site has no gateway to try it.</p>}
          <ul class="entries">{trial.tried.gateways.map((g) => <OfGateway key={g.id} gateway={g} />)}</ul>
        </>
      )}
    </section>
  );
}
