import { useEffect, useState } from "preact/hooks";
import type { Alert, Happening } from "./api";
import { capital, count, readable } from "./format";
import { useLoad } from "./load";
import { Failed, State, Time } from "./parts";

const looks: Record<string, [string, string]> = {
  raised: ["warning", "Raised"], worse: ["critical", "Got worse"], updated: ["notice", "Updated"], acknowledged: ["notice", "Acknowledged"],
  unacknowledged: ["notice", "Taken back"], normal: ["healthy", "Called normal"], cleared: ["cleared", "Over"], notified: ["healthy", "Told"], failed: ["critical", "Not told"],
  retrying: ["warning", "Trying"], waiting: ["notice", "To be told"],
};

function said(line: Happening): string {
  if (line.channel) {
    const tries = line.tries && line.tries > 1 ? ` after ${count(line.tries, "try", "tries")}` : "";
    return `${line.channel}${tries}${line.error ? `: ${line.error}` : ""}`;
  }
  const parts = [line.by ? `by ${line.by}` : readable(line.message ?? "")];
  if (line.count && line.count > 1) parts.push(`${line.count} times`);
  return parts.filter(Boolean).join(", ");
}

function Lines({ alert }: { alert: Alert }) {
  const { data, error, again } = useLoad<{ items: Happening[] }>(`/alerts/${encodeURIComponent(alert.id)}/timeline`);
  useEffect(again, [alert.updated_at, alert.state]);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && again(), 3000);
    return () => clearInterval(timer);
  }, []);
  if (error) return <Failed error={error} retry={again} />;
  return (
    <ol class="timeline" aria-label="What happened">
      {data?.items.map((line) => {
        const [is, label] = looks[line.event] ?? ["unknown", capital(line.event)];
        return <li key={`${line.at}${line.event}${line.notification ?? ""}`} data-event={line.event}><State is={is} label={label} /><span>{said(line)} <span class="dim">· <Time at={line.at} /></span></span></li>;
      })}
    </ol>
  );
}

export function Timeline({ alert }: { alert: Alert }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="quiet link" data-act="timeline" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? "Hide timeline" : "Timeline"}<span class="hidden"> of {alert.device}</span>
      </button>
      {open && <Lines alert={alert} />}
    </>
  );
}
