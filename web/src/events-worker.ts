/* One EventSource for every tab of this browser: servers and browsers both limit connections per client. */
const names = ["points", "device", "alert", "command", "overview", "rules", "models", "maintenance", "update", "image"];
const ports = new Set<MessagePort>();
let source: EventSource | null = null;
let up = false;

function tell(message: unknown) {
  for (const port of ports) port.postMessage(message);
}

function state(now: boolean) {
  up = now;
  tell({ name: "link", data: now });
}

function connect() {
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource("/api/v1/events");
  source.onopen = () => state(true);
  source.onerror = () => {
    state(false);
    if (source?.readyState === EventSource.CLOSED && ports.size > 0) setTimeout(connect, 3000);
  };
  for (const name of names)
    source.addEventListener(name, (event) => tell({ name, data: JSON.parse((event as MessageEvent).data) }));
}

function leave(port: MessagePort) {
  ports.delete(port);
  if (ports.size > 0) return;
  source?.close();
  source = null;
  up = false;
}

self.addEventListener("connect", (event) => {
  const port = (event as MessageEvent).ports[0]!;
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data === "leave") leave(port);
  };
  port.start();
  if (up) port.postMessage({ name: "link", data: up });
  connect();
});
