import { useEffect, useState } from "preact/hooks";
import { call, query, type DeviceDetail, type Enrolment, type EnrolmentMade, type Page } from "./api";
import { exact, span, useNow } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Command, condition, Empty, Failed, State, Time } from "./parts";
import { Qr } from "./qr";

const pollMs = 2000;
const idGrammar = "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}";
const spans: [string, string][] = [["15", "15 minutes"], ["60", "1 hour"], ["1440", "1 day"], ["10080", "1 week"]];

export type Step = { is: string; label: string; text: string };

/* Where an enrolment is, in the order in which it happens; the first that is not healthy is where it waits or fails. */
export function stepsOf(made: EnrolmentMade, now: number, enrolment: Enrolment | undefined, device: DeviceDetail | null): Step[] {
  const used = enrolment?.state === "used";
  const over = enrolment?.state === "withdrawn" ? "It was withdrawn." : !used && made.expires <= now ? "Its time is over: make a new line." : "";
  const last = enrolment?.last;
  const here = !!device?.online;
  return [
    over ? { is: "critical", label: "Line ended", text: over } : { is: "healthy", label: "Line made", text: used ? "It has been used, and counts no more." : `It works once, for another ${span(made.expires - now)}.` },
    used ? { is: "healthy", label: "Certificate", text: "The device has made its key, and got its certificate." }
      : last ? { is: "warning", label: "Refused", text: `${last.outcome} (from ${last.peer}, ${span(now - last.at)} ago)` }
      : { is: "notice", label: "Waiting", text: `Nobody has come to ${made.at} with it yet.` },
    here ? { is: condition(device!), label: "Connected", text: "It is there, and its readings come." }
      : { is: "notice", label: used ? "Waiting" : "Not yet", text: used ? "It has its certificate; its agent is to start." : "It connects once it has its certificate." },
  ];
}

function useProgress(made: EnrolmentMade) {
  const [enrolment, setEnrolment] = useState<Enrolment>();
  const [device, setDevice] = useState<DeviceDetail | null>(null);
  const [error, setError] = useState("");
  useEffect(() => {
    let alive = true;
    let timer = 0;
    const look = () => Promise.all([call<Page<Enrolment>>("/enrolments" + query({ id: made.id, limit: 1 })), call<DeviceDetail>(`/devices/${encodeURIComponent(made.id)}`)])
      .then(([list, found]) => { if (alive) { setEnrolment(list.items[0]); setDevice(found); setError(""); } }, (e) => alive && setError(e.message))
      .finally(() => { if (alive) timer = window.setTimeout(look, pollMs); });
    look();
    return () => { alive = false; clearTimeout(timer); };
  }, [made]);
  useEffect(() => on("device", (d) => d.id === made.id && setDevice((old) => (old ? { ...old, ...d, alerts: old.alerts, standing: old.standing } : old))), [made]);
  return { enrolment, device, error };
}

/* The line, as text and as a picture, and what becomes of it while one watches. */
export function Line({ made }: { made: EnrolmentMade }) {
  const now = useNow();
  const { enrolment, device, error } = useProgress(made);
  const steps = stepsOf(made, now, enrolment, device);
  const usable = enrolment?.state !== "used" && enrolment?.state !== "withdrawn" && made.expires > now;
  return (
    <section class="line" aria-labelledby="h-line" data-line={made.id}>
      <h2 id="h-line">{made.id} at {made.site}</h2>
      {usable && (
        <div class="line-way">
          <div>
            <p>Type this on the device. It makes its key there; the line holds a secret that counts once, and is shown now only.</p>
            <Command text={made.command} />
            <p class="dim small">It calls {made.at}, and goes on only if the authority there is <code>{made.pin}</code>. Until {exact(made.expires)}.</p>
          </div>
          <Qr text={made.command} label={`The line for ${made.id} as a QR code`} />
        </div>
      )}
      <ol class="entries steps" aria-live="polite">
        {steps.map((s) => <li class="entry" data-is={s.is}><State is={s.is} label={s.label} /><p>{s.text}</p></li>)}
      </ol>
      {error && <p class="error" role="alert">{error}</p>}
      {device?.online && <p><a href={`/devices/${encodeURIComponent(made.id)}`}>Look at {made.id}</a></p>}
    </section>
  );
}

