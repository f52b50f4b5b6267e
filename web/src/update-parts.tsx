import { share } from "./format";
import { State } from "./parts";
import type { Campaign, Counts, Stage } from "./update-types";

/* What a number of devices is, in the order of the bar; the legend says it in words, so that no colour has to. */
export const going = (c: Counts) => c.waiting + c.downloading + c.installed + c.trial;
export const bad = (c: Counts) => c.failed + c.rolled_back + c.silent;
const parts: [string, string, (c: Counts) => number][] = [
  ["good", "confirmed", (c) => c.confirmed], ["bad", "went wrong", bad], ["going", "under way", going], ["none", "canceled", (c) => c.canceled], ["rest", "still to come", (c) => c.planned],
];

export function CountsBar({ counts, label }: { counts: Counts; label: string }) {
  const all = counts.devices || 1;
  let x = 0;
  return (
    <svg class="counts" viewBox={`0 0 ${all} 10`} preserveAspectRatio="none" role="img" aria-label={`${label}: ${countsWords(counts)}`}>
      {parts.map(([is, , of]) => {
        const wide = of(counts);
        x += wide;
        return wide > 0 && <rect class={`part-${is}`} x={x - wide} width={wide} height="10" />;
      })}
    </svg>
  );
}

export function countsWords(counts: Counts): string {
  const said = parts.flatMap(([, words, of]) => (of(counts) > 0 ? [`${of(counts).toLocaleString()} ${words}`] : []));
  return said.length ? said.join(", ") : "no device";
}

export function Legend({ counts }: { counts: Counts }) {
  return (
    <ul class="legend">
      {parts.map(([is, words, of]) => (of(counts) > 0 || is === "good") && <li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class={`part-${is}`} width="10" height="10" /></svg>{of(counts).toLocaleString()} {words}</li>)}
    </ul>
  );
}

export const stageWords: Record<Stage, [string, string]> = {
  planned: ["unknown", "To come"], waiting: ["notice", "Offered"], downloading: ["notice", "Downloading"], installed: ["notice", "Starts anew"], trial: ["notice", "On trial"], confirmed: ["healthy", "Confirmed"],
  failed: ["critical", "Failed"], rolled_back: ["critical", "Rolled back"], silent: ["critical", "Silent"], unproved: ["critical", "Not proved"], worse: ["critical", "Less healthy"], canceled: ["offline", "Canceled"],
};

const looks: Record<Campaign["state"], [string, string]> = {
  approval: ["warning", "Waits for a yes"], scheduled: ["notice", "Begins later"], running: ["notice", "Under way"], paused: ["warning", "Paused"], stopped: ["offline", "Stopped"], done: ["healthy", "Done"],
};
export function CampaignState({ campaign }: { campaign: Campaign }) {
  const [is, label] = looks[campaign.state];
  const worse = campaign.state === "done" && bad(campaign.counts) > 0;
  return <State is={worse ? "warning" : is} label={label} />;
}

export const progress = (p: { bytes: number; of: number } | null | undefined) => (p && p.of > 0 ? share(p.bytes, p.of) : "");
export const campaignPage = (id: number) => `/updates/${id}`;
export const campaignTitle = (c: Campaign) => c.name || `${c.product || c.image} ${c.version}`.trim();
