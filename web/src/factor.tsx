import { useState } from "preact/hooks";
import { call, type Session } from "./api";
import { sentence } from "./format";
import { Command, State } from "./parts";
import { Qr } from "./qr";

function Code({ label, yes, danger, send }: { label: string; yes: string; danger?: boolean; send: (code: string) => Promise<unknown> }) {
  const [code, setCode] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    send(code.replace(/\s/g, "")).catch((e) => { setError(e.message); setCode(""); }).finally(() => setBusy(false));
  };
  return (
    <form class="narrow" onSubmit={submit}>
      <label class="stack"><span>{label}</span>
        <input name="code" required inputMode="numeric" pattern="[0-9 ]{6,7}" title="6 digits" autocomplete="one-time-code" value={code} onInput={(e) => { setCode(e.currentTarget.value); setError(""); }} />
      </label>
      {error && <p class="error" role="alert">{sentence(error)}</p>}
      <button type="submit" class={danger ? "" : "primary"} disabled={busy}>{busy ? "One moment…" : yes}</button>
    </form>
  );
}

/* A code of an authenticator app besides the password. */
export function SecondFactor({ session, changed }: { session: Session; changed: () => void }) {
  const [url, setUrl] = useState("");
  const [error, setError] = useState("");
  const begin = () => call<{ url: string }>("/session/totp", "POST", {}).then((made) => { setUrl(made.url); setError(""); }, (e) => setError(e.message));
  const secret = url && (new URL(url).searchParams.get("secret") ?? "");
  return (
    <section aria-labelledby="h-factor" id="factor" data-on={session.totp ? "" : undefined}>
      <h2 id="h-factor">Second factor</h2>
      {session.totp && (
        <>
          <p><State is="healthy" label="A code is asked for as well when you sign in." /></p>
          <Code label="A code of now, to take it away" yes="Take it away" danger send={(code) => call("/session/totp", "DELETE", undefined, undefined, { "X-Selvedge-Code": code }).then(() => { setUrl(""); changed(); })} />
        </>
      )}
      {!session.totp && !url && (
        <>
          <p>A code of an authenticator app, asked for besides the password: who finds out the password alone does not come in.</p>
          <button type="button" data-act="factor" onClick={begin}>Set it up</button>
        </>
      )}
      {!session.totp && url && (
        <>
          <p>Let the app read this, or type the secret. It is shown now only, and counts when you give back a code.</p>
          <Qr text={url} label="The secret as a QR code for an authenticator app" />
          <p><Command text={secret} /></p>
          <Code label="The code that the app shows" yes="Turn it on" send={(code) => call("/session/totp", "POST", { code }).then(() => { setUrl(""); changed(); })} />
        </>
      )}
      {error && <p class="error" role="alert">{sentence(error)}</p>}
    </section>
  );
}
