import { useEffect, useRef, useState } from "preact/hooks";
import { call, query, type Command, type DeviceDetail } from "./api";
import { span, useNow } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Failed, State, Time } from "./parts";

type Page = { items: Command[]; next: string | null };
type Known = { items: Command[]; more: boolean; loaded: boolean; error: string; again: () => void; older: () => void; put: (command: Command) => void };

const order = ["queued", "sent", "expired", "refused", "unsent", "answered", "failed"];
const newest = (a: Command, b: Command) => b.asked_at - a.asked_at || (a.id < b.id ? 1 : -1);

/* An answer of the API may be older than what the stream has said. */
function merge(list: Command[], fresh: Command[]): Command[] {
  const all = new Map(list.map((c) => [c.id, c]));
  for (const c of fresh) {
    const known = all.get(c.id);
    if (!known || order.indexOf(c.state) >= order.indexOf(known.state)) all.set(c.id, c);
  }
  return [...all.values()].sort(newest);
}

export function useCommands(device: string): Known {
  const path = `/devices/${encodeURIComponent(device)}/commands`;
  const { data, error, again, set } = useLoad<Page>(path + query({ limit: 20 }));
  const put = (command: Command) => set((old) => ({ ...old, items: merge(old.items, [command]) }));
  useEffect(() => on("command", (c) => c.device === device && put(c)), [device]);
  const older = () => data?.next && call<Page>(path + query({ limit: 100, cursor: data.next }))
    .then((page) => set((old) => ({ items: merge(old.items, page.items), next: page.next })), again);
  return { items: data?.items ?? none, more: !!data?.next, loaded: !!data, error, again, older, put };
}
const none: Command[] = [];

const looks: Record<Command["state"], [string, string]> = {
  queued: ["notice", "On its way"], sent: ["notice", "Given"], expired: ["offline", "No answer"], refused: ["warning", "Refused"],
  unsent: ["warning", "Not given"], answered: ["healthy", "Answered"], failed: ["critical", "Not done"],
};

/* What nobody has answered in time is over, also when no event says so. */
const stateAt = (c: Command, now: number) => ((c.state === "queued" || c.state === "sent") && now > c.until ? "expired" : c.state);

function fate(c: Command, state: Command["state"], now: number): string {
  const after = c.ended_at !== null && c.sent_at !== null ? ` after ${c.ended_at - c.sent_at < 1000 ? `${Math.max(0, c.ended_at - c.sent_at)} ms` : span(c.ended_at - c.sent_at)}` : "";
  if (state === "queued") return `waits for its gateway, for ${span(c.until - now)} at most`;
  if (state === "sent") return `no answer yet, for ${span(c.until - now)} at most`;
  if (state === "expired") return c.sent_at === null ? "it was never given: its gateway was not there in time" : "it was given, and nobody answered in time";
  if (state === "answered") return `answered${after}`;
  if (state === "failed") return `the machine did not do it${c.why ? `: ${c.why}` : ""}`;
  return c.why ?? "";
}

/* The answer without what every answer has. */
function said(answer: unknown): string {
  if (answer === null || typeof answer !== "object" || Array.isArray(answer)) return answer === null ? "" : JSON.stringify(answer);
  const { id: _id, ...rest } = answer as Record<string, unknown>;
  return Object.keys(rest).length ? JSON.stringify(rest) : "";
}

function Row({ command: c }: { command: Command }) {
  const now = useNow();
  const state = stateAt(c, now);
  const [is, label] = looks[state];
  const answer = state === "answered" ? said(c.answer) : "";
  return (
    <li class="entry" data-command={c.id} data-state={state}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{c.name}{c.payload !== null && <> <code>{JSON.stringify(c.payload)}</code></>}</p>
        <p class="dim">{c.rule ? `by the rule ${c.rule}` : `by ${c.by ?? "somebody at the fleet server"}`} <Time at={c.asked_at} /> · {fate(c, state, now)}</p>
        {answer && <p><code>{answer}</code></p>}
      </div>
    </li>
  );
}

