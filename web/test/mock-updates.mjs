/* What the imitated operator door says about updates. */
const now = Date.now();
const stages = ["planned", "waiting", "downloading", "installed", "trial", "confirmed", "failed", "rolled_back", "silent", "unproved", "worse", "canceled"];
const counts = (given) => Object.fromEntries([["devices", Object.values(given).reduce((a, b) => a + b, 0)], ...stages.map((s) => [s, given[s] ?? 0])]);
const wave = (number, state, given) => ({ number, state, ...counts(given) });
const sum = (waves) => Object.fromEntries(["devices", ...stages].map((k) => [k, waves.reduce((all, w) => all + w[k], 0)]));
const campaign = (id, version, state, why, waves, more) => ({
  id, name: "", image: `lathe-ctl/${version}.img`, product: "lathe-ctl", version, state, why, sites: ["hall-a", "hall-b"], created_by: "ada", created: now - id * 3600e3, started: now - 3000e3, ended: null, waves,
  counts: sum(waves), target: { query: "site ~ hall-*" }, success: { percent: 100 }, stop: { any: { percent: 5 } }, window: { from: "22:00", to: "04:00" }, prestage: true, ready: 9, forced: true, approvals: 0, approved: [], start: null, traffic: { image: 0, fetched: 0, sent: 0 }, ...more,
});
const campaigns = [
  campaign(3, "1.1", "paused", "1 of the 5 devices of wave 2 rolled back, and 1 is as many as is allowed", [wave(1, "done", { confirmed: 1 }), wave(2, "running", { confirmed: 2, rolled_back: 1, trial: 1, downloading: 1 }), wave(3, "waiting", { planned: 14 })]),
  campaign(2, "1.0.7", "running", null, [wave(1, "done", { confirmed: 20 }), wave(2, "running", { confirmed: 812, downloading: 120, waiting: 41, failed: 2, planned: 5025 })], { name: "Winter maintenance", traffic: { image: 139e9, fetched: 2.3e9, sent: 41e6 } }),
  campaign(1, "1.0.6", "done", null, [wave(1, "done", { confirmed: 20 })], { ended: now - 86400e3 }),
];
const image = (version, more) => ({
  path: `lathe-ctl/${version}.img`, kind: "selvedge", product: "lathe-ctl", version, hardware: ["rev-b", "rev-c"], counter: 7, slot: "rootfs", length: 167772160, sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", sealed: true,
  encodings: [{ name: "raw", length: 167772160 }, { name: "zstd", length: 61234567 }, { name: "delta:abcd", length: 2345678 }], signed_by: [{ keyid: "4fd91b0a77e2c1a9", role: "targets" }, { keyid: "c1a94fd91b0a77e2", role: "targets" }], notes: null, complete: true, key: "here", went_wrong: version === "1.1" ? 1 : 0, at: now - 7200e3, ...more,
});
const images = { items: [image("1.1", { notes: "Guard timing mended; spindle ramp 12 % faster." }), image("1.0.7"), image("1.2-rc1", { complete: false, key: "missing" }),
  image("2022.12", { kind: "file", path: "gateway-box/2022.12.swu", product: "gateway-box", sealed: false, encodings: [], signed_by: [], counter: 0, key: "none", length: 40123456 })],
trust: { root_version: 2, root_ends: now + 300 * 86400e3, targets_version: 14, ends: now + 20 * 86400e3, threshold: 2, keys: ["4fd91b0a77e2c1a9", "c1a94fd91b0a77e2", "77e2c1a94fd91b0a"] } };
const members = [["mill-03", "rolled_back", "the health script said 3: spindle does not answer"], ["lathe-01", "confirmed", null], ["press-02", "downloading", null], ["pump-04", "trial", null], ["lathe-05", "planned", null], ["pump-08", "silent", "no word for 30 min since it started anew"]]
  .map(([device, state, why], i) => ({ device, site: i % 2 ? "hall-b" : "hall-a", wave: 1 + (i % 3), state, class: null, why, progress: state === "downloading" ? { bytes: 41e6, of: 61e6 } : null, updated: now - i * 60e3, attempt: 1 + (i === 1), ready: device === "lathe-05" }));
const action = (id, state, why, more) => ({ action: id, device: "mill-03", campaign: 3, image: "lathe-ctl/1.1.img", version: "1.1", sha256: "9f", state, class: null, why, attempt: 1, forced: true, asks: false, stopping: false, bytes: 41e6, of: 61e6, encoding: "delta:abcd", fetched: 1.2e6, by: "ada", created: now - 900e3, updated: now - 60e3, ...more });
const device = { running: { product: "lathe-ctl", version: "1.0.7", sha256: "ab", hardware: "rev-b", slot: "a", counter: 6, boot: "confirmed", client: "selvedge-agent", at: now - 30e3 }, diverges: "it runs 1.0.7; 1.1 was to be installed, and was gone back from", assigned: null, next: null,
  items: [action(41, "rolled-back", "the health script said 3: spindle does not answer", { log: [{ at: now - 800e3, line: "downloading zstd, 61.2 MB" }, { at: now - 500e3, line: "written to slot b and read back" }, { at: now - 400e3, line: "started on trial" }, { at: now - 60e3, line: "rolled back: the health script said 3" }] }), action(12, "confirmed", null, { image: "lathe-ctl/1.0.7.img", campaign: null, created: now - 9e8, updated: now - 8e8 })] };

export function updates(path, method, q, body, json) {
  if (path === "/images") return json(200, images);
  if (path === "/versions") return json(200, { items: [["lathe-ctl", "1.0.7", 15], ["lathe-ctl", "1.1", 3], ["lathe-ctl", "1.0.6", 2], ["gateway-box", "2022.04", 3]].map(([product, version, devices]) => ({ product, version, sha256: null, devices, image: null, went_wrong: version === "1.1" ? 1 : 0 })), diverging: 1 });
  if (path === "/groups") return json(200, { items: [{ name: "canary", query: "tag = canary" }], next: null });
  if (path === "/updates" && method === "GET") return json(200, { items: campaigns, next: null, traffic: { image: 150e9, fetched: 3.1e9, sent: 61e6 } });
  if (path === "/updates") return body((asked) => asked.target.query === "oops" ? json(400, { title: "Bad request", detail: "column 1: there is no field 'oops'" })
    : json(asked.dry_run ? 200 : 201, asked.dry_run ? { devices: 20, already: 3, excluded: [{ why: "the image is for other hardware", count: 2 }], waves: [{ devices: 1 }, { devices: 5 }, { devices: 14 }] } : campaigns[0]));
  const one = /^\/updates\/(\d+)(?:\/(\w+))?$/.exec(path);
  const found = one && campaigns.find((c) => c.id === Number(one[1]));
  if (found && one[2] === "devices") return json(200, { items: members.filter((m) => !q.get("state") || m.state === q.get("state")), next: null });
  if (found) return json(200, Object.assign(found, one[2] === "resume" ? { state: "running", why: null } : one[2] === "stop" ? { state: "stopped" } : one[2] === "pause" ? { state: "paused", why: "ada paused it" } : {}));
  if (/^\/devices\/[^/]+\/updates$/.test(path)) return json(200, device);
  return false;
}
