import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import "uplot/dist/uPlot.min.css";
import "./app.css";
import { call, Problem, type Session } from "./api";
import { Account, NoPassword } from "./account";
import { Alerts } from "./alerts";
import { Checklist } from "./checklist";
import { Device } from "./device";
import { Devices } from "./devices";
import { AddDevice } from "./enrol";
import { span, useNow } from "./format";
import { Identity } from "./identity";
import { listenKeys } from "./keys";
import { live, on, startLive } from "./live";
import { Log } from "./log";
import { Login } from "./login";
import { Notifications } from "./notifications";
import { Overview } from "./overview";
import { Empty, Help, Icon } from "./parts";
import { AddPerson, People } from "./people";
import { Person } from "./person";
import { Rules, RulesOfSites } from "./rules";
import { Tokens } from "./tokens";
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
  ["/", "overview", "Overview"], ["/devices", "devices", "Devices"], ["/alerts", "alerts", "Alerts"], ["/rules", "rules", "Rules"], ["/notifications", "notifications", "Messages"], ["/identity", "identity", "Identity"],
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

const NotYours = () => <><h1>People</h1><Empty title="Who may do what is for the role admin."><p><a href="/account">To your own account</a></p></Empty></>;

function peoplePage(path: string, session: Session) {
  if (session.role !== "admin") return <NotYours />;
  if (path === "/people/add") return <AddPerson />;
  const name = /^\/people\/([^/]+)$/.exec(path)?.[1];
  return name ? <Person key={name} name={decodeURIComponent(name)} session={session} /> : <People session={session} />;
}

type Shown = { session: Session; changed: () => void; leave: () => void };

function page(path: string, { session, changed, leave }: Shown) {
  if (path === "/account") return <Account session={session} changed={changed} leave={leave} />;
  if (path === "/account/tokens") return <Tokens session={session} />;
  if (path === "/log") return <Log mayExport={!session.sites} />;
  if (path === "/checklist" && !session.sites) return <Checklist />;
  if (path === "/more") return <More session={session} leave={leave} />;
  if (within("/people", path)) return peoplePage(path, session);
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

const titles: Record<string, string> = { "/": "Overview", "/devices": "Devices", "/alerts": "Alerts", "/notifications": "Messages", "/rules": "Rules", "/identity": "Identity", "/identity/add": "Add a device", "/log": "Log", "/checklist": "Checklist", "/people": "People", "/people/add": "Add somebody", "/account": "Your account", "/account/tokens": "API tokens", "/more": "More" };

function Shell(props: Shown) {
  const { session, leave } = props;
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
