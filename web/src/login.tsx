import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Problem } from "./api";
import { sentence, span, useNow } from "./format";
import { Command } from "./parts";

/* After a refusal the password is typed again; the name stays. */
function SignIn({ done }: { done: () => void }) {
  const now = useNow();
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [until, setUntil] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const waits = until > now;
  const refused = (problem: Problem) => {
    setPassword("");
    setCode("");
    setError(problem.message);
    setUntil(problem.wait ? Date.now() + problem.wait * 1000 : 0);
    field.current?.focus();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (waits) return;
    setBusy(true);
    setError("");
    call("/session", "POST", { user: user.trim(), password, ...(code.trim() && { totp: code.replace(/\s/g, "") }) }).then(done, refused).finally(() => setBusy(false));
  };
  return (
    <form onSubmit={submit} aria-describedby={error ? "login-error" : undefined}>
      <label class="stack"><span>User</span>
        <input name="user" required autocomplete="username" autocapitalize="none" spellcheck={false} autofocus value={user} onInput={(e) => setUser(e.currentTarget.value)} />
      </label>
      <label class="stack"><span>Password</span>
        <input ref={field} name="password" type="password" required autocomplete="current-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
      </label>
      <label class="stack"><span>Code, if you have set up a second factor</span>
        <input name="totp" inputMode="numeric" pattern="[0-9 ]{6,7}" title="6 digits" autocomplete="one-time-code" value={code} onInput={(e) => setCode(e.currentTarget.value)} />
      </label>
      {error && <p id="login-error" class="error" role="alert">{sentence(error)}</p>}
      <button type="submit" class="primary" disabled={busy || waits}>{busy ? "One moment…" : waits ? `Again in ${span(until - now)}` : "Sign in"}</button>
    </form>
  );
}

/* `retry`: nobody was refused, the server did not answer. */
export function Login({ error, retry, done }: { error: string; retry: boolean; done: () => void }) {
  useEffect(() => { document.title = "Sign in · Selvedge"; }, []);
  return (
    <main class="login">
      <img src="/favicon.svg" alt="" width="40" height="40" />
      <h1>Selvedge</h1>
      {error && <p class="error" role="alert">{sentence(error)}</p>}
      {retry && <button type="button" onClick={done}>Try again</button>}
      <SignIn done={done} />
      <details>
        <summary>Without a password</summary>
        <p>Open the link that an administrator made for you, or that the server showed on its console at its first start. Each works once.</p>
        <p>A pilot prints a new one when you press Enter in its terminal:</p>
        <Command text="selvedge pilot" />
      </details>
    </main>
  );
}
