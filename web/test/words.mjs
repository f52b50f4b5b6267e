/* What a roll-out is in words, without a browser. [campaign-36] [campaign-42] */
import { build } from "esbuild";

const entry = new URL("../src/update-words.ts", import.meta.url).pathname;
const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", target: "es2022", logLevel: "error" });
const { fits, targetWords, stopWords, windowWords, trafficWords } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
const cases = [
  [targetWords({ query: "all" }), "every device"],
  [targetWords({}), "every device"],
  [targetWords({ site: "north", query: "version < 1.1" }), "site north, version < 1.1"],
  [targetWords({ group: "canary", devices: ["press-1", "press-2"] }), "group canary, press-1, press-2"],
  [targetWords({ devices: ["a", "b", "c", "d"] }), "4 named devices"],
  /* As lists and live events have it. */
  [targetWords({ devices: null, devices_count: 1 }), "1 named device"],
  [targetWords({ site: "north", devices: null, devices_count: 10000 }), "site north, 10,000 named devices"],
  [targetWords({ query: null, devices: null, devices_count: 0 }), "every device"],
  [fits("lathe-ctl", "<", "1.1~rc1"), "product = lathe-ctl and version < \"1.1~rc1\""],
  [fits("", "=", "2022.12"), "version = 2022.12"],
  [fits(null, "<", "1 \"x\""), "version < \"1 \\\"x\\\"\""],
  [stopWords({ any: { percent: 5 }, silent: { count: 2, percent: 10 } }), "5 % of a wave came to grief; 2 devices or 10 % of a wave fell silent"],
  [windowWords({ days: ["sat", "sun"], from: "22:00", to: "04:00" }), "sat, sun · 22:00 to 04:00 · in each device’s time zone"],
  [trafficWords({ image: 0, fetched: 0, sent: 0 }), ""],
  [trafficWords({ image: 0, fetched: 0, sent: 500 }), "500 B sent so far."],
  [trafficWords({ image: 1000 * 1024, fetched: 80 * 1024, sent: 20 * 1024 }), "20 KiB sent instead of 1.0 MiB: deltas and compression 92 %, site caches 6 %."],
  [trafficWords({ image: 1000, fetched: 1000, sent: 250 }), "250 B sent instead of 1.0 KiB: site caches 75 %."],
  [trafficWords({ image: 1000, fetched: 400, sent: 400 }), "400 B sent instead of 1.0 KiB: deltas and compression 60 %."],
  /* An encoding that is larger than its image, and an index beside it. */
  [trafficWords({ image: 1000, fetched: 1100, sent: 500 }), "500 B sent instead of 1.0 KiB: site caches 50 %."],
  [trafficWords({ image: 900, fetched: 400, sent: 950 }), "950 B sent for 900 B of images: nothing was spared."],
];
const wrong = cases.filter(([said, wanted]) => said !== wanted);
for (const [said, wanted] of wrong) console.error(`${JSON.stringify(said)}, not ${JSON.stringify(wanted)}`);
process.exit(wrong.length > 0 ? 1 : 0);
