export type Counts = {
  devices: number; planned: number; waiting: number; downloading: number; installed: number; trial: number; confirmed: number;
  failed: number; rolled_back: number; silent: number; unproved: number; worse: number; canceled: number;
};
export type Stage = Exclude<keyof Counts, "devices">;
export type Wave = Counts & { number: number; state: "waiting" | "running" | "done" };
export type Bound = { count?: number; percent?: number };
export type Target = { site?: string | null; group?: string | null; query?: string | null; devices?: string[] | null; devices_count?: number };
export type Hours = { from?: string; to?: string; days?: string[]; zone?: string };
/* Bytes: of images that devices came to have, of what they fetched for it, of what this server sent. */
export type Traffic = { image: number; fetched: number; sent: number };
export type Campaign = {
  id: number; name: string; image: string; product: string; version: string;
  state: "approval" | "scheduled" | "running" | "paused" | "stopped" | "done"; why: string | null; sites: string[] | null;
  created_by: string; created: number; started: number | null; ended: number | null; waves: Wave[]; counts: Counts;
  target: Target; success: Bound | null; stop: Record<string, Bound>; window: Hours | null; prestage: boolean | null; ready: number; forced: boolean | null; approvals: number | null;
  approved: { by: string; at: number }[]; start: number | null; traffic: Traffic;
};
export type Member = {
  device: string; site: string; wave: number; state: Stage; class: string | null; why: string | null;
  progress: { bytes: number; of: number } | null; updated: number; attempt: number; ready: boolean;
};
export type Survey = { devices: number; already: number; excluded: { why: string; count: number }[]; waves: { devices: number }[] };
export type Image = {
  path: string; kind: "selvedge" | "file"; product: string; version: string; hardware: string[]; counter: number; slot: string; length: number; sha256: string; sealed: boolean;
  encodings: { name: string; length: number }[]; signed_by: { keyid: string; role: string }[]; notes: string | null; complete: boolean; key: "none" | "here" | "missing"; went_wrong: number; at: number;
};
export type Trust = { root_version: number; root_ends: number | null; targets_version: number; ends: number | null; threshold: number; keys: string[] };
export type Images = { items: Image[]; trust: Trust | null };
export type Version = { product: string | null; version: string; sha256: string | null; devices: number; image: string | null; went_wrong: number };
export type Versions = { items: Version[]; diverging: number };
export type Group = { name: string; query: string | null; devices?: string[] | number };
export type Action = {
  action: number; campaign: number | null; image: string; version: string; state: string; class: string | null; why: string | null;
  bytes: number | null; of: number | null; encoding: string | null; fetched: number | null; by: string | null; stopping: boolean; created: number; updated: number; attempt: number; log?: { at: number; line: string }[];
};
export type Running = { product: string; version: string; sha256: string; hardware: string; slot: string; counter: number; boot: string; client: string; at: number };
export type DeviceUpdates = { running: Running | null; diverges: string | null; assigned: Action | null; items: Action[]; next: number | null };
