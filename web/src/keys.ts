import { go } from "./router";

const typing = (target: EventTarget | null) => (target as Element | null)?.closest?.("input,select,textarea,[contenteditable]");

function move(step: number) {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[here < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, here + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function search() {
  if (!document.getElementById("search")) go("/devices");
  requestAnimationFrame(() => setTimeout(() => document.getElementById("search")?.focus(), 30));
}

export function listenKeys(help: () => void): () => void {
  let afterG = 0;
  const places: Record<string, string> = { d: "/devices", a: "/alerts", n: "/notifications", r: "/rules", i: "/identity", l: "/log", c: "/checklist", p: "/people", u: "/updates", o: "/" };
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") (event.target as HTMLElement).blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const place = Date.now() - afterG < 1200 ? places[event.key] : undefined;
    afterG = event.key === "g" ? Date.now() : 0;
    const row = document.activeElement?.closest<HTMLElement>("[data-row]");
    if (place) go(place);
    else if (event.key === "/") search();
    else if (event.key === "?") help();
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "a" && row) row.querySelector<HTMLElement>("[data-act=acknowledge]:not(.quiet)")?.click();
    else if (event.key === "Enter" && row === document.activeElement)
      row ? go(row.dataset.href ?? row.querySelector("a")?.getAttribute("href") ?? location.pathname) : undefined;
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", press);
  return () => document.removeEventListener("keydown", press);
}
