/* The pages that the first visit does not need; main.tsx fetches them as a file of their own. */
import { Account } from "./account";
import type { Session } from "./api";
import { Campaign } from "./campaign";
import { Checklist } from "./checklist";
import { AddDevice } from "./enrol";
import { Identity } from "./identity";
import { Log } from "./log";
import { ModelsPage } from "./models";
import { Notifications } from "./notifications";
import { Empty } from "./parts";
import { AddPerson, People } from "./people";
import { Person } from "./person";
import { RollOut } from "./rollout";
import { Rules, RulesOfSites } from "./rules";
import { Tokens } from "./tokens";
import { Updates } from "./updates";

export type Shown = { session: Session; changed: () => void; leave: () => void };

const NotYours = () => <><h1>People</h1><Empty title="Who may do what is for the role admin."><p><a href="/account">To your own account</a></p></Empty></>;

function peoplePage(path: string, session: Session) {
  if (session.role !== "admin") return <NotYours />;
  if (path === "/people/add") return <AddPerson />;
  const name = /^\/people\/([^/]+)$/.exec(path)?.[1];
  return name ? <Person key={name} name={decodeURIComponent(name)} session={session} /> : <People session={session} />;
}

/* null: there is no such page. */
export function page(path: string, { session, changed, leave }: Shown) {
  const may = session.role !== "viewer";
  if (path === "/account") return <Account session={session} changed={changed} leave={leave} />;
  if (path === "/account/tokens") return <Tokens session={session} />;
  if (path === "/log") return <Log mayExport={!session.sites} />;
  if (path === "/checklist" && !session.sites) return <Checklist />;
  if (path === "/people" || path.startsWith("/people/")) return peoplePage(path, session);
  if (path === "/updates" || path === "/updates/") return <Updates session={session} />;
  if (path === "/updates/new") return <RollOut />;
  const campaign = /^\/updates\/([0-9]+)$/.exec(path)?.[1];
  if (campaign) return <Campaign key={campaign} id={campaign} session={session} />;
  if (path === "/identity" || path === "/identity/") return <Identity may={may} />;
  if (path === "/identity/add") return <AddDevice may={may} />;
  if (path === "/notifications" || path === "/notifications/") return <Notifications session={session} />;
  if (path === "/models" || path === "/models/") return <ModelsPage session={session} />;
  if (path === "/rules" || path === "/rules/") return <RulesOfSites />;
  const rules = /^\/rules\/([^/]+)$/.exec(path);
  return rules ? <Rules key={rules[1]} site={decodeURIComponent(rules[1]!)} may={may} /> : null;
}
