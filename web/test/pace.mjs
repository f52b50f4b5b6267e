/* How often a page asks again for what a roll-out changes, without a browser. [running-3] [running-4] */
import assert from "node:assert";
import { mock } from "node:test";
import { build } from "esbuild";

const entry = new URL("../src/pace.ts", import.meta.url).pathname;
const { outputFiles } = await build({ entryPoints: [entry], bundle: true, write: false, format: "esm", target: "es2022", logLevel: "error" });
const { pace, paceOfRollouts } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString("base64")}`);
mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1000000 });
let asked = 0;
const begun = pace(() => asked++);
const hear = paceOfRollouts(begun);
const seconds = (n, state, id = 1) => {
  for (let i = 0; i < n; i++) {
    hear({ id, state });
    mock.timers.tick(1000);
  }
};

seconds(29, "running");
assert.equal(asked, 0, "an event a second is not an answer a second");
seconds(1, "running");
assert.equal(asked, 1, "but one in half a minute");
seconds(270, "running");
assert.equal(asked, 10, "for as long as it goes on");
seconds(1, "paused");
assert.equal(asked, 11, "one that pauses is asked of at once");
seconds(29, "paused");
assert.equal(asked, 11, "and not again");
mock.timers.tick(60000);
assert.equal(asked, 12, "what came last is not lost");
mock.timers.tick(600000);
assert.equal(asked, 12, "nothing is asked when nothing happens");
for (let id = 2; id < 100; id++) hear({ id, state: "done" });
mock.timers.tick(1000);
assert.equal(asked, 13, "many that end together are one");
hear({ id: 1, state: "running" });
begun.end();
mock.timers.tick(600000);
assert.equal(asked, 13, "a page that is left asks nothing");
