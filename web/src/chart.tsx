import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { call, query, type Alert, type Band, type Command, type Series, type Shown } from "./api";
import { cell } from "./csv";
import { clock, count, exact, num, unitText, words } from "./format";
import { on } from "./live";
import { Failed } from "./parts";

const width = 900;
const holdMs = 180e3; // a minute's mean arrives at least this often
const againMs = 60e3;
const bandMs = 65 * 60e3; // what was expected is told again at least this often
const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const dayOf = (at: Date) => at.toLocaleDateString(undefined, { day: "numeric", month: "short" });

/* Times of the day on the axis, the day as well where it is not today; 24 hours, as a shift counts. */
function times(_u: uPlot, ticks: number[], _axis: number, _space: number, step: number): string[] {
  let day = dayOf(new Date());
  return ticks.map((tick) => {
    const at = new Date(tick * 1000);
    const date = dayOf(at);
    const time = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined, hourCycle: "h23" });
    const other = date !== day;
    day = date;
    return step >= 86400 ? date : other ? `${time}\n${date}` : time;
  });
}

function levels(_u: uPlot, ticks: number[]): string[] {
  const texts = ticks.map((v) => String(+v.toPrecision(6)));
  const digits = Math.max(0, ...texts.map((t) => (t.includes("e") ? 0 : (t.split(".")[1] ?? "").length)));
  return texts.map((t) => (t.includes("e") ? t : Number(t).toFixed(digits)));
}

/* While an alert of this sensor lasted, the ground is shaded and its beginning marked. */
function shade(u: uPlot, alerts: Alert[]) {
  const { left, top, width: wide, height } = u.bbox;
  for (const alert of alerts) {
    const from = u.valToPos(alert.raised_at / 1000, "x", true);
    const to = u.valToPos((alert.cleared_at ?? Date.now()) / 1000, "x", true);
    if (to < left || from > left + wide) continue;
    const start = Math.max(left, from);
    u.ctx.fillStyle = css(alert.severity === "critical" ? "--critical" : alert.severity === "warning" ? "--warning" : "--notice");
    u.ctx.globalAlpha = 0.13;
    u.ctx.fillRect(start, top, Math.max(2, Math.min(left + wide, to) - start), height);
    u.ctx.globalAlpha = 1;
    if (from >= left) u.ctx.fillRect(from, top, 2 * devicePixelRatio, height);
  }
}

/* What was expected: a band on the ground, each value until the next one. */
function band(u: uPlot, bands: Band[]) {
  const { left, top, width: wide, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, wide, height);
  u.ctx.clip();
  u.ctx.fillStyle = css("--accent");
  u.ctx.globalAlpha = 0.12;
  bands.forEach(([at, low, high], i) => {
    const from = Math.max(left, u.valToPos(at / 1000, "x", true));
    const to = Math.min(left + wide, u.valToPos(Math.min(bands[i + 1]?.[0] ?? Date.now(), at + bandMs) / 1000, "x", true));
    const ceiling = u.valToPos(high, "y", true);
    if (to > from) u.ctx.fillRect(from, ceiling, to - from, u.valToPos(low, "y", true) - ceiling);
  });
  u.ctx.restore();
}

/* The band at a time, if one was known then. */
const bandAt = (bands: Band[], at: number) => bands.filter(([from]) => from <= at && at - from < bandMs).pop();

/* What the device was given, when: a dashed line. */
function rule(u: uPlot, commands: Command[]) {
  const { left, top, width: wide, height } = u.bbox;
  u.ctx.save();
  u.ctx.strokeStyle = css("--dim");
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { sent_at } of commands) {
    const x = sent_at === null ? -1 : Math.round(u.valToPos(sent_at / 1000, "x", true));
    if (x < left || x > left + wide) continue;
    u.ctx.beginPath();
    u.ctx.moveTo(x, top);
    u.ctx.lineTo(x, top + height);
    u.ctx.stroke();
  }
  u.ctx.restore();
}

/* Where times were corrected there is a line along the top. */
function mark(u: uPlot, spans: Series["corrected"]) {
  const { left, top, width: wide } = u.bbox;
  u.ctx.fillStyle = css("--dim");
  for (const [a, b] of spans) {
    const from = Math.max(left, u.valToPos(a / 1000, "x", true));
    const to = Math.min(left + wide, u.valToPos(b / 1000, "x", true));
    if (to >= left && from <= left + wide) u.ctx.fillRect(from, top, Math.max(3 * devicePixelRatio, to - from), 3 * devicePixelRatio);
  }
}

type Hands = {
  zoom: (from: number, to: number) => void; back: () => void; point: (u: uPlot) => void; alerts: () => Alert[]; commands: () => Command[]; corrected: () => Series["corrected"]; expected: () => Band[];
};

