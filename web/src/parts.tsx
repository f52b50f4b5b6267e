import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { query, type Alert, type Key } from "./api";
import { alertSentence, capital, exact, millis, relative, span, useNow } from "./format";

const paths: Record<string, string> = {
  overview: "M3 3h6v8H3zM11 3h6v5h-6zM11 10h6v7h-6zM3 13h6v4H3z",
  devices: "M4 4h12v9H4zM8 17h4M10 13v4",
  alerts: "M10 3a5 5 0 0 1 5 5v4l2 2H3l2-2V8a5 5 0 0 1 5-5zM8 17h4",
  updates: "M10 3v9M6.5 8.5L10 12l3.5-3.5M4 16h12",
  models: "M3 15c3 0 4-9 7-9s3 5 7 5M3 17.5h14M14.5 8.5l2.5 2.5-2.5 2.5",
  rules: "M4 5h12M4 10h12M4 15h12M8 3v4M13 8v4M6 13v4",
  notifications: "M3 5h14v10H3zM3 6l7 5 7-5",
  identity: "M4 4h12v12H4zM8 8.5a2 2 0 1 1 4 0a2 2 0 1 1-4 0M7 14c0-3 6-3 6 0",
  log: "M5 3h10v14H5zM8 7h4M8 10h4M8 13h4",
  checklist: "M3 5.5l1.3 1.3 2.2-2.6M3 11l1.3 1.3 2.2-2.6M3 16.5l1.3 1.3 2.2-2.6M9.5 5.5h7.5M9.5 11h7.5M9.5 16.5h7.5",
  people: "M4.7 6.5a2.3 2.3 0 1 1 4.6 0a2.3 2.3 0 1 1-4.6 0M2.5 16c0-6 9-6 9 0M12 4.4a2.3 2.3 0 0 1 0 4.2M13.5 11.8c2.3.6 4 1.9 4 4.2",
  account: "M7.2 6.5a2.8 2.8 0 1 1 5.6 0a2.8 2.8 0 1 1-5.6 0M4 17c0-7.5 12-7.5 12 0",
  more: "M3.4 10a.8.8 0 1 1 1.6 0a.8.8 0 1 1-1.6 0M9.2 10a.8.8 0 1 1 1.6 0a.8.8 0 1 1-1.6 0M15 10a.8.8 0 1 1 1.6 0a.8.8 0 1 1-1.6 0",
  help: "M7 7.5a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.1-1.5 2.2M10 15.5v.5",
  good: "M4 10.5l4 4 8-9",
  warning: "M10 3l8 14H2zM10 8v4M10 14.4v.3",
  critical: "M6.5 2.5h7l4 4v7l-4 4h-7l-4-4v-7zM10 6v5M10 13.6v.3",
  offline: "M4 4l12 12M10 3a7 7 0 1 0 .01 0",
  unknown: "M10 3a7 7 0 1 0 .01 0M7 10h6",
  work: "M12.6 3.2a4.2 4.2 0 0 0-4.9 5.6L3.4 13a1.9 1.9 0 0 0 0 2.7l.9.9a1.9 1.9 0 0 0 2.7 0l4.2-4.3a4.2 4.2 0 0 0 5.6-4.9l-2.7 2.7-2.9-.9-.9-2.9z",
  leave: "M8 4H4v12h4M9 10h8M14 7l3 3-3 3",
};

export function Icon({ name }: { name: string }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name] ?? paths.unknown} />
    </svg>
  );
}

const stateIcon: Record<string, string> = {
  healthy: "good", online: "good", notice: "unknown", info: "unknown", warning: "warning", critical: "critical",
  offline: "offline", awaited: "unknown", unknown: "unknown", cleared: "good",
};

export function State({ is, label }: { is: string; label?: string }) {
  return (
    <span class={`state is-${is}`}>
      <Icon name={stateIcon[is] ?? "unknown"} />
      <span>{label ?? capital(is)}</span>
    </span>
  );
}

