import { useState } from "preact/hooks";
import { call, type Role, type Session } from "./api";
import { capital, sentence } from "./format";
import { SecondFactor } from "./factor";
import { State } from "./parts";
import { Sessions } from "./sessions";

/* What a role may; each may what the one before may. */
export const roles: [Role, string][] = [
  ["viewer", "sees, and changes nothing"], ["operator", "also acknowledges, commands, enrols and writes rules"], ["release", "also publishes and rolls out updates"], ["admin", "also manages people"],
];
export const sitesWords = (sites: string[] | null) => (sites === null ? "all sites" : sites.join(", "));
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

function Password({ session, changed }: { session: Session; changed: () => void }) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [again, setAgain] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [done, setDone] = useState(false);
  const type = (set: (text: string) => void) => (event: { currentTarget: HTMLInputElement }) => { set(event.currentTarget.value); setError(""); setDone(false); };
  const submit = (event: Event) => {
    event.preventDefault();
    if (next !== again) return setError("The two new ones differ.");
    if (bytesOf(next) < 12) return setError("It needs at least 12 characters.");
    setBusy(true);
    setError("");
    call("/session/password", "POST", session.password ? { password: next, current } : { password: next })
      .then(() => { setCurrent(""); setNext(""); setAgain(""); setDone(true); changed(); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <section aria-labelledby="h-password" id="password">
      <h2 id="h-password">{session.password ? "Change the password" : "Set a password"}</h2>
      {!session.password && !done && <p>You came with a link, which does not work again. With a password you come back whenever you want.</p>}
      <form class="narrow" onSubmit={submit} data-done={done ? "" : undefined}>
        <input class="hidden" type="text" name="username" autocomplete="username" value={session.user} readOnly tabIndex={-1} aria-hidden="true" />
        {session.password && <label class="stack"><span>Current password</span>
          <input name="current" type="password" required autocomplete="current-password" value={current} onInput={type(setCurrent)} />
        </label>}
        <label class="stack"><span>New password, 12 characters or more</span>
          <input name="password" type="password" required maxLength={256} autocomplete="new-password" value={next} onInput={type(setNext)} />
        </label>
        <label class="stack"><span>The new one again</span>
          <input name="again" type="password" required maxLength={256} autocomplete="new-password" value={again} onInput={type(setAgain)} />
        </label>
        {error && <p class="error" role="alert">{sentence(error)}</p>}
        <p role="status">{done && <State is="healthy" label="It counts from now on. All other sessions have ended." />}</p>
        <button type="submit" class="primary" disabled={busy}>{busy ? "One moment…" : session.password ? "Change it" : "Set it"}</button>
      </form>
    </section>
  );
}

export function Account({ session, changed, leave }: { session: Session; changed: () => void; leave: () => void }) {
  const [turn, setTurn] = useState(0);
  return (
    <>
      <div class="title"><h1>{session.user}</h1><button type="button" onClick={leave} data-act="leave">Sign out</button></div>
      <p class="sentence">{capital(session.role)} of {sitesWords(session.sites)}: {roles.find(([r]) => r === session.role)?.[1]}.</p>
      <div class="columns even">
        <Password session={session} changed={() => { setTurn((n) => n + 1); changed(); }} />
        <SecondFactor session={session} changed={changed} />
        <Sessions key={turn} path="/session/all" />
        <section aria-labelledby="h-api"><h2 id="h-api">API tokens</h2><p>Programs do not sign in, they show a token. <a href="/account/tokens">Make and remove tokens</a></p></section>
      </div>
    </>
  );
}
