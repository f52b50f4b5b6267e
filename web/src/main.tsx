import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { call, Problem, type Session } from "./api";
import { Alerts } from "./alerts";
import { Device } from "./device";
import { Devices } from "./devices";
import { span, useNow } from "./format";
import { listenKeys } from "./keys";
import { live, on, startLive } from "./live";
import type { Shown } from "./later";
import { Login } from "./login";
import { NoPassword } from "./no-password";
import { Overview } from "./overview";
import { Empty, Failed, Help, Icon } from "./parts";
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

const pages: [string, string, string][] = [
  ["/", "overview", "Overview"], ["/devices", "devices", "Devices"], ["/alerts", "alerts", "Alerts"], ["/updates", "updates", "Updates"], ["/models", "models", "Models"], ["/rules", "rules", "Rules"], ["/notifications", "notifications", "Messages"], ["/identity", "identity", "Identity"],
  ["/log", "log", "Log"], ["/checklist", "checklist", "Checklist"], ["/people", "people", "People"],
];
const onPhone = 4; // so many have room at the bottom of a phone; the rest is behind "More"
/* What is about the server as a whole is for who sees all sites. */
const pagesFor = (session: Session) => pages.filter(([to]) => (to !== "/people" || session.role === "admin") && (to !== "/checklist" || !session.sites));
const within = (to: string, path: string) => to === path || (to !== "/" && path.startsWith(to + "/"));

const who = (s: Session) => (s.user === s.role ? s.user : `${s.user} · ${s.role}`);

function Rail({ path, session, help, leave }: { path: string; session: Session; help: () => void; leave: () => void }) {
  const [open, setOpen] = useState(0);
  useEffect(() => on("overview", (o) => setOpen(o.alerts.open)), []);
  const mine = pagesFor(session);
  const isMore = path === "/more" || within("/account", path) || mine.slice(onPhone).some(([to]) => within(to, path));
  return (
    <header class="rail">
      <a class="brand" href="/"><img src="/favicon.svg" alt="" width="24" height="24" /><span>Selvedge</span></a>
      <nav aria-label="Pages">
        {mine.map(([to, icon, label], i) => (
          <a href={to} class={i < onPhone ? undefined : "desk"} aria-current={within(to, path) ? "page" : undefined}>
            <Icon name={icon} /><span>{label}</span>
            {icon === "alerts" && open > 0 && <span class="badge">{open}<span class="hidden"> open</span></span>}
          </a>
        ))}
        <a href="/more" class="phone" aria-current={isMore ? "page" : undefined}><Icon name="more" /><span>More</span></a>
      </nav>
      <div class="rail-end">
        <button type="button" class="plain" onClick={help}><Icon name="help" /><span>Keyboard</span></button>
        <a class="plain" href="/account" aria-current={within("/account", path) ? "page" : undefined}><Icon name="account" /><span class="cut" title={who(session)}>{who(session)}</span></a>
        <button type="button" class="plain" onClick={leave}><Icon name="leave" /><span>Sign out</span></button>
        <p class="dim small">version {session.version}</p>
      </div>
    </header>
  );
}

function More({ session, leave }: { session: Session; leave: () => void }) {
  return (
    <>
      <h1>More</h1>
      <ul class="entries more-pages">
        {pagesFor(session).slice(onPhone).map(([to, icon, label]) => <li><a href={to}><Icon name={icon} />{label}</a></li>)}
        <li><a href="/account"><Icon name="account" />{who(session)}</a></li>
        <li><button type="button" class="plain" onClick={leave}><Icon name="leave" />Sign out</button></li>
      </ul>
      <p class="dim small">version {session.version}</p>
    </>
  );
}

/* Pages that the first visit does not need come with a file of their own, fetched while nothing else is to be done. */
type Later = typeof import("./later");
let later: Later | null = null;
const fetchLater = () => import("./later").then((pages) => (later = pages));

function LaterPage({ path, shown }: { path: string; shown: Shown }) {
  const [pages, setPages] = useState(later);
  const [failed, setFailed] = useState(false);
  useEffect(() => { if (!pages) fetchLater().then((found) => setPages(() => found), () => setFailed(true)); }, []);
  if (failed) return <Failed error="This page could not be fetched: the server is away, or newer than what your browser has." retry={() => location.reload()} />;
  if (!pages) return <p class="sentence">One moment…</p>;
  return pages.page(path, shown) ?? <><h1>Not here</h1><Empty title="There is no page at this address."><p><a href="/">To the overview</a></p></Empty></>;
}

function page(path: string, shown: Shown) {
  const { session, leave } = shown;
  if (path === "/more") return <More session={session} leave={leave} />;
  if (path === "/" || path === "/index.html") return <Overview may={session.role !== "viewer"} />;
  if (path === "/devices" || path === "/devices/") return <Devices may={session.role !== "viewer"} starts={session.role === "release" || session.role === "admin"} />;
  if (path === "/alerts" || path === "/alerts/") return <Alerts />;
  const device = /^\/devices\/([^/]+)$/.exec(path);
  if (device) return <Device key={device[1]} id={decodeURIComponent(device[1]!)} session={session} />;
  return <LaterPage path={path} shown={shown} />;
}

const titles: Record<string, string> = { "/": "Overview", "/devices": "Devices", "/alerts": "Alerts", "/updates": "Updates", "/updates/new": "Roll out an image", "/notifications": "Messages", "/models": "Models", "/rules": "Rules", "/identity": "Identity", "/identity/add": "Add a device", "/log": "Log", "/checklist": "Checklist", "/people": "People", "/people/add": "Add somebody", "/account": "Your account", "/account/tokens": "API tokens", "/more": "More" };

function Shell(props: Shown) {
  const { session, leave } = props;
  const { path } = usePlace();
  useEffect(() => void setTimeout(() => fetchLater().catch(() => undefined), 3000), []);
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
        {path !== "/account" && <NoPassword session={session} />}
        {page(path, props)}
      </main>
      {help && <Help close={() => setHelp(false)} />}
    </>
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
  const [error, setError] = useState<Problem | null>(null);
  const look = () => enter().then(
    (found) => { setSession(found); setError(null); startLive(); },
    (e) => setError(e instanceof Problem ? e : new Problem(0, String(e))));
  const leave = () => call("/session", "DELETE").catch(() => undefined).then(() => location.assign("/"));
  useEffect(() => {
    look();
    const over = () => { setSession(null); setError(new Problem(401, "Your session has ended.")); };
    window.addEventListener("selvedge-session-over", over);
    window.addEventListener("hashchange", look);
    document.addEventListener("click", followLinks);
    return () => window.removeEventListener("selvedge-session-over", over);
  }, []);
  if (session) return <Shell session={session} changed={look} leave={leave} />;
  return error === null ? <main class="login"><h1 class="hidden">Selvedge</h1><p class="dim">One moment…</p></main> : <Login error={error.message} retry={error.status !== 401} done={look} />;
}

render(<App />, document.getElementById("app")!);
