export type Health = "healthy" | "warning" | "critical" | "unknown";
export type Key = { sensor: string; unit: string; value: number | null; at: number; spark: number[] };
export type Maintenance = { of: "device" | "site"; since: number; until: number; by: string; why: string };
export type Device = {
  id: string; site: string; type: string | null; online: boolean; since: number | null; last_seen: number | null;
  health: Health; firmware_version: string | null; version?: string | null; diverges?: string | null; clock_ahead: number | null; maintenance: Maintenance | null; machine?: Machine | null; life?: Life | null; failure?: Failure | null; alerts: number; key?: Key[]; standing: Standing["state"];
};
/* How long it will last, by a live model. */
export type Life = { model: string; version: number; left_s: number; low_s: number; high_s: number; risk: number; horizon_s: number; at: number };
/* What is wrong with it, or will be within the horizon (0: is now), by a live model of classes. */
export type Failure = {
  model: string; version: number; risk: number; horizon_s: number; at: number;
  classes: { name: string; probability: number }[]; parts: { sensor: string; by: number; lower: boolean }[];
};
/* The sensors together; health is null until it is known. */
export type Machine = {
  state: "gathering" | "learning" | "watching"; health: number | null; at: number; parts: { sensor: string; share: number; deviation: number }[];
};
export type Alert = {
  id: string; device: string; site: string; sensor: string | null; rule?: string | null; type: string; severity: string; message: string;
  value: number | null; raw: number | null; unit: string | null; state: "open" | "acknowledged" | "cleared";
  raised_at: number; updated_at: number; cleared_at: number | null; acknowledged_at: number | null;
  acknowledged_by: string | null;
  /* Of an alert about what is unusual, and only there. */
  score?: number; expected?: [number, number] | null; normal_at?: number | null; normal_by?: string | null;
};
export type Command = {
  id: string; device: string; name: string; payload: unknown; rule: string | null; alert: string | null; by: string | null;
  state: "queued" | "sent" | "expired" | "refused" | "unsent" | "answered" | "failed"; asked_at: number; until: number;
  sent_at: number | null; ended_at: number | null; why: string | null; answer: unknown;
};
export type Sensor = { sensor: string; unit: string; value: number | null; at: number };
export type DeviceDetail = Omit<Device, "alerts" | "standing"> & {
  sensors: Sensor[]; report: Record<string, unknown> | null; alerts: Alert[];
  standing?: Standing | null;
  certificate: { serial: string; not_before: number | string; not_after: number | string; revoked: boolean } | null;
};
export type Standing = { state: "active" | "quarantined" | "revoked" | "retired"; since: number | null; reason: string | null; by: string | null };
export type Page<T> = { items: T[]; next: string | null };
export type Enrolment = {
  id: string; site: string; created: number; expires: number; by: string; state: "open" | "used" | "expired" | "withdrawn"; last: { at: number; peer: string; outcome: string } | null;
};
/* The token is told once, with the line that holds it. */
export type EnrolmentMade = { id: string; site: string; token: string; expires: number; at: string; pin: string; command: string };
export type Certificate = {
  serial: string; id: string; role: string; site: string | null; issuer: string; not_before: number; not_after: number; renews: "itself" | "by hand"; renew_at: number | null;
  state: "valid" | "expiring" | "expired" | "revoked" | "replaced";
};
export type Recorded = { seq: number; at: number; who: string; from: string | null; what: string; about: string | null; outcome: "done" | "refused" | "failed"; detail: string | null; before?: string; after?: string; hash?: string };
export type Verdict = "holds" | "does not hold" | "unknown" | "not applicable";
export type Statement = { id: string; title: string; verdict: Verdict; looked_at: string; seen: string[]; seen_more: number; answers: string[]; remedy: string };
export type ChecklistPublished = { published_at: number; by: string; report: { at: number; version: string; statements: Statement[] } };
export type Gateway = {
  id: string; online: boolean; last_seen: number | null; readings_per_s: number; bytes_in: number; bytes_up: number; available?: number;
  refused: number; spool: number; spool_fill: number; full: boolean; dropped: { averages: number; minutes: number; alerts: number };
};
export type Site = {
  site: string; devices: number; online: number; healthy: number; warning: number; critical: number; alerts: number; available?: number;
  maintenance: Maintenance | null; gateways: Gateway[];
};
export type Overview = {
  at: number; devices: { total: number; online: number; offline: number }; needing: { total: number; critical: number };
  health: { healthy: number; warning: number; critical: number; unknown: number };
  alerts: { open: number; acknowledged: number; critical: number }; readings_per_s: number; sites: Site[];
};
export type Point = [number, number | null];
export type Points = { d: string; s: string; p: Point[] }[];
export type Shown = "raw" | "average" | "summary";
export type Series = { unit: string; kind: string; points: Point[]; pieces: [Shown, number][]; corrected: [number, number][]; expected?: Band[] };
export type Band = [at: number, low: number, high: number];
export type Fault = { line: number; column: number; sentence: string };
export type RulesVersion = { version: number; at: number; by: string; comment: string; sha256: string };
export type SiteRules = Partial<RulesVersion> & {
  site: string; version: number; text: string;
  groups: { name: string; known: boolean; devices: number }[];
  gateways: { id: string; online: boolean; rules: { from: "file" | "fleet"; version: number; at: number; refused: { version: number; at: number; why: string } | null } | null }[];
};
export type RulesTried = {
  site: string; days: number;
  gateways: { id: string; status: number; why: string | null; found: {
    days: number; left_out: number; readings: number; streams: number; from: number | null; to: number | null;
    alerts: number; without: { what: string[]; alerts: number } | null; in_force: number;
    raised: { device: string; sensor: string | null; rule: string | null; type: string; severity: string; message: string; raised_at: number; cleared_at: number | null }[];
  } | null }[];
};
export type Notification = {
  id: string; channel: string; route: string | null; event: string; site: string | null; type: string | null; sensor: string | null; severity: string; count: number;
  state: "gathering" | "waiting" | "sent" | "failed"; title: string | null; made_at: number; due_at?: number; done_at?: number; tries: number; error: string | null;
};
export type Channel = {
  name: string; kind: "webhook" | "slack" | "teams" | "smtp"; to: string[]; private: boolean; waiting: number; failed: number; last: Notification | null;
};
export type Route = {
  name: string; site: string[]; device: string[]; type: string[]; alert: string[]; severity: string; days: string[]; hours: string | null; quiet: string | null; zone: string;
  to: string[]; escalate_to: string[]; escalate_after_s: number; repeat_s: number; recovery: boolean;
};
export type NotifySetup = { match: "first" | "all"; gather_s: number; channels: Channel[]; routes: Route[] };
export type Happening = {
  at: number; event: string; severity?: string; message?: string; by?: string; count?: number; channel?: string; notification?: string; about?: string; error?: string; tries?: number;
};
export type Session = {
  user: string; role: Role; sites: string[] | null; scopes: string[]; token: string | null; password: boolean; totp: boolean; version: string;
};

