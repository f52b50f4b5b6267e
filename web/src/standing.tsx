import { useEffect, useRef, useState } from "preact/hooks";
import { call, type DeviceDetail, type EnrolmentMade, type Standing } from "./api";
import { Line } from "./enrol";
import { Icon, Time } from "./parts";

/* What can be done about who somebody is, in words a shift lead would say. */
type Act = { name: string; label: string; title: string; text: string; path: string; state?: Standing["state"]; danger: boolean };

const acts = (id: string): Record<string, Act> => {
  const standing = `/devices/${encodeURIComponent(id)}/standing`;
  return {
    quarantine: { name: "quarantine", label: "Quarantine…", title: `Quarantine ${id}`, path: standing, state: "quarantined", danger: false,
      text: "It stays connected, for health, commands and updates. Its readings are set aside and raise no alerts until it is released." },
    release: { name: "release", label: "Release…", title: `Release ${id}`, path: standing, state: "active", danger: false,
      text: "Its readings count again from now on. What was set aside stays aside." },
    replace: { name: "replace", label: "Replace…", title: `Replace ${id}`, path: `/devices/${encodeURIComponent(id)}/replacement`, danger: true,
      text: "For a swap: the machine in its place gets a new key and keeps the history. What the old one holds ends now, and cannot be brought back." },
    revoke: { name: "revoke", label: "Revoke…", title: `Revoke ${id}`, path: standing, state: "revoked", danger: true,
      text: "It is disconnected everywhere within two seconds and cannot come back with the certificates it holds. That cannot be undone; it can be enrolled anew." },
    retire: { name: "retire", label: "Retire…", title: `Retire ${id}`, path: standing, state: "retired", danger: true,
      text: "It is disconnected, its certificates, lines and sessions end, and it leaves the list of devices. Its history stays. That cannot be undone." },
  };
};

export function actsFor(state: Standing["state"]): string[] {
  if (state === "retired") return [];
  if (state === "revoked") return ["replace", "retire"];
  return [state === "quarantined" ? "release" : "quarantine", "replace", "revoke", "retire"];
}

function Confirm({ act, done, close }: { act: Act; done: (made: EnrolmentMade | null) => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    call<EnrolmentMade | Standing>(act.path, "POST", act.state ? { state: act.state, reason: reason.trim() } : { minutes: 1440 })
      .then((answer) => { done("token" in answer ? answer : null); dialog.current?.close(); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="standing-title" class="confirm">
      <form onSubmit={submit}>
        <h2 id="standing-title">{act.title}</h2>
        <p>{act.text}</p>
        {act.state && <label class="stack"><span>Why (it is written down)</span><input name="reason" maxLength={200} required={act.danger} autocomplete="off" value={reason} onInput={(e) => setReason(e.currentTarget.value)} /></label>}
        {error && <p class="error" role="alert">{error}</p>}
        <div class="act">
          <button type="submit" class={act.danger ? "danger" : "primary"} disabled={busy}>{busy ? "One moment…" : act.label.replace("…", "")}</button>
          <button type="button" class="quiet" onClick={() => dialog.current?.close()}>Leave it</button>
        </div>
      </form>
    </dialog>
  );
}

const heads: Record<Standing["state"], string> = { active: "", quarantined: "Put in quarantine", revoked: "Revoked", retired: "Retired" };
const words: Record<Standing["state"], string> = {
  active: "", quarantined: "It stays connected; its readings are set aside and raise no alerts.",
  revoked: "What certificates it held count no more.", retired: "Its history stays; it cannot come back.",
};

export function StandingBanner({ standing }: { standing: Standing | null | undefined }) {
  if (!standing || standing.state === "active") return null;
  return (
    <div class="banner" data-standing={standing.state}>
      <Icon name={standing.state === "quarantined" ? "warning" : "offline"} />
      <p>{heads[standing.state]} <Time at={standing.since} />{standing.by && <>, by {standing.by}</>}{standing.reason && <>: <q>{standing.reason}</q></>}. {words[standing.state]}</p>
    </div>
  );
}

export function StandingActs({ device, done }: { device: DeviceDetail; done: () => void }) {
  const [open, setOpen] = useState<Act | null>(null);
  const [made, setMade] = useState<EnrolmentMade | null>(null);
  const all = acts(device.id);
  const names = actsFor(device.standing?.state ?? "active");
  return (
    <>
      {names.length > 0 && (
        <div class="act">
          {names.map((n) => <button type="button" data-act={n} onClick={() => setOpen(all[n]!)}>{all[n]!.label}</button>)}
        </div>
      )}
      {open && <Confirm key={open.name} act={open} close={() => setOpen(null)} done={(line) => { setMade(line); done(); }} />}
      {made && <Line key={made.expires} made={made} />}
    </>
  );
}
