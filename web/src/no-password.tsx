import { useState } from "preact/hooks";
import type { Session } from "./api";
import { Icon } from "./parts";

/* Who came with a link and has no password yet is told on every page, until told to be quiet for this visit. */
export function NoPassword({ session }: { session: Session }) {
  const [quiet, setQuiet] = useState(sessionStorage.getItem("no-password") === "later");
  if (session.password !== false || session.token || quiet) return null;
  return (
    <div class="banner calm" data-no-password>
      <Icon name="people" />
      <div><p>You have no password yet, and the link you came with does not work again.</p></div>
      <a class="button primary" href="/account">Set a password</a>
      <button type="button" class="quiet" onClick={() => { sessionStorage.setItem("no-password", "later"); setQuiet(true); }}>Later</button>
    </div>
  );
}
