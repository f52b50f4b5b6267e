import { useEffect, useState } from "preact/hooks";
import { call, Problem, query, type Fault, type Overview, type RulesVersion, type SiteRules } from "./api";
import { count } from "./format";
import { on } from "./live";
import { useLoad } from "./load";
import { Empty, Failed, State, Time } from "./parts";
import { go, setQuery, usePlace } from "./router";
import { RulesText, type Spot } from "./rules-text";
import { Tryout, tryLabel, useTrial } from "./rules-try";

type Gateway = SiteRules["gateways"][number];
type Draft = { base: number; text: string; comment: string };

const siteApi = (site: string) => `/sites/${encodeURIComponent(site)}/rules`;
const sitePage = (site: string) => `/rules/${encodeURIComponent(site)}`;

/* Every site's rules are a page of their own; who has one site is there at once. */
export function RulesOfSites() {
  const { data, error, again } = useLoad<Overview>("/overview");
  const only = data?.sites.length === 1 ? data.sites[0]!.site : null;
  useEffect(() => { if (only) go(sitePage(only), true); }, [only]);
  return (
    <>
      <h1>Rules</h1>
      {error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking for the sites…</p>}
      {data && data.sites.length === 0 && <Empty title="There is no site yet."><p>A site is there with its first gateway: <code>gateways:</code> in the fleet server’s configuration.</p></Empty>}
      {data && data.sites.length > 1 && (
        <ul class="entries" aria-label="Sites">
          {data.sites.map((s) => <li class="entry" data-row tabIndex={-1}><a href={sitePage(s.site)}>{s.site}</a><span class="dim">{count(s.devices, "machine")}, {count(s.gateways.length, "gateway")}</span></li>)}
        </ul>
      )}
    </>
  );
}

/* What a gateway goes by, against what it was given. */
function fate(g: Gateway, newest: number): [string, string] {
  const r = g.rules;
  if (!r) return ["unknown", "Not heard of"];
  if (r.refused && r.refused.version === newest) return ["warning", "Refused"];
  if (r.version === newest) return ["healthy", newest ? "In force" : "Its own file"];
  return g.online ? ["notice", "On its way"] : ["offline", "Away"];
}

function Sentence({ rules }: { rules: SiteRules }) {
  const { version, gateways } = rules;
  const fates = gateways.map((g) => fate(g, version)[0]);
  const many = (is: string) => fates.filter((f) => f === is).length;
  const text = !version ? "Nothing was given from here: each gateway goes by its own file."
    : gateways.length === 0 ? `Version ${version} waits for the site’s first gateway.`
    : many("warning") ? `Version ${version} was refused by ${many("warning")} of ${count(gateways.length, "gateway")}.`
    : many("healthy") === gateways.length ? `Version ${version} is in force${gateways.length > 1 ? ` at all ${gateways.length} gateways` : ""}.`
    : `Version ${version} is in force at ${many("healthy")} of ${count(gateways.length, "gateway")}; the others take it when they are there.`;
  const is = !version ? "unknown" : many("warning") ? "warning" : many("healthy") === gateways.length ? "healthy" : "notice";
  return <p class="sentence" role="status"><State is={is} label={text} /></p>;
}