function options(el: HTMLElement, sensor: string, hands: Hands): uPlot.Options {
  const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const moves = (type: string) => type === "mousemove" || type === "mouseleave";
  return {
    width: Math.max(200, el.clientWidth), height: 190, padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: true, y: false, setScale: false }, points: { size: 7 },
      sync: { key: "device", setSeries: false, scales: ["x", null], filters: { pub: moves, sub: moves } },
      bind: { dblclick: () => () => { hands.back(); return null; } },
    },
    scales: { x: { time: true }, y: { range: (_u, low, high) => limits(low, high) } },
    axes: [{ ...axis, values: times, space: (_u, _i, min, max) => (max - min < 240 ? 76 : 52), size: (_u, texts) => (texts?.some((t) => t?.includes("\n")) ? 44 : 28) }, { ...axis, size: 52, values: levels }],
    series: [{}, { label: words(sensor), stroke: css("--accent"), width: 1.5, spanGaps: false, points: { show: false } }],
    hooks: {
      drawClear: [(u) => { band(u, hands.expected()); shade(u, hands.alerts()); rule(u, hands.commands()); mark(u, hands.corrected()); }],
      setCursor: [hands.point],
      setSelect: [(u) => {
        if (u.select.width < 8) return;
        hands.zoom(u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000);
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
}

function limits(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const room = (high - low) * 0.12 || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}

/* Every point with what it is. */
type Seen = [at: number, value: number | null, is: Shown];
function seen(series: Series): Seen[] {
  const kinds = series.pieces.flatMap(([is, many]) => Array<Shown>(many).fill(is));
  return series.points.map(([at, v], i) => [at, v, kinds[i] ?? "average"]);
}

/* What is shown, in words: nobody takes an average for what was measured. */
function told(points: Seen[]): string {
  const has = (is: Shown) => points.some((p) => p[2] === is);
  if (has("raw")) return `Raw readings${has("summary") ? ", means of minutes where only those are left" : ""}${has("average") ? ", then averages as they come" : ""}`;
  if (has("average")) return has("summary") ? "Averages where they change, means of minutes between" : "Averages where they change";
  return "Means of minutes";
}

function save(name: string, unit: string, sensor: string, points: Seen[]) {
  const rows = points.map(([at, v, is]) => `${new Date(at).toISOString()},${v ?? ""},${is}`);
  const head = `time,${cell(sensor + (unit ? ` (${unit})` : ""))},is`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([[head, ...rows].join("\n") + "\n"], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export type Window = { span: number; from: number; to: number };

export function Chart(props: {
  device: string; sensor: string; unit: string; value: number | null; view: Window; online: boolean; alerts: Alert[]; commands: Command[]; zoom: (from: number, to: number) => void; back: () => void;
}) {
  const { device, sensor, view } = props;
  const unit = unitText(props.unit);
  const box = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLParagraphElement>(null);
  const plot = useRef<uPlot | null>(null);
  const points = useRef<Seen[]>([]);
  const corrected = useRef<Series["corrected"]>([]);
  const expected = useRef<Band[]>([]);
  const [banded, setBanded] = useState(false);
  const [now, setNow] = useState<number | null>(props.value);
  const [size, setSize] = useState(-1);
  const [error, setError] = useState("");
  const [turn, setTurn] = useState(0);
  const [raw, setRaw] = useState(false);
  /* Why the gateway did not give raw readings: it stays while the chart shows averages again. */
  const [away, setAway] = useState("");
  const fetchRaw = (wanted: boolean) => {
    setAway("");
    setError("");
    setRaw(wanted);
  };
  const [asking, setAsking] = useState(false);
  const handlers = useRef(props);
  handlers.current = props;
  const following = view.from === 0;

  const draw = () => {
    const u = plot.current;
    if (!u || document.hidden) return;
    const v = handlers.current.view;
    const live = v.from === 0;
    const to = live ? Date.now() : v.to;
    const from = live ? to - v.span : v.from;
    const list = points.current.slice();
    const last = list[list.length - 1];
    /* Only changes are sent: until the next one the value holds. */
    if (live && last && handlers.current.online && to - last[0] < holdMs) list.push([to, last[1], last[2]]);
    u.batch(() => {
      u.setData([list.map((p) => p[0] / 1000), list.map((p) => p[1])], false);
      u.setScale("x", { min: from / 1000, max: to / 1000 });
    });
    say(u);
  };

  /* The value under the pointer; without one, what the range holds. */
  const say = (u: uPlot) => {
    const at = u.cursor.idx;
    const value = at === null || at === undefined ? null : u.data[1]![at];
    if (value !== null && value !== undefined) {
      const ms = u.data[0]![at!]! * 1000;
      const usual = bandAt(expected.current, ms);
      readout.current!.textContent = `${view.span > 864e5 || Date.now() - ms > 864e5 ? exact(ms) : clock(ms)} · ${num(value)} ${unit}${usual ? ` · expected ${num(usual[1])} to ${num(usual[2])}` : ""}`;
      return;
    }
    const { min = 0, max = 0 } = u.scales.x!;
    const inside = points.current.filter((p) => p[1] !== null && p[0] / 1000 >= min && p[0] / 1000 <= max).map((p) => p[1]!);
    const marks = handlers.current.alerts.filter((a) => a.raised_at / 1000 <= max && (a.cleared_at ?? Infinity) / 1000 >= min).length;
    const given = handlers.current.commands.filter((c) => c.sent_at !== null && c.sent_at / 1000 >= min && c.sent_at / 1000 <= max).length;
    const moved = corrected.current.some(([a, b]) => a / 1000 <= max && b / 1000 >= min);
    readout.current!.textContent = inside.length === 0 ? "" :
      `lowest ${num(Math.min(...inside))} · highest ${num(Math.max(...inside))} ${unit}${marks ? ` · ${count(marks, "alert")} shaded` : ""}${given ? ` · ${count(given, "command")} marked` : ""}${moved ? " · times corrected" : ""}`;
  };

  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(box.current!, sensor, {
        zoom: (a, b) => handlers.current.zoom(a, b), back: () => handlers.current.back(), point: say, alerts: () => handlers.current.alerts, commands: () => handlers.current.commands, corrected: () => corrected.current, expected: () => expected.current,
      }), [[], []], box.current!);
      draw();
    };
    make();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(200, box.current!.clientWidth), height: 190 }));
    watch.observe(box.current!);
    return () => {
      watch.disconnect();
      scheme.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [sensor, unit]);

  useEffect(() => {
    const abort = new AbortController();
    const to = following ? Date.now() : view.to;
    const from = following ? to - view.span : view.from;
    const path = `/devices/${encodeURIComponent(device)}/${raw ? "raw" : "series"}`;
    setAsking(raw);
    call<Series>(path + query({ sensor, from: Math.floor(from), to: Math.ceil(to), points: width }), "GET", undefined, abort.signal).then((series) => {
      const end = series.points.length ? series.points[series.points.length - 1]![0] : 0;
      const since = following ? points.current.filter((p) => p[0] > end && p[0] > to) : [];
      points.current = [...seen(series), ...since];
      corrected.current = series.corrected;
      /* Raw readings come from the gateway without it: what was known stays. */
      if (series.expected) {
        expected.current = series.expected;
        setBanded(series.expected.length > 0);
      }
      setSize(points.current.length);
      setError("");
      setAsking(false);
      draw();
    }, (e) => {
      if (e?.name === "AbortError") return;
      (raw ? setAway : setError)(e.message);
      setAsking(false);
      setRaw(false);
    });
    return () => abort.abort();
  }, [device, sensor, view.span, view.from, view.to, turn, raw]);

  useEffect(() => on("points", (all) => {
    const mine = all.filter((x) => x.d === device && x.s === sensor);
    if (mine.length === 0) return;
    const list = points.current;
    const end = list.length ? list[list.length - 1]![0] : 0;
    const fresh = mine.flatMap((x) => x.p).filter((p) => p[0] > end).sort((a, b) => a[0] - b[0]).map(([at, v]): Seen => [at, v, "average"]);
    const last = fresh[fresh.length - 1];
    if (last) setNow(last[1]);
    if (!last || handlers.current.view.from !== 0) return;
    const oldest = Date.now() - handlers.current.view.span - 60000;
    points.current = [...list.filter((p) => p[0] >= oldest), ...fresh];
    setSize(points.current.length);
  }), [device, sensor]);

  useEffect(() => {
    let was = true;
    return on("link", (up) => {
      if (up && !was) setTurn((n) => n + 1);
      was = up;
    });
  }, []);

  useEffect(() => {
    if (!following) return draw();
    const timer = setInterval(draw, 1000);
    /* Raw readings are fetched once: no gateway is asked again because a page stays open. */
    const again = raw ? 0 : setInterval(() => setTurn((n) => n + 1), againMs);
    draw();
    return () => {
      clearInterval(timer);
      clearInterval(again);
    };
  }, [following, view.span, view.from, view.to, raw]);

  useEffect(draw, [props.alerts, props.commands]);

  const download = () => {
    const u = plot.current!;
    const inside = points.current.filter((p) => p[0] / 1000 >= (u.scales.x!.min ?? 0) && p[0] / 1000 <= (u.scales.x!.max ?? Infinity));
    save(`${device}-${sensor}.csv`, props.unit, sensor, inside);
  };
  return (
    <section class="chart" data-sensor={sensor} data-points={size} aria-label={`Chart of ${words(sensor)}`}>
      <div class="chart-head">
        <h3>{words(sensor)}</h3>
        <span class="fig big">{num(now ?? props.value)} <small>{unit}</small></span>
        <button type="button" class="quiet" onClick={download}>CSV<span class="hidden"> of {words(sensor)}</span></button>
      </div>
      {error && <Failed error={error} retry={() => setTurn((n) => n + 1)} />}
      {away && <Failed error={away} retry={() => fetchRaw(true)} />}
      <div ref={box} class="plot" />
      <p ref={readout} class="readout fig" />
      {size > 0 && (
        <p class="shown">
          <span data-shown>{told(points.current)}</span>
          {banded && <span class="band" data-band>expected</span>}
          {asking ? <span class="dim">Asking the gateway…</span>
            : <button type="button" class="link" data-act="raw" onClick={() => fetchRaw(!raw)}>{raw ? "Back to averages" : "Fetch raw from the gateway"}<span class="hidden">: {words(sensor)}</span></button>}
        </p>
      )}
      {size === 0 && <p class="dim">No reading in this time. Try a longer range.</p>}
    </section>
  );
}