export type Role = "viewer" | "operator" | "release" | "admin";
export type User = {
  name: string; role: Role; sites: string[] | null; password: boolean; totp: boolean; disabled: boolean; created: number; created_by: string;
  used: number | null; sessions: number; tokens: number;
};
export type ApiToken = { name: string; user: string; role: Role; sites: string[] | null; scopes: string[]; created: number; expires: number | null; used: number | null; used_from: string | null };
export type ApiTokenMade = ApiToken & { token: string };
export type OpenSession = { n: number; created: number; used: number; how: "password" | "link"; from: string; agent: string; current: boolean };

export class Problem extends Error {
  /* `wait`: the server wants to be asked again after so many seconds. */
  constructor(public status: number, text: string, public body: unknown = null, public wait = 0) {
    super(text);
  }
}

async function explain(answer: Response): Promise<Problem> {
  const body = await answer.json().catch(() => null);
  return new Problem(answer.status, body?.detail || body?.title || `The server answered ${answer.status}.`, body, Number(answer.headers.get("Retry-After")) || 0);
}

async function ask(path: string, method: string, body?: unknown, signal?: AbortSignal, more: Record<string, string> = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Selvedge"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  Object.assign(headers, more);
  const answer = await fetch("/api/v1" + path, {
    method, headers, credentials: "same-origin", signal, body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
  }).catch((error) => {
    if (error?.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. What is on the page stays; it will be asked again.");
  });
  if (answer.status === 401 && path !== "/session") window.dispatchEvent(new Event("selvedge-session-over"));
  if (!answer.ok) throw await explain(answer);
  return answer;
}

/* A body that is a text goes as somebody wrote it; it is JSON unless `more` says otherwise. */
export async function call<T>(path: string, method = "GET", body?: unknown, signal?: AbortSignal, more?: Record<string, string>): Promise<T> {
  const answer = await ask(path, method, body, signal, more);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export async function callText(path: string): Promise<string> {
  return (await ask(path, "GET")).text();
}

/* What is made with a login link for somebody: the link, whole. */
export async function callForLink(path: string, body: unknown): Promise<string> {
  const answer = await ask(path, "POST", body);
  return new URL(answer.headers.get("Location") ?? "/", location.origin).href;
}

export function query(values: Record<string, string | number | null | undefined>): string {
  const text = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== undefined && value !== null && value !== "") text.set(name, String(value));
  const joined = text.toString();
  return joined ? "?" + joined : "";
}
