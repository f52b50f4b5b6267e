import { useEffect, useRef, useState } from "preact/hooks";
import { call, query, type Certificate, type Page } from "./api";
import { count, exact, span, useNow } from "./format";
import { Enrolments } from "./enrol";
import { useLoad } from "./load";
import { Chips, Empty, Failed, State, Time } from "./parts";
import { go, setQuery, usePlace } from "./router";


const looks: Record<Certificate["state"], [string, string]> = {
  valid: ["healthy", "Valid"], expiring: ["warning", "Ends soon"], expired: ["critical", "Expired"], revoked: ["offline", "Revoked"], replaced: ["unknown", "Replaced"],
};

function Renewal({ item }: { item: Certificate }) {
  if (item.state === "revoked" || item.state === "replaced") return <span class="dim">–</span>;
  return item.renews === "itself" ? <span>by itself{item.renew_at !== null && <>, <Time at={item.renew_at} /></>}</span> : <span>by hand</span>;
}

function Row({ item }: { item: Certificate }) {
  const now = useNow();
  const [is, label] = looks[item.state];
  const href = item.role === "device" ? `/devices/${encodeURIComponent(item.id)}` : null;
  return (
    <tr data-row tabIndex={-1} data-href={href ?? undefined} data-serial={item.serial} onClick={(e) => { if (href && !(e.target as Element).closest("a,button")) go(href); }}>
      <td><State is={is} label={label} /></td>
      <th scope="row">{href ? <a href={href}>{item.id}</a> : item.id}</th>
      <td class="wide">{item.role}</td>
      <td class="wide">{item.site ?? "–"}</td>
      <td class="wide widest">{item.issuer}</td>
      <td class="wide widest"><code>{item.serial.slice(0, 12)}</code></td>
      <td class="keycell"><Renewal item={item} /></td>
      <td><time dateTime={new Date(item.not_after).toISOString()} title={exact(item.not_after)}>{item.not_after > now ? `ends in ${span(item.not_after - now)}` : `ended ${span(now - item.not_after)} ago`}</time></td>
    </tr>
  );
}

function Certificates() {
  const { query: q } = usePlace();
  const values = { q: q.get("q") ?? "", state: q.get("state") ?? "" };
  const path = "/certificates" + query({ ...values, limit: 50 });
  const { data, error, again, set } = useLoad<Page<Certificate>>(path);
  const [text, setText] = useState(values.q);
  const wait = useRef(0);
  useEffect(() => setText(values.q), [values.q]);
  const type = (next: string) => {
    setText(next);
    clearTimeout(wait.current);
    wait.current = window.setTimeout(() => setQuery({ q: next }), 200);
  };
  const more = () => data?.next && call<Page<Certificate>>("/certificates" + query({ ...values, limit: 50, cursor: data.next }))
    .then((page) => set((old) => ({ ...page, items: [...old.items, ...page.items] })), again);
  return (
    <section aria-labelledby="h-certs">
      <h2 id="h-certs">Certificates</h2>
      <div class="filters">
        <label class="search"><span class="hidden">Search the certificates</span>
          <input id="search" type="search" placeholder="Search id, serial" value={text} autocomplete="off" onInput={(e) => type(e.currentTarget.value)} />
        </label>
        <Chips label="State" value={values.state} pick={(v) => setQuery({ state: v })}
          choices={[["", "Any"], ["expiring", "Ends soon"], ["expired", "Expired"], ["valid", "Valid"], ["revoked", "Revoked"], ["replaced", "Replaced"]]} />
      </div>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && (values.q || values.state ? <p class="dim">No certificate fits this search.</p> : <Empty title="No certificate is known."><p>They appear here with the first device: <a href="/identity/add">add one</a>.</p></Empty>)}
      {data && data.items.length > 0 && (
        <table class="devices certificates">
          <thead><tr><th scope="col">State</th><th scope="col">Id</th><th scope="col" class="wide">Role</th><th scope="col" class="wide">Site</th><th scope="col" class="wide widest">Issued by</th><th scope="col" class="wide widest">Serial</th><th scope="col">Renews</th><th scope="col">End</th></tr></thead>
          <tbody>{data.items.map((c) => <Row key={c.serial} item={c} />)}</tbody>
        </table>
      )}
      {data?.next && <button type="button" class="more" onClick={more}>Show more certificates</button>}
    </section>
  );
}

function Sentence() {
  const ending = useLoad<Page<Certificate>>("/certificates?state=expiring&limit=50");
  const ended = useLoad<Page<Certificate>>("/certificates?state=expired&limit=50");
  if (!ending.data || !ended.data) return <p class="sentence">Looking at the certificates…</p>;
  const several = (page: Page<Certificate>) => (page.next ? "50 and more" : page.items.length);
  if (ended.data.items.length) return <p class="sentence"><State is="critical" label="Expired" /> {several(ended.data)} {ended.data.items.length === 1 ? "certificate has" : "certificates have"} ended: who holds {ended.data.items.length === 1 ? "it" : "them"} cannot connect.</p>;
  if (ending.data.items.length) return <p class="sentence"><State is="warning" label="Ends soon" /> {count(ending.data.items.length, "certificate ends", "certificates end")} soon and {ending.data.items.length === 1 ? "has" : "have"} not been renewed.</p>;
  return <p class="sentence"><State is="healthy" label="Good" /> No certificate ends soon.</p>;
}

export function Identity({ may }: { may: boolean }) {
  return (
    <>
      <div class="title"><h1>Identity</h1>{may && <a class="button primary" href="/identity/add">Add a device</a>}</div>
      <Sentence />
      <Certificates />
      <Enrolments may={may} />
      <p>What happened to identities stands in the <a href="/log?what=enrolment">log</a>.</p>
    </>
  );
}
