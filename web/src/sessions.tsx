import { useState } from "preact/hooks";
import { call, type OpenSession } from "./api";
import { Confirm } from "./confirm";
import { count } from "./format";
import { useLoad } from "./load";
import { Failed, State, Time } from "./parts";

const browsers: [RegExp, string][] = [[/\bEdgA?\//, "Edge"], [/\bOPR\//, "Opera"], [/\b(Firefox|FxiOS)\//, "Firefox"], [/\b(HeadlessChrome|Chrome|CriOS)\//, "Chrome"], [/\bSafari\//, "Safari"], [/^curl\//, "curl"]];
const systems: [RegExp, string][] = [[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/Linux|X11/, "Linux"]];

/* A browser calls itself many things at once; these are words enough to know it again. */
export function agentWords(agent: string): string {
  const browser = browsers.find(([is]) => is.test(agent))?.[1];
  const system = systems.find(([is]) => is.test(agent))?.[1];
  return browser ? browser + (system ? ` on ${system}` : "") : agent || "Something without a name";
}

function Row({ item, end }: { item: OpenSession; end: (n: number) => Promise<unknown> }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const run = () => {
    setBusy(true);
    end(item.n).catch((e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <li class="entry" data-session={item.n} data-row tabIndex={-1}>
      <State is={item.current ? "online" : "notice"} label={item.current ? "This one" : "Open"} />
      <div class="entry-body">
        <p class="entry-text"><span title={item.agent}>{agentWords(item.agent)}</span>{item.from && <>, from {item.from}</>}</p>
        <p class="dim">Signed in with a {item.how} <Time at={item.created} /> · used <Time at={item.used} /></p>
        {!item.current && <span class="act"><button type="button" disabled={busy} data-act="end-session" onClick={run}>End it<span class="hidden">, {agentWords(item.agent)} from {item.from}</span></button></span>}
        {error && <p class="error" role="alert">{error}</p>}
      </div>
    </li>
  );
}

/* Of oneself, where the one in use stays, or of somebody (`name`), where all can be ended. */
export function Sessions({ path, name, changed }: { path: string; name?: string; changed?: () => void }) {
  const { data, error, again } = useLoad<{ items: OpenSession[] }>(path);
  const [asking, setAsking] = useState(false);
  const over = () => { again(); changed?.(); };
  const others = data?.items.filter((s) => !s.current).length ?? 0;
  return (
    <section aria-labelledby="h-sessions">
      <h2 id="h-sessions">Sessions</h2>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && <p class="dim">{name} is not signed in anywhere.</p>}
      {data && data.items.length > 0 && <ul class="entries">{data.items.map((s) => <Row key={s.n} item={s} end={(n) => call(`${path}/${n}`, "DELETE").then(over)} />)}</ul>}
      {others > 1 && <button type="button" class="more" data-act="end-all" onClick={() => setAsking(true)}>{name ? `End all ${others}` : `End the other ${others}`}</button>}
      {asking && (
        <Confirm title={`End ${count(others, "session")}?`} yes="End them" run={() => call(path, "DELETE").then(over)} close={() => setAsking(false)}>
          <p>{name ? `${name} is signed out everywhere at once, and has to sign in again.` : "Whoever uses them is signed out at once. This one stays."}</p>
        </Confirm>
      )}
    </section>
  );
}
