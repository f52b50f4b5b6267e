import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { call, Problem, type Session } from "./api";
import { Alerts } from "./alerts";
import { Device } from "./device";
import { Devices } from "./devices";
import { AddDevice } from "./enrol";
import { span, useNow } from "./format";
import { Identity } from "./identity";
import { listenKeys } from "./keys";
import { live, on, startLive } from "./live";
import { Notifications } from "./notifications";
import { Overview } from "./overview";
import { Command, Empty, Help, Icon } from "./parts";
import { Rules, RulesOfSites } from "./rules";
import { followLinks, usePlace } from "./router";

function Banner() {
  const now = useNow();
  const [up, setUp] = useState(live.up);
  useEffect(() => on("link", setUp), []);
  const age = now - live.at;
  const down = live.tried && (!up || age > 15000);
  return (
    <div role="status" class="status">
      {down && (
        <p class="banner"><Icon name="offline" />
          <span>The live stream is interrupted. What you see is {span(age)} old; it continues by itself when the server is back.</span>
        </p>
      )}
    </div>
  );
}

const pages: [string, string, string][] = [["/", "overview", "Overview"], ["/devices", "devices", "Devices"], ["/alerts", "alerts", "Alerts"], ["/rules", "rules", "Rules"], ["/notifications", "notifications", "Messages"], ["/identity", "identity", "Identity"]];

const who = (s: Session) => (s.user === s.role ? s.user : `${s.user} · ${s.role}`);

function Rail({ path, session, help, leave }: { path: string; session: Session; help: () => void; leave: () => void }) {
  const [open, setOpen] = useState(0);
  useEffect(() => on("overview", (o) => setOpen(o.alerts.open)), []);
  return (
    <header class="rail">
      <a class="brand" href="/"><img src="/favicon.svg" alt="" width="24" height="24" /><span>Selvedge</span></a>
      <nav aria-label="Pages">
        {pages.map(([to, icon, label]) => (
          <a href={to} aria-current={to === path || (to !== "/" && path.startsWith(to + "/")) ? "page" : undefined}>
            <Icon name={icon} /><span>{label}</span>
            {icon === "alerts" && open > 0 && <span class="badge">{open}<span class="hidden"> open</span></span>}
          </a>
        ))}
      </nav>
      <div class="rail-end">
        <button type="button" class="plain" onClick={help}><Icon name="help" /><span>Keyboard</span></button>
        <button type="button" class="plain" onClick={leave}><Icon name="leave" /><span>Log out</span></button>
        <p class="dim small">{who(session)}<br />version {session.version}</p>
      </div>
    </header>
  );
}

function page(path: string, session: Session) {
  if (path === "/" || path === "/index.html") return <Overview may={session.role !== "viewer"} />;
  if (path === "/devices" || path === "/devices/") return <Devices may={session.role !== "viewer"} />;
  if (path === "/alerts" || path === "/alerts/") return <Alerts />;
  if (path === "/identity" || path === "/identity/") return <Identity may={session.role !== "viewer"} />;
  if (path === "/identity/add") return <AddDevice may={session.role !== "viewer"} />;
  if (path === "/notifications" || path === "/notifications/") return <Notifications session={session} />;
  const device = /^\/devices\/([^/]+)$/.exec(path);
  if (device) return <Device key={device[1]} id={decodeURIComponent(device[1]!)} may={session.role !== "viewer"} />;
  if (path === "/rules" || path === "/rules/") return <RulesOfSites />;
  const rules = /^\/rules\/([^/]+)$/.exec(path);
  if (rules) return <Rules key={rules[1]} site={decodeURIComponent(rules[1]!)} may={session.role !== "viewer"} />;
  return <><h1>Not here</h1><Empty title="There is no page at this address."><p><a href="/">To the overview</a></p></Empty></>;
}

const titles: Record<string, string> = { "/": "Overview", "/devices": "Devices", "/alerts": "Alerts", "/notifications": "Messages", "/rules": "Rules", "/identity": "Identity", "/identity/add": "Add a device" };

function Shell({ session, leave }: { session: Session; leave: () => void }) {
  const { path } = usePlace();
  const [help, setHelp] = useState(false);
  useEffect(() => listenKeys(() => setHelp(true)), []);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) document.getElementById("main")?.focus({ preventScroll: true });
    first.current = false;
    document.title = `${titles[path] ?? decodeURIComponent(path.split("/").pop() ?? "")} · Selvedge`;
  }, [path]);
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById("main")?.focus(); }}>Skip to the content</a>
      <Rail path={path} session={session} help={() => setHelp(true)} leave={leave} />
      <main id="main" tabIndex={-1}>
        <Banner />
        {page(path, session)}
        <footer class="foot">
          <p class="dim small">{who(session)} · version {session.version}</p>
          <button type="button" class="quiet" onClick={leave}>Log out</button>
        </footer>
      </main>
      {help && <Help close={() => setHelp(false)} />}
    </>
  );
}

function Login({ error, retry }: { error: string; retry: () => void }) {
  return (
    <main class="login">
      <img src="/favicon.svg" alt="" width="40" height="40" />
      <h1>Selvedge</h1>
      <p>To log in, open the login link that <code>selvedge pilot</code> prints; each link works once.</p>
      <Command text="selvedge pilot" />
      <p class="dim">Used already? Press Enter in the pilot’s terminal: it prints a new one.</p>
      {error && <p class="error" role="alert">{error}</p>}
      <button type="button" onClick={retry}>Look again</button>
    </main>
  );
}

async function enter(): Promise<Session> {
  const token = /[#&]login=([^&]+)/.exec(location.hash)?.[1];
  let refused: unknown = null;
  if (token) {
    history.replaceState(null, "", location.pathname + location.search);
    await call("/session", "POST", { token: decodeURIComponent(token) }).catch((error) => (refused = error));
  }
  return call<Session>("/session").catch((error) => {
    if (refused) throw refused;
    throw error instanceof Problem && error.status === 401 ? new Problem(401, "") : error; // nobody has tried yet
  });
}

function App() {
  const [session, setSession] = useState<Session | null>(null);
  const [error, setError] = useState<string | null>(null);
  const look = () => enter().then(
    (found) => { setSession(found); startLive(); },
    (e) => setError(e.message));
  const leave = () => call("/session", "DELETE").then(() => location.assign("/"), (e) => setError(e.message));
  useEffect(() => {
    look();
    const over = () => { setSession(null); setError("Your session has ended."); };
    window.addEventListener("selvedge-session-over", over);
    window.addEventListener("hashchange", look);
    document.addEventListener("click", followLinks);
    return () => window.removeEventListener("selvedge-session-over", over);
  }, []);
  if (session) return <Shell session={session} leave={leave} />;
  return error === null ? <main class="login"><h1 class="hidden">Selvedge</h1><p class="dim">One moment…</p></main> : <Login error={error} retry={look} />;
}

render(<App />, document.getElementById("app")!);
