import { useMemo, useState } from "preact/hooks";
import { query } from "./api";
import { exact, span } from "./format";
import { useLoad } from "./load";
import { Chips, Failed } from "./parts";

type Past = { health: [number, number][] };
type Piece = { from: number; to: number; health: number };

const day = 864e5;
const ranges: [string, string, number][] = [["1", "1 day", day], ["7", "1 week", 7 * day], ["30", "1 month", 30 * day], ["90", "3 months", 90 * day]];
const holds = 65 * 60e3; // a gateway tells it every hour
const wide = 600;
const high = 100;

/* Each value holds until the next, but not for longer than it is told again; what is decimated holds for its part of the range. */
function pieces(points: [number, number][], from: number, to: number): Piece[] {
  const hold = Math.max(holds, (to - from) / 200);
  return points.map(([at, health], i) => ({ from: Math.max(from, at), to: Math.min(to, points[i + 1]?.[0] ?? to, at + hold), health })).filter((p) => p.to > p.from);
}

function path(all: Piece[], from: number, to: number): string {
  const x = (at: number) => (((at - from) / (to - from)) * wide).toFixed(1);
  return all.map((p, i) => `${i > 0 && all[i - 1]!.to >= p.from ? "L" : "M"}${x(p.from)},${high - p.health}L${x(p.to)},${high - p.health}`).join("");
}

function Plot({ all, from, to, length }: { all: Piece[]; from: number; to: number; length: number }) {
  const [under, setUnder] = useState<Piece | null>(null);
  const lowest = all.reduce<Piece | null>((a, b) => (a === null || b.health < a.health ? b : a), null);
  const shown = under ?? lowest;
  const look = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const at = from + ((event.clientX - box.left) / box.width) * (to - from);
    setUnder(all.find((p) => p.from <= at && at <= p.to) ?? null);
  };
  return (
    <>
      <div class="curve-plot">
        <span class="curve-scale dim" aria-hidden="true"><span>100</span><span>50</span><span>0</span></span>
        <svg viewBox={`0 0 ${wide} ${high}`} preserveAspectRatio="none" role="img" onPointerMove={look} onPointerLeave={() => setUnder(null)}
          aria-label={`Health over the last ${span(length)}${lowest ? `, lowest ${lowest.health}, ${exact(lowest.from)}` : ""}`}>
          <rect class="curve-bad" x="0" y={high / 2} width={wide} height={high / 2} />
          <line x1="0" y1={high / 2} x2={wide} y2={high / 2} />
          <path d={path(all, from, to)} />
        </svg>
      </div>
      <p class="curve-times dim" aria-hidden="true"><span>{span(length)} ago</span><span>now</span></p>
      <p class="dim" data-curve-says>{shown ? <>{under ? "Health" : "Lowest"} <span class="fig">{shown.health}</span> · {exact(shown.from)}</> : "Nothing was told in this time."}</p>
    </>
  );
}

/* How the health of a machine was. Asked again when it is told anew. */
export function HealthCurve({ device, told }: { device: string; told: number }) {
  const [chosen, setChosen] = useState("7");
  const to = useMemo(() => Date.now(), [told, chosen]);
  const length = ranges.find(([key]) => key === chosen)![2];
  const from = to - length;
  const { data, error, again } = useLoad<Past>(`/devices/${encodeURIComponent(device)}/machine` + query({ from, to, points: 400 }));
  return (
    <div class="curve" data-curve>
      <div class="section-head">
        <h3>How it was</h3>
        <Chips label="Time range of the health" value={chosen} choices={ranges.map(([key, label]) => [key, label])} pick={setChosen} />
      </div>
      {error && <Failed error={error} retry={again} />}
      {data && <Plot all={pieces(data.health, from, to)} from={from} to={to} length={length} />}
    </div>
  );
}
