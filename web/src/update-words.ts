import { bytes, count, share } from "./format";
import type { Bound, Hours, Target, Traffic } from "./update-types";

/* What a roll-out is in words; nothing here knows a page. */

/* Lists and live events say only how many there are. */
function namedWords({ devices, devices_count }: Target): string {
  const named = devices?.length ?? devices_count ?? 0;
  return devices && named <= 3 ? devices.join(", ") : named > 0 ? count(named, "named device") : "";
}

export function targetWords(t: Target): string {
  const said = [
    t.site && `site ${t.site}`, t.group && `group ${t.group}`, t.query && (t.query === "all" ? "every device" : t.query), namedWords(t),
  ].filter(Boolean);
  return said.join(", ") || "every device";
}

/* A query, as the server reads it, of who runs that; product "": whatever it is. */
export function fits(product: string | null, operator: "=" | "<", version: string): string {
  const quoted = (value: string) => (/^[\w.:+*/-]+$/.test(value) ? value : JSON.stringify(value));
  return `${product ? `product = ${quoted(product)} and ` : ""}version ${operator} ${quoted(version)}`;
}

const kinds: Record<string, string> = { any: "came to grief", failed: "failed", rolled_back: "rolled back", silent: "fell silent", unproved: "did not prove what they run", worse: "became less healthy" };
const boundWords = (b: Bound) => [b.count && count(b.count, "device"), b.percent && `${b.percent} % of a wave`].filter(Boolean).join(" or ");
export const stopWords = (stop: Record<string, Bound>) => Object.entries(stop).map(([kind, bound]) => `${boundWords(bound)} ${kinds[kind] ?? kind}`).join("; ");
export const windowWords = (w: Hours) => [w.days?.join(", "), w.from && `${w.from} to ${w.to}`, w.zone || "in each device’s time zone"].filter(Boolean).join(" · ");

/* What would have gone over the line, what did, and what kept the rest off it. Both shares are of what would have. */
export function trafficWords({ image, fetched, sent }: Traffic): string {
  if (sent <= 0 && image <= 0) return "";
  if (sent >= image) return image > 0 ? `${bytes(sent)} sent for ${bytes(image)} of images: nothing was spared.` : `${bytes(sent)} sent so far.`;
  const spared = [
    fetched < image && `deltas and compression ${share(image - fetched, image)}`,
    sent < fetched && `site caches ${share(Math.min(fetched, image) - sent, image)}`,
  ].filter(Boolean);
  return `${bytes(sent)} sent instead of ${bytes(image)}: ${spared.join(", ")}.`;
}
