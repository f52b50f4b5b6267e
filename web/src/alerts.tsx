import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { call, query, type Alert } from "./api";
import { alertSentence, capital, count, num, readable, withUnit, words } from "./format";
import { latest, on } from "./live";
import { useLoad } from "./load";
import { AlertText, Chips, Command, Empty, Failed, Lasting, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";
import { Timeline } from "./timeline";

type Page = { items: Alert[]; next: string | null };
const rank = (alert: Alert) => (alert.state === "cleared" ? 4 : (alert.state === "acknowledged" ? 2 : 0) + ({ critical: 0, warning: 0.5 }[alert.severity] ?? 1));
export const byUrgency = (a: Alert, b: Alert) => rank(a) - rank(b) || b.raised_at - a.raised_at;

export function acknowledge(alert: Alert, undo = false): Promise<Alert> {
  return call<Alert>(`/alerts/${encodeURIComponent(alert.id)}/acknowledge`, undo ? "DELETE" : "POST");
}

/* The rule of alerts about a machine's sensors together. */
const together = "unusual-together";
const remaining = "remaining-life";

/* What is unusual to an alert was normal: its gateway remembers. */
export function sayNormal(alert: Alert): Promise<Alert> {
  return call<Alert>(`/alerts/${encodeURIComponent(alert.id)}/normal`, "POST");
}

export function Acknowledge({ alert, done }: { alert: Alert; done: (alert: Alert) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const send = (answer: Promise<Alert>) => {
    setBusy(true);
    setError("");
    answer.then(done, (e) => setError(e.message)).finally(() => setBusy(false));
  };
  /* Its gateway learns from that also when it is over. */
  const unusual = (alert.rule === "unusual" || alert.rule === together) && !alert.normal_at;
  if (alert.state === "cleared" && !unusual) return null;
  const undo = alert.state === "acknowledged";
  return (
    <span class="act">
      {error && <span class="error" role="alert">{error}</span>}
      {unusual && (
        <button type="button" data-act="normal" class="quiet" disabled={busy} onClick={() => send(sayNormal(alert))}>
          This was normal<span class="hidden">: {alert.device}, {alertSentence(alert)}</span>
        </button>
      )}
      {alert.state !== "cleared" && (
      <button type="button" data-act="acknowledge" class={undo ? "quiet" : ""} disabled={busy} onClick={() => send(acknowledge(alert, undo))}>
        {undo ? "Undo" : "Acknowledge"}
        <span class="hidden"> {alert.device}, {alertSentence(alert)}</span>
      </button>
      )}
    </span>
  );
}

/* What the sensor says by now; the sentence has the value that raised the alert. */
function Now({ alert }: { alert: Alert }) {
  const [value, set] = useState(latest(alert.device, alert.sensor));
  useEffect(() => on("points", () => set(latest(alert.device, alert.sensor))), [alert.device, alert.sensor]);
  return value === undefined ? null : <> · <span class="fig">now {withUnit(value, alert.unit)}</span></>;
}

export function AlertRow({ alert, done }: { alert: Alert; done: (alert: Alert) => void }) {
  return (
    <li class={`alert is-${alert.severity} ${alert.state}`} data-row data-id={alert.id} tabIndex={-1}>
      <State is={alert.state === "cleared" ? "cleared" : alert.severity} />
      <div class="alert-body">
        <AlertText alert={alert} />
        <p class="dim">
          <Lasting alert={alert} />
          {alert.sensor && alertSentence(alert) === readable(alert.message) && <> · {words(alert.sensor)} {alert.value !== null && withUnit(alert.value, alert.unit)}</>}
          {!alert.sensor && alert.rule && alert.rule !== together && alert.rule !== remaining && <> · rule {alert.rule}</>}
          {alert.expected && <> · <span class="fig">expected {num(alert.expected[0])} to {withUnit(alert.expected[1], alert.unit)}</span></>}
          {alert.score !== undefined && <> · <span class="fig">score {alert.score}</span></>}
          {alert.state !== "cleared" && <Now alert={alert} />}
          {" · "}{alert.site}
          {alert.state === "acknowledged" && <> · acknowledged by {alert.acknowledged_by ?? "someone"} <Time at={alert.acknowledged_at} /></>}
          {alert.normal_at && <> · normal, says {alert.normal_by ?? "someone"} <Time at={alert.normal_at} /></>}
        </p>
        <Timeline alert={alert} />
      </div>
      <Acknowledge alert={alert} done={done} />
    </li>
  );
}

/* One alert of a kind is active at a time: a new one ends its predecessor. */
export function mergeAlert(list: Alert[], alert: Alert, fits: boolean): Alert[] {
  const known = list.some((a) => a.id === alert.id);
  const ended = (a: Alert) => a.id !== alert.id && a.state !== "cleared" && alert.state !== "cleared" && a.raised_at <= alert.raised_at &&
    a.site === alert.site && a.device === alert.device && a.sensor === alert.sensor && a.type === alert.type && (a.rule ?? "") === (alert.rule ?? "");
  const rest = list.filter((a) => !ended(a));
  return known ? rest.map((a) => (a.id === alert.id ? alert : a)) : fits ? [alert, ...rest] : rest;
}

/* Should the stream have missed one, the count that comes with every overview shows it. */
export function useMissed(items: Alert[] | undefined, whole: boolean, again: () => void) {
  const asked = useRef(0);
  useEffect(() => on("overview", (o) => {
    if (!items || !whole || Date.now() - asked.current < 10000) return;
    if (items.filter((a) => a.state === "open").length === o.alerts.open) return;
    asked.current = Date.now();
    again();
  }), [items, whole]);
}

export function Alerts() {
  const { query: q } = usePlace();
  const state = q.get("state") ?? "active";
  const severity = q.get("severity") ?? "";
  const site = q.get("site") ?? "";
  const device = q.get("device") ?? "";
  const path = "/alerts" + query({ state, severity, site, device, limit: 100 });
  const { data, error, again, set } = useLoad<Page>(path);
  const fits = (a: Alert) =>
    (state === "all" || (state === "active" ? a.state !== "cleared" : a.state === state)) &&
    (!severity || a.severity === severity) && (!site || a.site === site) && (!device || a.device === device);
  const put = (alert: Alert) => set((old) => ({ ...old, items: mergeAlert(old.items, alert, fits(alert)) }));
  useEffect(() => on("alert", put), [path]);
  const rows = useMemo(
    () => (data ? [...data.items].sort(byUrgency) : []), [data]);
  const more = () => data?.next && call<Page>("/alerts" + query({ state, severity, site, device, limit: 100, cursor: data.next }))
    .then((page) => set((old) => ({ items: [...old.items, ...page.items.filter((a) => !old.items.some((b) => b.id === a.id))], next: page.next })), again);
  useMissed(data?.items, !!data && !data.next && !severity && !site && !device && /^(active|open|all)$/.test(state), again);
  const open = rows.filter((a) => a.state === "open").length;
  return (
    <>
      <h1>Alerts</h1>
      <p class="sentence" aria-live="polite">
        {!data ? "Asking for the alerts…" : open === 0 ? "No alert waits for an answer." : `${count(open, "alert waits", "alerts wait")} for an answer.`}
      </p>
      <div class="filters">
        <Chips label="State" value={state} pick={(v) => setQuery({ state: v === "active" ? null : v })}
          choices={[["active", "Active"], ["open", "Open"], ["acknowledged", "Acknowledged"], ["cleared", "Cleared"], ["all", "All"]]} />
        <Chips label="Severity" value={severity} pick={(v) => setQuery({ severity: v })}
          choices={[["", "Any severity"], ["critical", "Critical"], ["warning", "Warning"], ["info", "Info"]]} />
        {(site || device) && (
          <button type="button" class="chip" aria-pressed="true" onClick={() => setQuery({ site: null, device: null })}>
            {device || site} only: show all
          </button>
        )}
      </div>
      {error && <Failed error={error} retry={again} />}
      {data && rows.length === 0 && (
        <Empty title={state === "active" ? "Nothing is wrong." : `No ${state === "all" ? "" : state + " "}alerts here.`}>
          <p>Alerts come from the rules on each gateway. To see one, let a simulated machine run hot:</p>
          <Command text="selvedge pilot" />
        </Empty>
      )}
      {rows.length > 0 && <ul class="alerts" aria-label={`${capital(state)} alerts by urgency`}>{rows.map((a) => <AlertRow key={a.id} alert={a} done={put} />)}</ul>}
      {data?.next && <button type="button" class="more" onClick={more}>Show older alerts</button>}
    </>
  );
}
