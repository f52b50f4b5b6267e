import type { Failure, Life, Machine } from "./api";
import { span, words } from "./format";
import { HealthCurve } from "./health-curve";
import { State, Time } from "./parts";

/* 50 is where a machine counts as unusual. */
export const machineState = (health: number) => (health >= 50 ? "healthy" : "warning");

const waits = {
  gathering: "It is being found out which of its sensors speak regularly; with two of them they are looked at together.",
  learning: "What is usual for its sensors together is being learnt; its health is known after a day, or as long as the rules say.",
};

function Part({ part }: { part: Machine["parts"][number] }) {
  const off = Math.abs(part.deviation).toFixed(1);
  return (
    <div>
      <dt>{words(part.sensor)}</dt>
      <dd><span class="fig">{part.share} %</span> <span class="dim">{off} standard deviations {part.deviation < 0 ? "lower" : "higher"} than usual</span></dd>
    </div>
  );
}

/* Nine machines in ten end between the two ends. */
function Remaining({ life }: { life: Life }) {
  return (
    <div data-life>
      <p>
        About <b class="fig">{span(life.left_s * 1000)}</b> left, between <span class="fig">{span(life.low_s * 1000)}</span> and <span class="fig">{span(life.high_s * 1000)}</span> ·{" "}
        <span class="fig">{Math.round(100 * life.risk)} %</span> likely to fail within {span(life.horizon_s * 1000)}
      </p>
      <p class="dim">Says model {life.model}, version {life.version} · <Time at={life.at} prefix="told " /></p>
    </div>
  );
}

/* Rounded, and never more sure than it is. */
const share = (p: number) => (p > 0 && p < 0.01 ? "under 1 %" : p > 0.99 ? "over 99 %" : `${Math.round(100 * p)} %`);

/* What models worry about most, in few words: "58 % bearing", "62 % within 14 d"; from a tenth on. */
export function worry({ life, failure }: { life?: Life | null; failure?: Failure | null }): string {
  const fine = /^(healthy|normal|ok|good|no|none|false|fine)$/i;
  const worst = failure?.classes.filter((c, i) => (failure.classes.length === 2 ? i === 1 : !fine.test(c.name))).sort((a, b) => b.probability - a.probability)[0];
  if (failure && worst && failure.risk >= 0.1 && failure.risk >= (life?.risk ?? 0) / 2) return `${share(worst.probability)} ${worst.name}`;
  return life && life.risk >= 0.1 ? `${share(life.risk)} within ${span(life.horizon_s * 1000)}` : "";
}

/* What it is, or will be: each class with its probability, and the sensors that the risk comes from. */
function WhatFails({ failure: f }: { failure: Failure }) {
  const classes = [...f.classes].sort((a, b) => b.probability - a.probability);
  return (
    <div data-failure>
      <p>
        <b class="fig">{share(f.risk)}</b> {f.horizon_s > 0 ? `likely to fail within ${span(f.horizon_s * 1000)}` : "likely that something is wrong"}
      </p>
      <dl class="facts shares" aria-label="How likely each class is">
        {classes.map((c) => (
          <div key={c.name}>
            <dt>{c.name}</dt>
            <dd><svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect width={100 * c.probability} height="6" /></svg> <span class="fig">{share(c.probability)}</span></dd>
          </div>
        ))}
      </dl>
      {f.parts.length > 0 && <p>It comes from {f.parts.map((p, i) => <span key={p.sensor}>{i > 0 && ", "}{words(p.sensor)} {p.lower ? "lower" : "higher"} (<span class="fig">{Math.round(100 * p.by)}</span>{i === 0 ? " points less if it were as at first" : ""})</span>)}.</p>}
      <p class="dim">Says model {f.model}, version {f.version} · <Time at={f.at} prefix="told " /></p>
    </div>
  );
}

/* The sensors of a machine together: its health, and which of them stand out. */
export function MachineHealth({ device, machine, life, failure }: { device: string; machine: Machine | null | undefined; life: Life | null | undefined; failure: Failure | null | undefined }) {
  return (
    <section aria-labelledby="h-machine" data-machine>
      <h2 id="h-machine">Machine</h2>
      {life && <Remaining life={life} />}
      {failure && <WhatFails failure={failure} />}
      {!machine && <p class="dim">Its sensors are not looked at together: that takes two that its gateway looks at and may tell of.</p>}
      {machine && machine.health === null && machine.state !== "watching" && <p class="dim">{waits[machine.state]}</p>}
      {machine && machine.health !== null && (
        <>
          <p>
            <State is={machineState(machine.health)} label={machine.health >= 50 ? "As usual" : "Unusual"} /> · health <b class="fig">{machine.health}</b> of 100
            <span class="dim"> · <Time at={machine.at} prefix="told " /></span>
          </p>
          {machine.health < 75 && machine.parts.length > 0 && (
            <>
              <p class="dim">What stands out most:</p>
              <dl class="facts">{machine.parts.map((p) => <Part key={p.sensor} part={p} />)}</dl>
            </>
          )}
          <HealthCurve device={device} told={machine.at} />
        </>
      )}
    </section>
  );
}
