import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call, Problem } from "./api";
import { on } from "./live";

export type Loaded<T> = { data: T | null; error: string; missing: boolean; again: () => void; set: (change: (old: T) => T) => void };

/* Keeps what is shown while asking anew; asks again when the stream comes back, since events were missed. */
export function useLoad<T>(path: string): Loaded<T> {
  const [state, setState] = useState<{ path: string; data: T | null; error: string; missing: boolean }>({ path, data: null, error: "", missing: false });
  const [turn, setTurn] = useState(0);
  const was = useRef(true);
  useEffect(() => {
    const abort = new AbortController();
    call<T>(path, "GET", undefined, abort.signal).then(
      (data) => setState({ path, data, error: "", missing: false }),
      (error) => {
        if (error?.name !== "AbortError")
          setState((old) => ({ ...old, path, error: error.message, missing: error instanceof Problem && error.status === 404 }));
      },
    );
    return () => abort.abort();
  }, [path, turn]);
  useEffect(() => on("link", (up) => {
    if (up && !was.current) setTurn((n) => n + 1);
    was.current = up;
  }), []);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  const set = useCallback((change: (old: T) => T) => setState((old) => (old.data === null ? old : { ...old, data: change(old.data) })), []);
  return { data: state.data, error: state.error, missing: state.missing, again, set };
}
