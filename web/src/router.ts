import { useEffect, useState } from "preact/hooks";

export type Place = { path: string; query: URLSearchParams };
const changed = new Set<() => void>();
const read = (): Place => ({ path: location.pathname, query: new URLSearchParams(location.search) });
const announce = () => changed.forEach((tell) => tell());
window.addEventListener("popstate", announce);

export function go(to: string, replace = false) {
  if (to === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  if (!replace) window.scrollTo(0, 0);
  announce();
}

export function setQuery(values: Record<string, string | null>) {
  const now = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(values)) value ? now.set(name, value) : now.delete(name);
  const text = now.toString();
  go(location.pathname + (text ? "?" + text : ""), true);
}

export function usePlace(): Place {
  const [place, set] = useState(read());
  useEffect(() => {
    const tell = () => set(read());
    changed.add(tell);
    return () => void changed.delete(tell);
  }, []);
  return place;
}

/* Plain links stay links (middle click, copy address); only a plain left click is taken over. */
export function followLinks(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = (event.target as Element).closest?.("a[href]");
  const href = link?.getAttribute("href");
  if (!href?.startsWith("/") || href.startsWith("/api/") || link!.hasAttribute("download")) return;
  event.preventDefault();
  go(href);
}