function Gateways({ rules }: { rules: SiteRules }) {
  return (
    <section aria-labelledby="h-gateways">
      <h2 id="h-gateways">Gateways</h2>
      {rules.gateways.length === 0 && <p class="dim">This site has no gateway.</p>}
      <ul class="entries">
        {rules.gateways.map((g) => {
          const [is, label] = fate(g, rules.version);
          return (
            <li class="entry" data-gateway={g.id} data-version={g.rules?.version ?? ""}>
              <State is={is} label={label} />
              <div class="entry-body">
                <p class="entry-text">{g.id}</p>
                {g.rules && <p class="dim">{g.rules.version ? `goes by version ${g.rules.version}` : "goes by its own file"}, since <Time at={g.rules.at} />{!g.online && " · link down"}</p>}
                {g.rules?.refused && <p>Version {g.rules.refused.version} refused <Time at={g.rules.refused.at} />: {g.rules.refused.why}</p>}
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/* The fleet server's groups that the rules name: a rule for one without machines is a rule for nobody. */
function Groups({ groups }: { groups: SiteRules["groups"] }) {
  if (groups.length === 0) return null;
  return (
    <section aria-labelledby="h-groups">
      <h2 id="h-groups">Groups</h2>
      <ul class="entries">
        {groups.map((g) => (
          <li class="entry" data-group={g.name} data-devices={g.devices}>
            <State is={!g.known ? "warning" : g.devices ? "healthy" : "notice"} label={!g.known ? "There is no such group" : g.devices ? count(g.devices, "machine") : "No machine of this site"} />
            <div class="entry-body">
              <p class="entry-text">{g.name}</p>
              {!g.known && <p class="dim">What the rules say for it holds for no machine.</p>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Versions(props: { site: string; items: RulesVersion[]; newest: number; may: boolean; busy: boolean; back: (version: number) => void }) {
  return (
    <section aria-labelledby="h-versions">
      <h2 id="h-versions">Versions</h2>
      {props.items.length === 0 && <p class="dim">None yet. Every version that is saved stays here, with who and when, and can be made the newest again.</p>}
      <ul class="entries">
        {props.items.map((v) => (
          <li class="entry" data-rules={v.version}>
            <span class="fig">Version {v.version}</span>
            <div class="entry-body">
              <p class="entry-text">{v.comment || "without a comment"}</p>
              <p class="dim">by {v.by} <Time at={v.at} /></p>
              {v.version !== props.newest && (
                <p class="act">
                  <a href={sitePage(props.site) + query({ version: v.version })}>Show<span class="hidden"> version {v.version}</span></a>
                  {props.may && <button type="button" disabled={props.busy} onClick={() => props.back(v.version)}>Go back to version {v.version}</button>}
                </p>
              )}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Faults({ faults, count: all, show }: { faults: Fault[]; count: number; show: (spot: Spot) => void }) {
  return (
    <div id="rules-faults" role="status">
      {all > 0 && (
        <>
          <p class="error">{count(all, "fault")}{all > faults.length && `, the first ${faults.length} of them`}. Nothing is changed.</p>
          <ul class="faults">
            {faults.map((f) => (
              <li>
                {f.line > 0 ? <button type="button" class="link" onClick={() => show({ ...f })}>Line {f.line}, column {f.column}</button> : <span>The file</span>}
                : {f.sentence}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

/* A half-written text outlives a reload and a look at another page. */
const kept = (site: string) => `selvedge-rules-${site}`;
function recall(site: string): Draft | null {
  try {
    return JSON.parse(sessionStorage.getItem(kept(site)) ?? "null");
  } catch {
    return null;
  }
}
function keep(site: string, draft: Draft | null) {
  try {
    draft ? sessionStorage.setItem(kept(site), JSON.stringify(draft)) : sessionStorage.removeItem(kept(site));
  } catch {
    return; // full, or switched off: it lives as long as the page
  }
}

type Report = { count: number; faults: Fault[] };
const fine: Report = { count: 0, faults: [] };
const yaml = { "Content-Type": "text/yaml" };

function Editor({ site, rules, saved }: { site: string; rules: SiteRules; saved: (rules: SiteRules) => void }) {
  const [draft, setDraft] = useState<Draft | null>(() => recall(site));
  const [report, setReport] = useState(fine);
  const [said, setSaid] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const [spot, setSpot] = useState<Spot | null>(null);
  const { trial, start, stop } = useTrial(site, (body) => setReport(body as Report));
  const waits = trial !== null && !trial.tried && !trial.error;
  const at = draft ?? { base: rules.version, text: rules.text, comment: "" };
  const change = (part: Partial<Draft>) => {
    const next = { ...at, ...part };
    const same = next.text === rules.text && next.comment === "" && next.base === rules.version;
    keep(site, same ? null : next);
    setDraft(same ? null : next);
    setSaid("");
  };
  const drop = () => { keep(site, null); setDraft(null); setReport(fine); setError(""); setSaid(""); stop(); };
  const ask = (work: Promise<unknown>) => {
    setBusy(true);
    setError("");
    setSaid("");
    work.catch((e) => {
      const faults = e instanceof Problem && (e.body as Partial<Report> | null)?.faults;
      if (faults) setReport(e.body as Report);
      else setError(e.message);
    }).finally(() => setBusy(false));
  };
  const check = () => ask(call<Report>(`${siteApi(site)}/check`, "POST", at.text, undefined, yaml).then((found) => {
    setReport(found);
    if (found.count === 0) setSaid("No faults. Nothing is saved yet.");
  }));
  const tryIt = () => { setReport(fine); setError(""); setSaid(""); start(at.text); };
  const save = (event: Event) => {
    event.preventDefault();
    ask(call<SiteRules>(siteApi(site) + query({ comment: at.comment.trim() }), "PUT", at.text, undefined, { ...yaml, "If-Match": `"${at.base}"` }).then((fresh) => {
      drop();
      saved(fresh);
      setSaid(`Saved as version ${fresh.version}; the gateways fetch it now.`);
    }));
  };
  return (
    <form class="rules-form" onSubmit={save}>
      {draft && draft.base !== rules.version && (
        <div class="failed" role="alert">
          <State is="warning" label={`Version ${rules.version} came while you were writing on top of version ${draft.base}.`} />
          <a href={sitePage(site) + query({ version: rules.version })}>Look at it</a>
          <button type="button" onClick={() => change({ base: rules.version })}>Keep my text, on top of it</button>
        </div>
      )}
      <RulesText text={at.text} faults={report.faults} spot={spot} locked={busy} label={`Rules of ${site}`} change={(text) => change({ text })} />
      <Faults faults={report.faults} count={report.count} show={setSpot} />
      <div class="ask">
        <label class="grow"><span>Comment (what is different, and why)</span>
          <input name="comment" maxLength={200} autocomplete="off" value={at.comment} onInput={(e) => change({ comment: e.currentTarget.value })} />
        </label>
        <button type="button" disabled={busy} onClick={check} data-act="check">Check</button>
        <button type="button" disabled={busy || waits} onClick={tryIt} data-act="try">{tryLabel}</button>
        <button type="submit" class="primary" disabled={busy || !draft || draft.base !== rules.version}>Save as version {rules.version + 1}</button>
        {draft && <button type="button" class="quiet" disabled={busy} onClick={drop}>Drop my changes</button>}
        <p class="error" role="alert">{error}</p>
      </div>
      <p role="status" class="dim" data-said>{said}</p>
      <Tryout trial={trial} text={at.text} stop={stop} />
    </form>
  );
}

function Old({ site, version }: { site: string; version: string }) {
  const { data, error, again } = useLoad<RulesVersion & { text: string }>(`${siteApi(site)}/versions/${encodeURIComponent(version)}`);
  return (
    <>
      {error && <Failed error={error} retry={again} />}
      {data && <p class="dim">Version {data.version} by {data.by} <Time at={data.at} />{data.comment && `: ${data.comment}`}</p>}
      {data && <RulesText text={data.text} faults={[]} spot={null} locked label={`Version ${version}`} change={() => undefined} />}
      <p><button type="button" onClick={() => setQuery({ version: null })}>Back to the newest version</button></p>
    </>
  );
}

export function Rules({ site, may }: { site: string; may: boolean }) {
  const { query: asked } = usePlace();
  const rules = useLoad<SiteRules>(siteApi(site));
  const versions = useLoad<{ items: RulesVersion[] }>(`${siteApi(site)}/versions`);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const shown = asked.get("version");
  const data = rules.data;
  const again = () => { rules.again(); versions.again(); };
  useEffect(() => on("rules", (r) => { if (r.site === site) again(); }), [site]);
  const saved = (fresh: SiteRules) => { rules.set(() => fresh); versions.again(); };
  const back = (version: number) => {
    setBusy(true);
    setError("");
    call<SiteRules>(`${siteApi(site)}/versions/${version}/again`, "POST", undefined, undefined, { "If-Match": `"${data!.version}"` })
      .then((fresh) => { saved(fresh); setQuery({ version: null }); }, (e) => { setError(e.message); again(); })
      .finally(() => setBusy(false));
  };
  if (rules.missing) return <><h1>{site}</h1><Empty title="No site of this name is known."><p><a href="/rules">Rules of all sites</a></p></Empty></>;
  return (
    <>
      <p class="crumb"><a href="/">Overview</a></p>
      <h1>Rules of {site}</h1>
      {rules.error && <Failed error={rules.error} retry={again} />}
      {!data && !rules.error && <p class="sentence">Asking for the rules…</p>}
      {data && (
        <>
          <Sentence rules={data} />
          {error && <p class="error" role="alert">{error}</p>}
          <div class="columns">
            <section aria-labelledby="h-text">
              <h2 id="h-text">{shown ? `Version ${shown}` : data.version ? `Version ${data.version}` : "The first version"}</h2>
              {shown ? <Old key={shown} site={site} version={shown} />
                : may ? <Editor site={site} rules={data} saved={saved} />
                : <RulesText text={data.text} faults={[]} spot={null} locked label={`Rules of ${site}`} change={() => undefined} />}
              {!may && <p class="dim">You see the rules; giving others takes the role operator.</p>}
              {may && !data.version && <p class="dim">From the first version on, what stands here replaces the rule sections of the gateways’ own files, all of them. A gateway whose file says <code>rules_from: file</code> keeps its own.</p>}
            </section>
            <div>
              <Gateways rules={data} />
              <Groups groups={data.groups} />
              {versions.error && <Failed error={versions.error} retry={versions.again} />}
              {versions.data && <Versions site={site} items={versions.data.items} newest={data.version} may={may} busy={busy} back={back} />}
            </div>
          </div>
        </>
      )}
    </>
  );
}
