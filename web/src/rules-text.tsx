/* A plain editor for a file of rules: line numbers, the lines at fault marked, a fault leads to its place. */
import { useEffect, useRef } from "preact/hooks";
import type { Fault } from "./api";

const example = "# for instance\nthresholds:\n  sensors:\n    temperature: {high: {warning: 80, critical: 95}, hysteresis: 3}\nstale: {default: 5m}\nuplink: {default: change}";

export type Spot = { line: number; column: number };

/* Columns count characters, as the server does; the field counts in UTF-16. */
function offset(lines: string[], { line, column }: Spot): number {
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  return before + Array.from(lines[line - 1] ?? "").slice(0, Math.max(0, column - 1)).join("").length;
}

function Numbers({ count, wrong }: { count: number; wrong: Set<number> }) {
  return <>{Array.from({ length: count }, (_, i) => (wrong.has(i + 1) ? <b>{`${i + 1}\n`}</b> : `${i + 1}\n`))}</>;
}

export function RulesText(props: {
  text: string; faults: Fault[]; spot: Spot | null; locked: boolean; label: string; change: (text: string) => void;
}) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLPreElement>(null);
  const lines = props.text.split("\n");
  useEffect(() => {
    const field = area.current;
    if (!field || !props.spot || props.spot.line < 1) return;
    const at = offset(lines, props.spot);
    field.focus();
    field.setSelectionRange(at, Math.max(at, offset(lines, { line: props.spot.line + 1, column: 1 }) - 1));
    field.scrollTop = Math.max(0, props.spot.line - 4) * parseFloat(getComputedStyle(field).lineHeight);
  }, [props.spot]);
  return (
    <div class="editor">
      <pre ref={gutter} aria-hidden="true"><Numbers count={lines.length} wrong={new Set(props.faults.map((f) => f.line))} /></pre>
      <textarea ref={area} value={props.text} placeholder={props.locked ? undefined : example} readOnly={props.locked} aria-label={props.label} aria-invalid={props.faults.length > 0} aria-describedby="rules-faults"
        rows={Math.min(32, Math.max(12, lines.length + 1))} wrap="off" spellcheck={false} autocomplete="off" autocapitalize="none"
        onInput={(e) => props.change(e.currentTarget.value)} onScroll={(e) => { gutter.current!.scrollTop = e.currentTarget.scrollTop; }} />
    </div>
  );
}