function AddForm({ sites, made }: { sites: string[]; made: (line: EnrolmentMade) => void }) {
  const [id, setId] = useState("");
  const [site, setSite] = useState(sites[0] ?? "");
  const [type, setType] = useState("");
  const [minutes, setMinutes] = useState("1440");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError("");
    call<{ items: EnrolmentMade[] }>("/enrolments", "POST", { devices: [{ id, site, ...(type.trim() && { type: type.trim() }) }], minutes: Number(minutes) })
      .then(({ items }) => { made(items[0]!); setId(""); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <form class="ask" onSubmit={submit}>
      <label><span>Name</span>
        <input name="id" required pattern={idGrammar} title="letters, digits, _ and -, at most 64" autocomplete="off" autocapitalize="none" spellcheck={false} value={id} onInput={(e) => setId(e.currentTarget.value)} />
      </label>
      <label><span>Site</span>
        <select name="site" value={site} onChange={(e) => setSite(e.currentTarget.value)}>{sites.map((s) => <option value={s}>{s}</option>)}</select>
      </label>
      <label><span>Type (may stay empty)</span>
        <input name="type" maxLength={64} autocomplete="off" value={type} onInput={(e) => setType(e.currentTarget.value)} />
      </label>
      <label><span>The line works for</span>
        <select name="minutes" value={minutes} onChange={(e) => setMinutes(e.currentTarget.value)}>{spans.map(([m, text]) => <option value={m}>{text}</option>)}</select>
      </label>
      <button type="submit" class="primary" disabled={busy || !site}>{busy ? "One moment…" : "Make the line"}</button>
      <p class="error" role="alert">{error}</p>
    </form>
  );
}

export function AddDevice({ may }: { may: boolean }) {
  const { data, error, again } = useLoad<{ sites: { site: string }[] }>("/overview");
  const [made, setMade] = useState<EnrolmentMade | null>(null);
  const sites = data?.sites.map((s) => s.site) ?? [];
  return (
    <>
      <p class="crumb"><a href="/identity">Identity</a></p>
      <h1>Add a device</h1>
      {!may && <Empty title="Adding devices takes the role operator."><p><a href="/identity">Back</a></p></Empty>}
      {error && <Failed error={error} retry={again} />}
      {may && data && sites.length === 0 && <Empty title="There is no site yet."><p>Name a gateway and its site in the fleet server’s configuration under <code>gateways:</code> first.</p></Empty>}
      {may && sites.length > 0 && (
        <>
          <AddForm key={sites.length} sites={sites} made={setMade} />
          {made ? <Line key={made.expires} made={made} /> : <p class="dim">Many at once: <code>selvedge device add --from devices.csv</code>, with the columns id and site.</p>}
        </>
      )}
    </>
  );
}

const looks: Record<Enrolment["state"], [string, string]> = { open: ["notice", "Waiting"], used: ["healthy", "Used"], expired: ["offline", "Expired"], withdrawn: ["offline", "Withdrawn"] };

function OpenRow({ item, may, again }: { item: Enrolment; may: boolean; again: () => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const [is, label] = looks[item.state];
  const withdraw = () => {
    setBusy(true);
    call(`/enrolments/${encodeURIComponent(item.id)}`, "DELETE").then(again, (e) => setError(e.message)).finally(() => setBusy(false));
  };
  return (
    <li class="entry" data-row tabIndex={-1} data-enrolment={item.id}>
      <State is={item.last && item.state === "open" ? "warning" : is} label={label} />
      <div class="entry-body">
        <p class="entry-text"><a href={`/devices/${encodeURIComponent(item.id)}`}>{item.id}</a> at {item.site}</p>
        <p class="dim">Made by {item.by} <Time at={item.created} />{item.state === "open" && <> · ends <Time at={item.expires} /></>}</p>
        {item.last && <p class={item.state === "used" ? "dim" : "error"}>{item.last.outcome} (from {item.last.peer}, <Time at={item.last.at} />)</p>}
        {may && item.state === "open" && <span class="act"><button type="button" disabled={busy} onClick={withdraw} data-act="withdraw">Withdraw<span class="hidden"> the line of {item.id}</span></button></span>}
        {error && <p class="error" role="alert">{error}</p>}
      </div>
    </li>
  );
}

const waiting = { state: "open", limit: 50 };

/* Who may enrol, and has not; what was used or ended stands in the record. */
export function Enrolments({ may }: { may: boolean }) {
  const { data, error, again } = useLoad<Page<Enrolment>>("/enrolments" + query(waiting));
  const [older, setOlder] = useState<Page<Enrolment> | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && again(), 5000);
    return () => clearInterval(timer);
  }, []);
  const first = data?.items ?? [];
  const open = [...first, ...(older?.items ?? []).filter((i) => !first.some((f) => f.id === i.id))];
  const next = older ? older.next : data?.next;
  const more = () => next && call<Page<Enrolment>>("/enrolments" + query({ ...waiting, cursor: next }))
    .then((page) => { setOlder({ ...page, items: [...(older?.items ?? []), ...page.items] }); setFailure(""); }, (e) => setFailure(e.message));
  const withdrawn = (id: string) => { setOlder(older && { ...older, items: older.items.filter((i) => i.id !== id) }); again(); };
  return (
    <section aria-labelledby="h-open">
      <h2 id="h-open">Waiting to enrol</h2>
      {error && <Failed error={error} retry={again} />}
      {data && open.length === 0 && <p class="dim">No device has a line that it has not used.</p>}
      {open.length > 0 && <ul class="entries">{open.map((i) => <OpenRow key={i.id} item={i} may={may} again={() => withdrawn(i.id)} />)}</ul>}
      {next && <button type="button" class="more" onClick={more}>Show older</button>}
      {failure && <p class="error" role="alert">{failure}</p>}
    </section>
  );
}
