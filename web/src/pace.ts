/* When what many events change is asked for again, since each answer costs the server a walk over the whole fleet: `some` of it has changed counts once in 30 s, a `turn` after the moment in which its neighbours arrive too. */
export const SELDOM_MS = 30000;
const TOGETHER_MS = 1000;

export type Pace = { some: () => void; turn: () => void; end: () => void };

export function pace(ask: () => void): Pace {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Infinity;
  let last = Date.now();
  const askAt = (when: number) => {
    if (when >= due) return;
    clearTimeout(timer);
    due = when;
    timer = setTimeout(() => {
      due = Infinity;
      last = Date.now();
      ask();
    }, when - Date.now());
  };
  return {
    some: () => askAt(Math.max(last + SELDOM_MS, Date.now() + TOGETHER_MS)),
    turn: () => askAt(Date.now() + TOGETHER_MS),
    end: () => clearTimeout(timer),
  };
}

/* Of a roll-out's events: one that begins, pauses or ends is a turn. One not heard of before has been running. */
export function paceOfRollouts({ some, turn }: Pace) {
  const heard = new Map<number, string>();
  return (c: { id: number; state: string }) => {
    const was = heard.get(c.id) ?? "running";
    heard.set(c.id, c.state);
    (was === c.state ? some : turn)();
  };
}
