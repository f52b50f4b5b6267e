import { type ChecklistPublished, type Statement, type Verdict } from "./api";
import { capital, exact } from "./format";
import { useLoad } from "./load";
import { Chips, Command, Empty, Failed, State, Time } from "./parts";
import { setQuery, usePlace } from "./router";

const looks: Record<Verdict, [string, string]> = { "does not hold": ["critical", "Does not hold"], unknown: ["warning", "Unknown"], holds: ["healthy", "Holds"], "not applicable": ["unknown", "Not applicable"] };
const order: Verdict[] = ["does not hold", "unknown", "holds", "not applicable"];
const filters: [string, string][] = [["open", "Needs somebody"], ["", "All"], ["holds", "Holds"], ["not applicable", "Not applicable"]];
const isOpen = (s: Statement) => s.verdict === "does not hold" || s.verdict === "unknown";
const oldMs = 7 * 86400e3;

function Row({ item }: { item: Statement }) {
  const [is, label] = looks[item.verdict] ?? looks.unknown;
  return (
    <li class="entry" data-statement={item.id} data-verdict={item.verdict} data-row tabIndex={-1}>
      <State is={is} label={label} />
      <div class="entry-body">
        <p class="entry-text">{capital(item.title)}</p>
        {isOpen(item) && item.remedy && <p>{capital(item.remedy)}</p>}
        {isOpen(item) && item.seen[0] && <p class={item.verdict === "does not hold" ? "error" : "dim"}>{item.seen[0]}</p>}
        <details>
          <summary>Evidence<span class="hidden"> for {item.id}</span></summary>
          <dl class="evidence">
            <div><dt>Looked at</dt><dd>{item.looked_at}</dd></div>
            <div><dt>Seen</dt><dd><ul>{item.seen.map((line) => <li>{line}</li>)}{item.seen_more > 0 && <li class="dim">and {item.seen_more} more</li>}</ul></dd></div>
            <div><dt>Answers</dt><dd><ul>{item.answers.map((line) => <li>{line}</li>)}</ul></dd></div>
            {item.remedy && <div><dt>Remedy</dt><dd>{item.remedy}</dd></div>}
            <div><dt>Id</dt><dd><code>{item.id}</code></dd></div>
          </dl>
        </details>
      </div>
    </li>
  );
}

function Report({ data }: { data: ChecklistPublished }) {
  const { query: q } = usePlace();
  const { statements, at } = data.report;
  const open = statements.filter(isOpen).length;
  const show = q.get("show") ?? (open > 0 ? "open" : "");
  const shown = statements.filter((s) => (show === "open" ? isOpen(s) : show === "" || show === "all" || s.verdict === show))
    .sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  const broken = statements.filter((s) => s.verdict === "does not hold").length;
  const is = broken ? "critical" : open ? "warning" : "healthy";
  const text = broken ? `${broken} of ${statements.length} statements ${broken === 1 ? "does" : "do"} not hold` + (open > broken ? `, ${open - broken} could not be judged.` : ".")
    : open ? `${open} of ${statements.length} statements could not be judged.` : `All ${statements.length} statements hold.`;
  const isOld = Date.now() - at > oldMs;
  return (
    <>
      <p class="sentence"><State is={is} label={text} /></p>
      <p class={isOld ? "error" : "dim"}>Looked at <Time at={at} /> ({exact(at)}), published by {data.by}, version {data.report.version}.{isOld && " What is true today it does not say: run it again."}</p>
      <div class="filters">
        <Chips label="Verdict" value={show === "all" ? "" : show} pick={(v) => setQuery({ show: v || "all" })} choices={filters} />
      </div>
      {shown.length === 0 && <p class="dim">No statement is of this kind.</p>}
      {shown.length > 0 && <ul class="entries statements" aria-label="Statements, the broken ones first">{shown.map((s) => <Row key={s.id} item={s} />)}</ul>}
      <h2 class="next">Look again</h2>
      <p>On the server’s machine, where it sees the programs, files and doors:</p>
      <Command text="selvedge checklist --publish" />
    </>
  );
}

export function Checklist() {
  const { data, error, missing, again } = useLoad<ChecklistPublished>("/checklist");
  return (
    <>
      <h1>Checklist</h1>
      {missing && (
        <Empty title="Nobody has published a report yet.">
          <p>It looks at the programs, keys, doors and databases of the live deployment and says, for forty statements, what it saw. On the server’s machine:</p>
          <Command text="selvedge checklist --publish" />
        </Empty>
      )}
      {!missing && error && <Failed error={error} retry={again} />}
      {!data && !error && <p class="sentence">Asking for the report…</p>}
      {data && !missing && <Report data={data} />}
    </>
  );
}
