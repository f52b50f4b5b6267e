import { useEffect, useRef, useState } from "preact/hooks";
import { call, callForLink, query, type Page, type Role, type Session, type User } from "./api";
import { roles, sitesWords } from "./account";
import { capital, count, sentence } from "./format";
import { useLoad } from "./load";
import { Command, Empty, Failed, State, Time } from "./parts";
import { Qr } from "./qr";
import { go } from "./router";

const idGrammar = "[A-Za-z0-9][A-Za-z0-9_\\-]{0,63}";

/* Who has neither password nor session waits for the link to be opened. */
export function standing(u: User): [string, string] {
  if (u.disabled) return ["offline", "Disabled"];
  if (!u.password && u.sessions === 0) return ["notice", "Invited"];
  return ["healthy", "Active"];
}

/* For all sites, or for some; an admin is always for all. */
export function SitesField({ known, sites, set }: { known: string[]; sites: string[] | null; set: (sites: string[] | null) => void }) {
  const all = [...new Set([...known, ...(sites ?? [])])].sort();
  const flip = (site: string, on: boolean) => set(on ? [...(sites ?? []), site] : (sites ?? []).filter((s) => s !== site));
  return (
    <fieldset class="choices sites">
      <legend>Sites</legend>
      <label class="choice"><input type="radio" name="reach" checked={sites === null} onChange={() => set(null)} />All, and those to come</label>
      <label class="choice"><input type="radio" name="reach" checked={sites !== null} disabled={all.length === 0} onChange={() => set([])} />Only some</label>
      {sites !== null && (
        <div class="choices-in">
          {all.map((site) => <label class="choice"><input type="checkbox" name="site" value={site} checked={sites.includes(site)} onChange={(e) => flip(site, e.currentTarget.checked)} />{site}</label>)}
        </div>
      )}
    </fieldset>
  );
}

export function RoleField({ role, set }: { role: Role; set: (role: Role) => void }) {
  return (
    <label class="stack"><span>Role</span>
      <select name="role" value={role} onChange={(e) => set(e.currentTarget.value as Role)}>
        {roles.map(([name]) => <option value={name}>{name}</option>)}
      </select>
      <span>{capital(role)}: {roles.find(([name]) => name === role)?.[1]}.</span>
    </label>
  );
}

export const useSites = () => useLoad<{ sites: { site: string }[] }>("/overview").data?.sites.map((s) => s.site) ?? [];

/* A login link for somebody, shown this once. */
export function LinkOnce({ link, name, kind }: { link: string; name: string; kind: "invite" | "recover" }) {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => head.current?.focus(), []);
  return (
    <section class="line" aria-labelledby="h-link" data-link={name}>
      <h2 id="h-link" ref={head} tabIndex={-1}>A link for {name}</h2>
      <div class="line-way">
        <div>
          <p>Give it to {name} over a way that you trust: whoever opens it first is signed in as {name}. It works once, within 24 hours, and is shown now only.</p>
          <Command text={link} />
          {kind === "recover" && <p class="dim">Using it makes password and second factor forgotten, and ends every session of {name}.</p>}
        </div>
        <Qr text={link} label={`The link for ${name} as a QR code`} />
      </div>
    </section>
  );
}

function Add({ made }: { made: (name: string, link: string) => void }) {
  const known = useSites();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [sites, setSites] = useState<string[] | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (role !== "admin" && sites?.length === 0) return setError("Choose at least one site.");
    setBusy(true);
    setError("");
    callForLink("/users", { name, role, sites: role === "admin" ? null : sites })
      .then((link) => { made(name, link); setName(""); }, (e) => setError(e.message))
      .finally(() => setBusy(false));
  };
  return (
    <form class="narrow" onSubmit={submit} data-form="add">
      <label class="stack"><span>Name, with which they sign in</span>
        <input name="name" required pattern={idGrammar} title="letters, digits, _ and -, at most 64" autocomplete="off" autocapitalize="none" spellcheck={false} value={name} onInput={(e) => { setName(e.currentTarget.value); setError(""); }} />
      </label>
      <RoleField role={role} set={setRole} />
      {role === "admin" ? <p class="dim">Admins are for all sites.</p> : <SitesField known={known} sites={sites} set={setSites} />}
      {error && <p class="error" role="alert">{sentence(error)}</p>}
      <button type="submit" class="primary" disabled={busy}>{busy ? "One moment…" : "Add and make a link"}</button>
    </form>
  );
}

export function AddPerson() {
  const [made, setMade] = useState<{ name: string; link: string } | null>(null);
  return (
    <>
      <p class="crumb"><a href="/people">People</a></p>
      <h1>Add somebody</h1>
      <Add made={(name, link) => setMade({ name, link })} />
      {made && <LinkOnce key={made.link} link={made.link} name={made.name} kind="invite" />}
    </>
  );
}

function Row({ user, self }: { user: User; self: boolean }) {
  const [is, label] = standing(user);
  const href = `/people/${encodeURIComponent(user.name)}`;
  return (
    <tr data-row tabIndex={-1} data-href={href} data-user={user.name} onClick={(e) => { if (!(e.target as Element).closest("a,button")) go(href); }}>
      <td><State is={is} label={label} /></td>
      <th scope="row"><a href={href}>{user.name}</a>{self && <small> you</small>}</th>
      <td class="keycell">{user.role}, {sitesWords(user.sites)}</td>
      <td class="wide">{user.totp ? "password and code" : user.password ? "password" : "link"}</td>
      <td class="wide num">{user.sessions}</td>
      <td>{user.used === null ? <span class="dim">never here</span> : <>here <Time at={user.used} /></>}</td>
    </tr>
  );
}

export function People({ session }: { session: Session }) {
  const path = "/users?limit=100";
  const { data, error, again, set } = useLoad<Page<User>>(path);
  const [failure, setFailure] = useState("");
  const more = () => data?.next && call<Page<User>>("/users" + query({ limit: 100, cursor: data.next }))
    .then((page) => set((old) => ({ ...page, items: [...old.items, ...page.items] })), (e) => setFailure(e.message));
  const admins = data?.items.filter((u) => u.role === "admin" && !u.disabled && (u.password || u.sessions > 0)).length ?? 0;
  return (
    <>
      <div class="title"><h1>People</h1><a class="button primary" href="/people/add">Add somebody</a></div>
      <p class="sentence">{!data ? "Asking who there is…" : <>{count(data.items.length, "person", "people")}{data.next && " and more"}, {admins === 1 && !data.next ? "one of them an admin: a second one could help when the first cannot sign in." : `${admins} of them admins.`}</>}</p>
      {error && <Failed error={error} retry={again} />}
      {data?.items.length === 0 && <Empty title="Nobody has a name here yet."><p>The server’s own token is at work: add the first person.</p></Empty>}
      {data && data.items.length > 0 && (
        <table class="devices people">
          <thead><tr><th scope="col">State</th><th scope="col">Name</th><th scope="col">May</th><th scope="col" class="wide">Signs in with</th><th scope="col" class="wide num">Sessions</th><th scope="col">Last here</th></tr></thead>
          <tbody>{data.items.map((u) => <Row key={u.name} user={u} self={u.name === session.user} />)}</tbody>
        </table>
      )}
      {data?.next && <button type="button" class="more" onClick={more}>Show more</button>}
      {failure && <p class="error" role="alert">{failure}</p>}
    </>
  );
}