/* One word for a device: silent ones first (one that was never heard is awaited), and without a word about health that it is there. */
export const condition = (d: { online: boolean; health: string; last_seen?: number | null }) => (!d.online && d.last_seen === null ? "awaited" : !d.online ? "offline" : d.health === "unknown" ? "online" : d.health);

export function Time({ at, prefix }: { at: number | string | null | undefined; prefix?: string }) {
  const now = useNow();
  if (at === null || at === undefined || at === 0) return <span class="dim">never</span>;
  const ms = millis(at);
  return (
    <time dateTime={new Date(ms).toISOString()} title={exact(ms)}>
      {prefix}{relative(ms, now)}
    </time>
  );
}

export function Lasting({ alert }: { alert: Alert }) {
  const now = useNow();
  const end = alert.cleared_at ?? now;
  return (
    <time dateTime={new Date(alert.raised_at).toISOString()} title={`since ${exact(alert.raised_at)}`}>
      {alert.cleared_at ? "lasted" : "for"} {span(end - alert.raised_at)}
    </time>
  );
}

export function Spark({ item }: { item: Key }) {
  const values = item.spark.filter((v) => Number.isFinite(v));
  if (values.length < 2) return <svg class="spark" viewBox="0 0 64 20" aria-hidden="true" />;
  const low = Math.min(...values);
  const size = Math.max(...values) - low || 1;
  const step = 64 / (values.length - 1);
  const line = values.map((v, i) => `${(i * step).toFixed(1)},${(18 - ((v - low) / size) * 16).toFixed(1)}`).join(" ");
  return (
    <svg class="spark" viewBox="0 0 64 20" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={line} />
    </svg>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

export function Failed({ error, retry }: { error: string; retry: () => void }) {
  return (
    <div class="failed" role="alert">
      <State is="warning" label={error} />
      <button type="button" onClick={retry}>Try again</button>
    </div>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <button type="button" onClick={() => navigator.clipboard?.writeText(text).catch(() => undefined)}>
        Copy<span class="hidden"> {text}</span>
      </button>
    </div>
  );
}

export function Chips(props: {
  label: string; value: string; choices: [string, string][]; pick: (value: string) => void;
}) {
  return (
    <div class="chips" role="group" aria-label={props.label}>
      {props.choices.map(([value, label]) => (
        <button type="button" class={value ? "chip" : "chip any"} aria-pressed={props.value === value} onClick={() => props.pick(value)}>
          {label}
        </button>
      ))}
    </div>
  );
}

/* Where the evidence is: the live page while it lasts, afterwards the charts of that time. What a gateway says of itself (a device's HEALTH alert
   has no rule) is on its site's card. */
function evidence(alert: Alert): string {
  if ((alert.type === "HEALTH" || alert.type === "OFFLINE") && alert.rule) return "/";
  const page = `/devices/${encodeURIComponent(alert.device)}`;
  if (!alert.cleared_at) return page;
  const room = Math.max(60e3, (alert.cleared_at - alert.raised_at) / 2);
  return page + query({ from: Math.floor(alert.raised_at - room), to: Math.ceil(alert.cleared_at + room) });
}

export function AlertText({ alert }: { alert: Alert }) {
  return (
    <span class="alert-text">
      <a href={evidence(alert)}>{alert.device}</a>
      {": "}
      {alertSentence(alert)}
    </span>
  );
}

export function Help({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const keys: [string, string][] = [
    ["/", "search"], ["g o", "overview"], ["g d", "devices"], ["g a", "alerts"], ["g u", "updates"], ["g n", "messages"], ["g r", "rules"], ["g i", "identity"], ["g l", "log"], ["g c", "checklist"],
    ["j  k", "next and previous row"], ["Enter", "open the row"], ["a", "acknowledge the alert of the row"],
    ["?", "this help"], ["Esc", "close"],
  ];
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="help-title">
      <h2 id="help-title">Keyboard</h2>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>
        ))}
      </dl>
      <p class="dim">Charts: drag to zoom, double-click to go back.</p>
      <form method="dialog"><button type="submit">Close</button></form>
    </dialog>
  );
}
