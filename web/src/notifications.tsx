import { useEffect, useState } from "preact/hooks";
import { call, query, type Channel, type Notification, type NotifySetup, type Route, type Session } from "./api";
import { capital, count, span } from "./format";
import { useLoad } from "./load";
import { Chips, Command, Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";

type Page = { items: Notification[]; next: string | null };
type Tested = { id: string; channel: string };

const pollMs = 3000;
const kinds: Record<Channel["kind"], string> = { webhook: "Webhook", slack: "Slack", teams: "Teams", smtp: "Mail" };
const looks: Record<Notification["state"], [string, string]> = {
  gathering: ["notice", "Gathering"], waiting: ["notice", "Waiting"], sent: ["healthy", "Sent"], failed: ["critical", "Failed"],
};

/* What is tried, and when; what has happened has its time elsewhere. */
function fate(n: Notification): string {
  if (n.state === "gathering") return "gathers alerts of the same cause";
  const tries = n.tries > 0 ? count(n.tries, "try", "tries") : "not tried yet";
  return n.error ? `${tries}: ${n.error}` : tries;
}

/* After a test: until each message has its fate. */
function useTest(path: string, over: () => void) {
  const [tests, setTests] = useState<Tested[]>([]);
  const [ends, setEnds] = useState<Notification[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => {
    if (!tests.length) return;
    let alive = true;
    const look = () => Promise.all(tests.map((t) => call<Notification>(`/notifications/${t.id}`))).then((found) => {
      if (!alive) return;
      setEnds(found);
      if (found.every((n) => n.state === "sent" || n.state === "failed")) {
        setBusy(false);
        over();
      } else setTimeout(look, 500);
    }, (e) => { setError(e.message); setBusy(false); });
    look();
    return () => { alive = false; };
  }, [tests]);
  const start = () => {
    setBusy(true);
    setError("");
    setEnds([]);
    call<{ items: Tested[] }>(path, "POST").then((answer) => setTests(answer.items), (e) => { setError(e.message); setBusy(false); });
  };
  return { start, busy, error, ends };
}

function Test({ what, path, over }: { what: string; path: string; over: () => void }) {
  const test = useTest(path, over);
  return (
    <span class="act test">
      <button type="button" data-act="test" disabled={test.busy} onClick={test.start}>{test.busy ? "Sending…" : "Send test"}<span class="hidden"> over {what}</span></button>
      <span class="test-end" role="status">
        {test.error && <span class="error">{test.error}</span>}
        {!test.busy && test.ends.map((n) => <State is={looks[n.state][0]} label={n.state === "sent" ? `${n.channel}: test sent` : `${n.channel}: ${n.error}`} />)}
      </span>
    </span>
  );
}

function ChannelRow({ channel, may, over }: { channel: Channel; may: boolean; over: () => void }) {
  const last = channel.last;
  const [is, label] = last ? looks[last.state] : ["unknown", "Not used yet"];
  return (
    <li class="entry" data-channel={channel.name}>
      <State is={is!} label={label} />
      <div class="entry-body">
        <p class="entry-text">{channel.name}</p>
        <p class="dim">{kinds[channel.kind]} to {channel.to.join(", ")}{channel.private && " · private addresses allowed"}</p>
        {last && <p class="dim">Last <Time at={last.done_at} />: {last.title}</p>}
        {last?.error && <p class={last.state === "failed" ? "error" : "dim"}>{last.error}</p>}
        {(channel.waiting > 0 || channel.failed > 0) && (
          <p>{channel.waiting > 0 && <>{count(channel.waiting, "message waits", "messages wait")}</>}{channel.waiting > 0 && channel.failed > 0 && " · "}
            {channel.failed > 0 && <a href={"/notifications" + query({ state: "failed", channel: channel.name })}>{channel.failed} failed</a>}</p>
        )}
        {may && <Test what={channel.name} path={`/notify/channels/${encodeURIComponent(channel.name)}/test`} over={over} />}
      </div>
    </li>
  );
}

/* "critical alerts of HIGH, LOW at pune*, 22:00-06:00 (Europe/Oslo)" */
function which(r: Route): string {
  const parts = [r.severity === "info" ? "every alert" : r.severity === "warning" ? "warnings and worse" : "critical alerts"];
  if (r.alert.length) parts.push(`of type ${r.alert.join(", ")}`);
  if (r.device.length) parts.push(`of ${r.device.join(", ")}`);
  if (r.type.length) parts.push(`of machines of type ${r.type.join(", ")}`);
  if (r.site.length) parts.push(`at ${r.site.join(", ")}`);
  if (r.days.length) parts.push(`on ${r.days.map(capital).join(", ")}`);
  if (r.hours) parts.push(`from ${r.hours.replace("-", " to ")}`);
  return parts.join(" ") + (r.days.length || r.hours ? ` (${r.zone})` : "");
}

function later(r: Route): string {
  const parts: string[] = [];
  if (r.quiet) parts.push(`quiet from ${r.quiet.replace("-", " to ")} (${r.zone}) unless critical`);
  if (r.repeat_s) parts.push(`again every ${span(r.repeat_s * 1000)} until acknowledged`);
  if (r.escalate_after_s) parts.push(`after ${span(r.escalate_after_s * 1000)} without acknowledgement to ${r.escalate_to.join(", ")}`);
  if (!r.recovery) parts.push("not when it is over");
  return capital(parts.join("; "));
}

function RouteRow({ route, at, may, over }: { route: Route; at: number; may: boolean; over: () => void }) {
  return (
    <li class="entry numbered" data-route={route.name}>
      <span class="dim fig">{at}</span>
      <div class="entry-body">
        <p class="entry-text">{route.name}: {which(route)} → {route.to.join(", ")}</p>
        {later(route) && <p class="dim">{later(route)}</p>}
        {may && <Test what={`route ${route.name}`} path={`/notify/routes/${encodeURIComponent(route.name)}/test`} over={over} />}
      </div>
    </li>
  );
}

function Again({ item, done }: { item: Notification; done: (n: Notification) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const press = () => {
    setBusy(true);
    call<Notification>(`/notifications/${item.id}/retry`, "POST").then(done, (e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <span class="act">
      <button type="button" data-act="again" disabled={busy} onClick={press}>Send again<span class="hidden"> {item.title}</span></button>
      {error && <span class="error" role="alert">{error}</span>}
    </span>
  );
}

function MessageRow({ item, may, put }: { item: Notification; may: boolean; put: (n: Notification) => void }) {
  const [is, label] = looks[item.state];
  return (
    <li class="entry" data-row tabIndex={-1} data-id={item.id} data-state={item.state}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{item.title ?? `${item.severity}: ${count(item.count, "alert")} at ${item.site}: ${item.type}`}</p>
        <p class="dim">
          {item.channel}{item.route && <> by route {item.route}</>} · {fate(item)} · <Time at={item.done_at ?? item.made_at} />
          {item.state === "waiting" && item.tries > 0 && <> · next try <Time at={item.due_at} /></>}
        </p>
        {may && item.state === "failed" && <Again item={item} done={put} />}
      </div>
    </li>
  );
}

function Messages({ may, turn, changed }: { may: boolean; turn: number; changed: () => void }) {
  const { query: q } = usePlace();
  const state = q.get("state") ?? "all";
  const channel = q.get("channel") ?? "";
  const { data, error, again, set } = useLoad<Page>("/notifications" + query({ state, channel, limit: 50 }));
  const [older, setOlder] = useState<Notification[]>([]);
  const [next, setNext] = useState<string | null | undefined>(undefined);
  useEffect(again, [turn]);
  useEffect(() => { setOlder([]); setNext(undefined); }, [state, channel]);
  const cursor = next === undefined ? data?.next : next;
  const more = () => cursor && call<Page>("/notifications" + query({ state, channel, limit: 50, cursor }))
    .then((page) => { setOlder((old) => [...old, ...page.items]); setNext(page.next); }, again);
  const put = (n: Notification) => { set((old) => ({ ...old, items: old.items.map((a) => (a.id === n.id ? n : a)) })); changed(); };
  const fresh = data?.items ?? [];
  const rows = [...fresh, ...older.filter((n) => !fresh.some((f) => f.id === n.id))];
  return (
    <section>
      <h2>What became of them</h2>
      <div class="filters">
        <Chips label="State" value={state} pick={(v) => setQuery({ state: v === "all" ? null : v })}
          choices={[["all", "All"], ["failed", "Failed"], ["waiting", "Waiting"], ["gathering", "Gathering"], ["sent", "Sent"]]} />
        {channel && <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ channel: null })}>{channel} only: show all</button>}
      </div>
      {error && <Failed error={error} retry={again} />}
      {data && rows.length === 0 && <p class="dim">{state === "all" ? "No message has gone out yet." : `No ${state} message.`}</p>}
      {rows.length > 0 && <ul class="entries" aria-label="Messages, newest first">{rows.map((n) => <MessageRow key={n.id} item={n} may={may} put={put} />)}</ul>}
      {cursor && <button type="button" class="more" onClick={more}>Show older messages</button>}
    </section>
  );
}

function headline(setup: NotifySetup): string {
  const failed = setup.channels.filter((c) => c.last?.state === "failed").length;
  const waiting = setup.channels.reduce((sum, c) => sum + c.waiting, 0);
  if (failed) return `${count(failed, "channel")} of ${setup.channels.length} did not get ${failed === 1 ? "its" : "their"} last message through.`;
  if (waiting) return `${count(waiting, "message waits", "messages wait")} to go out.`;
  return `${count(setup.channels.length, "channel")}, ${count(setup.routes.length, "route")}. Nothing waits.`;
}

/* Whom the fleet tells is for who sees all of it; a person of some sites sees the messages about these. */
export function Notifications({ session }: { session: Session }) {
  return session.sites ? <><h1>Messages</h1><p class="sentence">About {session.sites.join(", ")}.</p><Messages may={session.role !== "viewer"} turn={0} changed={() => undefined} /></> : <All session={session} />;
}

function All({ session }: { session: Session }) {
  const { data, error, again } = useLoad<NotifySetup>("/notify");
  const [turn, setTurn] = useState(0);
  const both = () => { again(); setTurn((n) => n + 1); };
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && both(), pollMs);
    return () => clearInterval(timer);
  }, []);
  const may = session.role !== "viewer";
  return (
    <>
      <h1>Messages</h1>
      <p class="sentence" aria-live="polite">{!data ? "Asking who is told…" : data.channels.length === 0 ? "Nobody is told about alerts." : headline(data)}</p>
      {error && <Failed error={error} retry={again} />}
      {data?.channels.length === 0 && (
        <Empty title="Alerts wait in the inbox until somebody looks.">
          <p>To send them to people, add a <code>notify:</code> section with channels and routes to the fleet server’s configuration; it is read again on SIGHUP. To see every key:</p>
          <Command text="selvedge-fleet --help" />
        </Empty>
      )}
      {data && data.channels.length > 0 && (
        <div class="columns even">
          <section><h2>Channels</h2><ul class="entries">{data.channels.map((c) => <ChannelRow key={c.name} channel={c} may={may} over={both} />)}</ul></section>
          <section>
            <h2>Routes <small>{data.match === "all" ? "every one that fits" : "the first that fits"}</small></h2>
            {data.routes.length === 0 && <p class="dim">No route leads anywhere: nothing is sent but tests.</p>}
            <ul class="entries">{data.routes.map((r, i) => <RouteRow key={r.name} route={r} at={i + 1} may={may} over={both} />)}</ul>
          </section>
        </div>
      )}
      {data && <Messages may={may} turn={turn} changed={both} />}
    </>
  );
}
