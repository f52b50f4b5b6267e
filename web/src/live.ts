import type { Alert, Command, Device, Overview, Points } from "./api";
import type { Campaign } from "./update-types";

type Events = { points: Points; device: Device; alert: Alert; command: Command; overview: Overview; rules: { site: string }; models: { site: string }; maintenance: { site: string }; update: Campaign; image: unknown; link: boolean };
type Listener<T> = (data: T) => void;

const listeners: { [K in keyof Events]: Set<Listener<Events[K]>> } = {
  points: new Set(), device: new Set(), alert: new Set(), command: new Set(), overview: new Set(), rules: new Set(), models: new Set(), maintenance: new Set(), update: new Set(), image: new Set(), link: new Set(),
};
export const live = { up: false, tried: false, at: 0 };

/* The newest value of each sensor this page has heard of. */
const values = new Map<string, number>();
export const latest = (device: string, sensor: string | null) => values.get(`${device}/${sensor}`);

export function note(device: string, sensor: string, value: number | null | undefined) {
  if (typeof value === "number") values.set(`${device}/${sensor}`, value);
}

export function on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
  listeners[name].add(listener);
  return () => void listeners[name].delete(listener);
}

function emit<K extends keyof Events>(name: K, data: Events[K]) {
  if (name === "link") live.up = data as boolean;
  else {
    live.at = Date.now();
    live.up = true;
  }
  live.tried ||= live.up;
  if (name === "points") for (const { d, s, p } of data as Points) note(d, s, p[p.length - 1]?.[1]);
  for (const listener of listeners[name]) listener(data);
}

function viaWorker() {
  const worker = new SharedWorker("/events-worker.js", { type: "module", name: "selvedge-events" });
  worker.port.onmessage = ({ data }) => emit(data.name, data.data);
  worker.port.start();
  window.addEventListener("pagehide", () => worker.port.postMessage("leave"));
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}

function direct() {
  const source = new EventSource("/api/v1/events");
  source.onopen = () => emit("link", true);
  source.onerror = () => {
    emit("link", false);
    if (source.readyState === EventSource.CLOSED) setTimeout(direct, 3000);
  };
  for (const name of ["points", "device", "alert", "command", "overview", "rules", "models", "maintenance", "update", "image"] as const)
    source.addEventListener(name, (event) => emit(name, JSON.parse((event as MessageEvent).data)));
}

let started = false;
export function startLive() {
  if (started) return;
  started = true;
  live.at = Date.now();
  setTimeout(() => {
    live.tried = true;
    emit("link", live.up);
  }, 4000);
  if (typeof SharedWorker === "undefined") direct();
  else viaWorker();
}