function Confirm(props: { device: DeviceDetail; name: string; payload: string; within: string; yes: () => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { device, name } = props;
  return (
    <dialog ref={dialog} onClose={props.close} aria-labelledby="ask-title" class="confirm">
      <h2 id="ask-title">Ask {device.id} to {name}?</h2>
      {props.payload && <p><code>{props.payload}</code></p>}
      <p>{device.online
        ? "Its gateway gives it to the machine at once. It cannot be taken back."
        : `It is silent now: its gateway keeps it for ${props.within} and gives it when the machine listens. It cannot be taken back.`}</p>
      <div class="act">
        <button type="button" class="primary" onClick={() => { props.yes(); dialog.current?.close(); }}>Yes, {name}</button>
        <button type="button" class="quiet" autofocus onClick={() => dialog.current?.close()}>Leave it</button>
      </div>
    </dialog>
  );
}

const grammar = "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}";
const spans: [string, string][] = [["60", "1 min"], ["600", "10 min"], ["3600", "1 h"], ["86400", "1 d"]];

function fault(payload: string): string {
  try {
    if (payload.trim()) JSON.parse(payload);
    return "";
  } catch (e) {
    return `That is no JSON: ${(e as Error).message}. A text stands in quotes: "slow".`;
  }
}

function Ask({ device, known, put }: { device: DeviceDetail; known: string[]; put: (command: Command) => void }) {
  const [name, setName] = useState("");
  const [payload, setPayload] = useState("");
  const [within, setWithin] = useState("600");
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    const wrong = fault(payload);
    setError(wrong);
    setAsking(!wrong);
  };
  const send = () => {
    setBusy(true);
    call<{ id: string }>(`/devices/${encodeURIComponent(device.id)}/commands/${encodeURIComponent(name)}` + query({ within }), "POST", payload.trim() || "null")
      .then(({ id }) => call<Command>(`/commands/${id}`).then(put, () => undefined))
      .then(() => { setName(""); setPayload(""); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <form class="ask" onSubmit={submit}>
      <label><span>Command</span>
        <input name="command" list="commands-known" required pattern={grammar} title="letters, digits, _ and -" autocomplete="off" autocapitalize="none" spellcheck={false}
          value={name} onInput={(e) => setName(e.currentTarget.value)} />
      </label>
      <datalist id="commands-known">{known.map((n) => <option value={n} />)}</datalist>
      <label class="grow"><span>With (JSON, may stay empty)</span>
        <input name="payload" maxLength={4096} autocomplete="off" autocapitalize="none" spellcheck={false} class="code" aria-invalid={!!error} aria-describedby="ask-error"
          value={payload} onInput={(e) => { setPayload(e.currentTarget.value); setError(""); }} />
      </label>
      <label><span>Worth doing for</span>
        <select value={within} onChange={(e) => setWithin(e.currentTarget.value)}>{spans.map(([s, text]) => <option value={s}>{text}</option>)}</select>
      </label>
      <button type="submit" disabled={busy}>{busy ? "Asking…" : "Ask…"}</button>
      <p id="ask-error" class="error" role="alert">{error}</p>
      {asking && <Confirm device={device} name={name} payload={payload.trim()} within={spans.find(([s]) => s === within)![1]} yes={send} close={() => setAsking(false)} />}
    </form>
  );
}

export function Commands({ device, may, of }: { device: DeviceDetail; may: boolean; of: Known }) {
  const known = [...new Set(of.items.flatMap((c) => (c.name === "stop" ? ["stop", "start"] : [c.name])))].sort(); // who stops a machine asks for its start next
  return (
    <section aria-labelledby="h-commands">
      <h2 id="h-commands">Commands</h2>
      {may
        ? <Ask device={device} known={known} put={of.put} />
        : <p class="dim">You see what it was asked; asking takes the role operator.</p>}
      {of.error && <Failed error={of.error} retry={of.again} />}
      {of.loaded && of.items.length === 0 && (
        <p class="dim">It was never asked for anything. A machine of <code>selvedge simulate</code> knows <code>stop</code>, <code>start</code> and <code>ping</code>; what yours knows is its maker’s.</p>
      )}
      {of.items.length > 0 && <ul class="entries" aria-label="Commands, the newest first">{of.items.map((c) => <Row key={c.id} command={c} />)}</ul>}
      {of.more && <button type="button" class="more" onClick={of.older}>Show older commands</button>}
    </section>
  );
}
