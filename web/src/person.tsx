import { useEffect, useState } from "preact/hooks";
import { call, callForLink, type Role, type Session, type User } from "./api";
import { sitesWords } from "./account";
import { Confirm } from "./confirm";
import { count, exact } from "./format";
import { useLoad } from "./load";
import { Empty, Failed, State, Time } from "./parts";
import { LinkOnce, RoleField, SitesField, standing, useSites } from "./people";
import { go } from "./router";
import { Sessions } from "./sessions";

const pathOf = (name: string) => `/users/${encodeURIComponent(name)}`;
const sessionsEnd = (u: User, self: boolean) => (self ? "You are signed out at once." : u.sessions > 0 ? `Signed out at once: ${count(u.sessions, "session ends", "sessions end")}.` : "");

function May({ user, self, done }: { user: User; self: boolean; done: (user: User) => void }) {
  const known = useSites();
  const [role, setRole] = useState<Role>(user.role);
  const [sites, setSites] = useState<string[] | null>(user.sites);
  const [asking, setAsking] = useState(false);
  const wanted = role === "admin" ? null : sites;
  const same = role === user.role && JSON.stringify([...(wanted ?? ["*"])].sort()) === JSON.stringify([...(user.sites ?? ["*"])].sort());
  useEffect(() => { setRole(user.role); setSites(user.sites); }, [user]);
  const save = () => call<User>(pathOf(user.name), "PATCH", { role, sites: wanted }).then(done);
  return (
    <section aria-labelledby="h-may">
      <h2 id="h-may">What {user.name} may</h2>
      <form class="narrow" onSubmit={(e) => { e.preventDefault(); setAsking(true); }}>
        <RoleField role={role} set={setRole} />
        {role === "admin" ? <p class="dim">Admins are for all sites.</p> : <SitesField known={known} sites={sites} set={setSites} />}
        {wanted?.length === 0 && <p class="dim">Choose at least one site.</p>}
        <button type="submit" data-act="save" disabled={same || wanted?.length === 0}>Change it…</button>
      </form>
      {asking && (
        <Confirm title={`${user.name}: ${role} of ${sitesWords(wanted)}?`} yes="Change it" run={save} close={() => setAsking(false)}>
          <p>Before: {user.role} of {sitesWords(user.sites)}. {sessionsEnd(user, self)}</p>
        </Confirm>
      )}
    </section>
  );
}

type Asked = "disable" | "enable" | "remove" | "invite" | "recover";

function Acts({ user, self, done, link }: { user: User; self: boolean; done: () => void; link: (link: string, kind: "invite" | "recover") => void }) {
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const patch = (disabled: boolean) => call(pathOf(user.name), "PATCH", { disabled }).then(done);
  const make = (kind: "invite" | "recover") => callForLink(pathOf(user.name) + "/link", { kind }).then((made) => { link(made, kind); done(); });
  const button = (act: Asked, label: string) => <button type="button" data-act={act} onClick={() => setAsked(act)}>{label}</button>;
  return (
    <>
      <div class="act">
        {!user.disabled && (user.password ? button("recover", "Recovery link…") : button("invite", "Invitation link…"))}
        {user.disabled ? button("enable", "Enable…") : button("disable", "Disable…")}
        {button("remove", "Remove…")}
      </div>
      {asked === "invite" && <Confirm title={`Make a link for ${user.name}?`} yes="Make it" run={() => make("invite")} close={close}><p>Whoever opens it first is signed in as {user.name}. Links made before go on working until their end.</p></Confirm>}
      {asked === "recover" && <Confirm title={`Make a recovery link for ${user.name}?`} yes="Make it" danger run={() => make("recover")} close={close}><p>For who cannot sign in any more. Whoever opens it first is signed in as {user.name}; password and second factor are forgotten then, and every session ends. Until then nothing changes.</p></Confirm>}
      {asked === "enable" && <Confirm title={`Enable ${user.name}?`} yes="Enable" run={() => patch(false)} close={close}><p>{user.name} may sign in again, as before.</p></Confirm>}
      {asked === "disable" && <Confirm title={`Disable ${user.name}?`} yes="Disable" danger run={() => patch(true)} close={close}><p>{user.name} cannot sign in until enabled again; API tokens of {user.name} count no more. {sessionsEnd(user, self)}</p></Confirm>}
      {asked === "remove" && (
        <Confirm title={`Remove ${user.name}?`} yes="Remove" danger run={() => call(pathOf(user.name), "DELETE").then(() => go("/people", true))} close={close}>
          <p>{sessionsEnd(user, self)} {user.tokens > 0 && <>{count(user.tokens, "API token")} end as well: what uses them stops. </>}What {user.name} did stays in the log. That cannot be undone.</p>
        </Confirm>
      )}
    </>
  );
}

export function Person({ name, session }: { name: string; session: Session }) {
  const { data, error, missing, again, set } = useLoad<User>(pathOf(name));
  const [link, setLink] = useState<{ link: string; kind: "invite" | "recover" } | null>(null);
  const [turn, setTurn] = useState(0);
  const self = name === session.user;
  const both = () => { again(); setTurn((n) => n + 1); };
  const head = <p class="crumb"><a href="/people">People</a></p>;
  if (missing) return <>{head}<h1>{name}</h1><Empty title="There is nobody of this name."><p><a href="/people">To the people</a></p></Empty></>;
  if (!data) return <>{head}<h1>{name}</h1>{error ? <Failed error={error} retry={again} /> : <p class="sentence">One moment…</p>}</>;
  const [is, label] = standing(data);
  return (
    <>
      {head}
      <div class="title"><h1>{data.name}</h1></div>
      <p class="sentence"><State is={is} label={label} /> {data.role} of {sitesWords(data.sites)}{self && ". This is you"}.</p>
      {error && <Failed error={error} retry={again} />}
      <Acts user={data} self={self} done={both} link={(made, kind) => setLink({ link: made, kind })} />
      {link && <LinkOnce key={link.link} link={link.link} name={data.name} kind={link.kind} />}
      <dl class="facts">
        <div><dt>Signs in with</dt><dd>{data.totp ? "password and code" : data.password ? "password" : "a link; there is no password yet"}</dd></div>
        <div><dt>Last here</dt><dd><Time at={data.used} /></dd></div>
        <div><dt>Added</dt><dd><time dateTime={new Date(data.created).toISOString()}>{exact(data.created)}</time> by {data.created_by}</dd></div>
        {data.tokens > 0 && <div><dt>API tokens</dt><dd>{data.tokens}</dd></div>}
      </dl>
      <div class="columns even">
        <May user={data} self={self} done={(user) => { set(() => user); setTurn((n) => n + 1); }} />
        <Sessions key={turn} path={pathOf(name) + "/sessions"} name={name} changed={again} />
      </div>
    </>
  );
}
