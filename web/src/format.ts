import { useEffect, useState } from "preact/hooks";
import type { Alert } from "./api";

const exactFormat = new Intl.DateTimeFormat(undefined, {
  year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  hourCycle: "h23", timeZoneName: "short",
});

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const momentFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const millis = (time: number | string) => (typeof time === "number" ? time : Date.parse(time));
export const moment = (time: number) => momentFormat.format(time);
export const exact = (time: number | string) => exactFormat.format(millis(time));

export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

export function relative(time: number | string, now: number): string {
  const ago = now - millis(time);
  if (ago < -1000) return `in ${span(-ago)}`;
  return ago < 2000 ? "just now" : `${span(ago)} ago`;
}

export function num(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e7)) return value.toExponential(2);
  return value.toFixed(size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

export const rate = (n: number) => `${n.toLocaleString(undefined, { maximumFractionDigits: n < 10 ? 1 : 0 })}`;

const units: Record<string, string> = {
  celsius: "°C", degC: "°C", C: "°C", "mm/s": "mm/s", percent: "%", bar: "bar", ampere: "A", volt: "V", rpm: "rpm",
};
export const unitText = (unit: string | null | undefined) => (unit ? (units[unit] ?? unit) : "");
export const withUnit = (value: number | null | undefined, unit: string | null | undefined) =>
  `${num(value)}\u00a0${unitText(unit)}`.trim();
export const clock = (time: number) => clockFormat.format(time);
export const words = (name: string) => name.replace(/[_-]+/g, " ").replace(/\bcpu\b/g, "CPU");
/* A message keeps its number to the last digit, 7.7780000000000005; for reading four digits do. */
export const readable = (message: string) => message.replace(/-?\d+\.\d{4,}(?![\d.])/g, (n) => num(Number(n)));
/* A gateway's threshold alert says "Value 83.21 exceeds high threshold"; a shift lead says what and how much. */
export function alertSentence(a: Pick<Alert, "message" | "sensor" | "value" | "unit" | "state">): string {
  const found = /^Value \S+ (exceeds high|below low) threshold$/.exec(a.message);
  if (!found || !a.sensor) return readable(a.message);
  const side = found[1] === "below low" ? "below its low" : "above its high";
  if (a.state === "cleared") return `${words(a.sensor)} was ${side} threshold (back at ${withUnit(a.value, a.unit)})`;
  return `${words(a.sensor)} ${side} threshold (${withUnit(a.value, a.unit)})`;
}

export const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);
/* What the server says, as a sentence that stands alone; one that begins with a name keeps it as it is. */
export const sentence = (text: string) => (/^(a|an|it|no|the|there|too) /.test(text) ? capital(text) : text) + (/[.!?]$/.test(text) ? "" : ".");
export const count = (n: number, one: string, many = one + "s") => `${n.toLocaleString()} ${n === 1 ? one : many}`;

export const share = (part: number, whole: number) => (whole > 0 ? `${num0((100 * part) / whole)} %` : "–");
/* 99.98 %, and never 100 % when it is not. */
export const percent = (part: number) => `${(part >= 1 ? 100 : Math.min(99.99, 100 * part)).toFixed(part >= 1 ? 0 : 2)} %`;
const num0 = (n: number) => (n > 0 && n < 1 ? "< 1" : n.toFixed(0));

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const steps = ["KiB", "MiB", "GiB", "TiB"];
  let step = -1;
  do {
    n /= 1024;
    step++;
  } while (n >= 1000 && step < steps.length - 1);
  return `${n.toFixed(n < 10 ? 1 : 0)} ${steps[step]}`;
}

const clocks = new Set<(now: number) => void>();
setInterval(() => clocks.forEach((tick) => tick(Date.now())), 1000);

export function useNow(): number {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    clocks.add(set);
    return () => void clocks.delete(set);
  }, []);
  return now;
}
