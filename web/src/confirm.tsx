import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "./format";

/* Asks before something that hurts. What the server refuses is told here, and the dialog stays. */
export function Confirm(props: { title: string; yes: string; danger?: boolean; run: () => Promise<unknown>; close: () => void; children?: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    props.run().then(() => dialog.current?.close(), (e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <dialog ref={dialog} onClose={props.close} aria-labelledby="confirm-title" class="confirm">
      <form onSubmit={submit}>
        <h2 id="confirm-title">{props.title}</h2>
        {props.children}
        {error && <p class="error" role="alert">{sentence(error)}</p>}
        <div class="act">
          <button type="submit" class={props.danger ? "danger" : "primary"} disabled={busy}>{busy ? "One moment…" : props.yes}</button>
          <button type="button" class="quiet" autofocus onClick={() => dialog.current?.close()}>Leave it</button>
        </div>
      </form>
    </dialog>
  );
}
