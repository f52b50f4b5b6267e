import { useState } from "preact/hooks";
import { call, query, type ApiToken, type ApiTokenMade, type Page, type Role, type Session } from "./api";
import { sitesWords } from "./account";
import { Confirm } from "./confirm";
import { exact, sentence } from "./format";
import { useLoad } from "./load";
import { Command, Failed, State, Time } from "./parts";

const idGrammar = "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}";
const rank: Role[] = ["viewer", "operator", "release", "admin"];
/* What a token may be good for, and the role that it takes. */
const scopes: [string, Role, string][] = [
  ["read", "viewer", "see everything that you see"], ["alerts", "operator", "acknowledge alerts, test messages"], ["devices", "operator", "enrol, command, revoke"], ["rules", "operator", "write rules"],
  ["updates", "release", "publish updates"], ["admin", "viewer", "make tokens; of an admin, manage people"],
];
const spans: [string, string][] = [["1", "1 day"], ["30", "30 days"], ["90", "90 days"], ["400", "400 days"]];

function Make({ session, made }: { session: Session; made: (token: ApiTokenMade) => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<string[]>(["read"]);
  const [days, setDays] = useState("90");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const mine = scopes.filter(([, role]) => rank.indexOf(role) <= rank.indexOf(session.role));
  const submit = (event: Event) => {
    event.preventDefault();
    if (chosen.length === 0) return setError("Choose what it is good for.");
    setBusy(true);
    setError("");
    call<ApiTokenMade>("/tokens", "POST", { name, scopes: chosen, days: Number(days) }).then((token) => { made(token); setName(""); }, (e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <form class="narrow" onSubmit={submit} data-form="token">
      <label class="stack"><span>Name</span>
        <input name="name" required pattern={idGrammar} title="letters, digits, _ and -, at most 64" autocomplete="off" autocapitalize="none" spellcheck={false} value={name} onInput={(e) => { setName(e.currentTarget.value); setError(""); }} />
      </label>
      <fieldset class="choices sites">
        <legend>Good for</legend>
        {mine.map(([scope, , text]) => (
          <label class="choice"><input type="checkbox" name="scope" value={scope} checked={chosen.includes(scope)} onChange={(e) => setChosen(e.currentTarget.checked ? [...chosen, scope] : chosen.filter((s) => s !== scope))} />{scope}<small>{text}</small></label>
        ))}
      </fieldset>
      <label class="stack"><span>Ends after</span>
        <select name="days" value={days} onChange={(e) => setDays(e.currentTarget.value)}>{spans.map(([d, text]) => <option value={d}>{text}</option>)}</select>
      </label>
      {error && <p class="error" role="alert">{sentence(error)}</p>}
      <button type="submit" class="primary" disabled={busy}>{busy ? "One moment…" : "Make a token"}</button>
    </form>
  );
}

function Row({ item, self, ask }: { item: ApiToken; self: boolean; ask: () => void }) {
  const isOver = item.expires !== null && item.expires <= Date.now();
  return (
    <li class="entry" data-token={item.name} data-row tabIndex={-1}>
      <State is={isOver ? "offline" : "healthy"} label={isOver ? "Ended" : "Counts"} />
      <div class="entry-body">
        <p class="entry-text">{item.name}</p>
        <p class="dim">{item.scopes.join(", ")}, as {item.role} of {sitesWords(item.sites)}{!self && item.user && <>, made by {item.user}</>}</p>
        <p class="dim">{item.expires === null ? "never ends" : <span title={exact(item.expires)}>ends <Time at={item.expires} /></span>} · used <Time at={item.used} />{item.used_from && <> from {item.used_from}</>}</p>
        <span class="act"><button type="button" data-act="remove-token" onClick={ask}>Remove…<span class="hidden"> {item.name}</span></button></span>
      </div>
    </li>
  );
}

export function Tokens({ session }: { session: Session }) {
  const { data, error, again, set } = useLoad<Page<ApiToken>>("/tokens?limit=100");
  const [made, setMade] = useState<ApiTokenMade | null>(null);
  const [asked, setAsked] = useState<string | null>(null);
  const [failure, setFailure] = useState("");
  const more = () => data?.next && call<Page<ApiToken>>("/tokens" + query({ limit: 100, cursor: data.next }))
    .then((page) => set((old) => ({ next: page.next, items: [...old.items, ...page.items] })), (e) => setFailure(e.message));
  return (
    <>
      <p class="crumb"><a href="/account">{session.user}</a></p>
      <h1>API tokens</h1>
      <p class="sentence">For programs. A token never may more than who made it{session.role === "admin" ? "; you see everybody’s." : "."}</p>
      <div class="columns even">
        <section aria-labelledby="h-make">
          <h2 id="h-make">Make one</h2>
          <Make session={session} made={(token) => { setMade(token); again(); }} />
          {made && (
            <div class="line" data-made={made.name} role="status">
              <p>{made.name} is this, and is shown now only:</p>
              <Command text={made.token} />
              <p class="dim small">A program sends it as <code>Authorization: Bearer {made.token.slice(0, 4)}…</code></p>
            </div>
          )}
        </section>
        <section aria-labelledby="h-tokens">
          <h2 id="h-tokens">Those that there are</h2>
          {error && <Failed error={error} retry={again} />}
          {data?.items.length === 0 && <p class="dim">None.</p>}
          {data && data.items.length > 0 && <ul class="entries">{data.items.map((t) => <Row key={t.name} item={t} self={t.user === session.user} ask={() => setAsked(t.name)} />)}</ul>}
          {data?.next && <button type="button" class="more" onClick={more}>Show more</button>}
          {failure && <p class="error" role="alert">{failure}</p>}
        </section>
      </div>
      {asked && (
        <Confirm title={`Remove ${asked}?`} yes="Remove" danger close={() => setAsked(null)}
          run={() => call(`/tokens/${encodeURIComponent(asked)}`, "DELETE").then(() => { if (made?.name === asked) setMade(null); again(); })}>
          <p>What uses it is refused from now on. That cannot be undone; another one can be made.</p>
        </Confirm>
      )}
    </>
  );
}
