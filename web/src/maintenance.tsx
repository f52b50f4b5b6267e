import { useEffect, useRef, useState } from "preact/hooks";
import { call, type Maintenance } from "./api";
import { exact, millis, span, useNow } from "./format";
import { Icon } from "./parts";

/* What is worked on, as the API names it. */
type Place = { name: string; path: string; whole: boolean };
export const ofDevice = (id: string): Place => ({ name: id, path: `/devices/${encodeURIComponent(id)}/maintenance`, whole: false });
export const ofSite = (site: string): Place => ({ name: site, path: `/sites/${encodeURIComponent(site)}/maintenance`, whole: true });

const dayFormat = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const hourFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const sameDay = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString();

function Until({ at }: { at: number }) {
  const now = useNow();
  return <time dateTime={new Date(at).toISOString()} title={exact(at)}>{(sameDay(at, now) ? hourFormat : dayFormat).format(at)} (in {span(at - now)})</time>;
}

/* In a list: calm, with its word for the ear where there is no room for it. */
export function WorkMark({ work, short }: { work: Maintenance | null | undefined; short?: boolean }) {
  if (!work) return null;
  return (
    <span class="work" title={`Being worked on until ${exact(work.until)}, says ${work.by}${work.why ? `: ${work.why}` : ""}`} data-work={work.of}>
      <Icon name="work" /><span class={short ? "hidden" : ""}>Maintenance</span>
    </span>
  );
}

/* Who works on it, and the way to end it. On a device's page that may be the work on all of its site. */
export function WorkBanner(props: { work: Maintenance | null; place: Place; site: string; may: boolean; done: () => void }) {
  const { work, place, may } = props;
  const now = useNow();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  if (!work || millis(work.until) <= now) return null;
  const whole = work.of === "site";
  const end = () => {
    setBusy(true);
    setError("");
    call((whole ? ofSite(props.site) : place).path, "DELETE").then(props.done, (e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <div class="banner calm" data-maintenance={work.of}>
      <Icon name="work" />
      <div>
        <p>{whole ? `All of ${props.site} is being worked on` : "It is being worked on"} until <Until at={work.until} />, says {work.by}{work.why && <>: <q>{work.why}</q></>}. Nothing is raised meanwhile.</p>
        {error && <p class="error" role="alert">{error}</p>}
      </div>
      {may && <button type="button" data-act="end-work" disabled={busy} onClick={end}>{whole && !place.whole ? `End it for all of ${props.site}` : "End now"}<span class="hidden">: maintenance of {whole ? props.site : place.name}</span></button>}
    </div>
  );
}

const choices: [string, string][] = [["3600", "1 h"], ["14400", "4 h"], ["86400", "1 day"], ["", "Until…"]];
const longest = 31 * 86400;

/* A time as <input type="datetime-local"> has it, in the viewer's zone. */
function local(at: number): string {
  return new Date(at - new Date(at).getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}

function Begin({ place, done, close }: { place: Place; done: () => void; close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [length, setLength] = useState("3600");
  const [until, setUntil] = useState(local(Date.now() + 8 * 3600e3));
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const submit = (event: Event) => {
    event.preventDefault();
    const seconds = length ? Number(length) : Math.round((new Date(until).getTime() - Date.now()) / 1000);
    if (!(seconds >= 1 && seconds <= longest)) return setError("Its end lies within the next 31 days.");
    setBusy(true);
    setError("");
    call(place.path, "PUT", { for_s: seconds, why: why.trim() })
      .then(() => { done(); dialog.current?.close(); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="work-title" class="confirm">
      <form onSubmit={submit}>
        <h2 id="work-title">{place.whole ? `Work on all of ${place.name}` : `Work on ${place.name}`}</h2>
        <p>Nothing is raised of {place.whole ? "its devices" : "it"} meanwhile, and no rule acts. Readings go on; what is wrong still at the end is raised then.</p>
        <fieldset class="choices">
          <legend>For</legend>
          {choices.map(([value, label]) => (
            <label class="choice"><input type="radio" name="length" value={value} checked={length === value} onChange={() => setLength(value)} /><span>{label}</span></label>
          ))}
        </fieldset>
        {!length && <label class="stack"><span>Until</span><input type="datetime-local" name="until" required value={until} onInput={(e) => setUntil(e.currentTarget.value)} /></label>}
        <label class="stack"><span>Why (everybody sees it)</span><input name="why" maxLength={100} autocomplete="off" value={why} onInput={(e) => setWhy(e.currentTarget.value)} /></label>
        {error && <p class="error" role="alert">{error}</p>}
        <div class="act">
          <button type="submit" class="primary" disabled={busy}>{busy ? "One moment…" : "Begin"}</button>
          <button type="button" class="quiet" onClick={() => dialog.current?.close()}>Leave it</button>
        </div>
      </form>
    </dialog>
  );
}

export function WorkButton({ place, done }: { place: Place; done: () => void }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" data-act="work" onClick={() => setOpen(true)}>Maintenance…{place.whole && <span class="hidden"> of all of {place.name}</span>}</button>
      {open && <Begin place={place} done={done} close={() => setOpen(false)} />}
    </>
  );
}
