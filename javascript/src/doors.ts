/** What was opened elsewhere in the App: from a map, a matrix, a list of suspects. */

export interface Doors {
  /** Shows a set that somebody has opened. */
  show(key: string): void;
  /** What was lassoed, in words: it is shown, or offered where other labels are under work. */
  offer(words: string): void;
}

let listener: Doors | null = null;
let waiting = "";

/** Shows a set in the panel; where that is only being opened, as soon as it listens. */
export function show(key: string): void {
  if (listener) listener.show(key);
  else waiting = key;
}

export function offer(words: string): void {
  listener?.offer(words);
}

/** The set that waits for the panel, if any; it waits no longer. */
export function takeWaiting(): string {
  const key = waiting;
  waiting = "";
  return key;
}

export function listen(to: Doors): () => void {
  listener = to;
  return () => {
    if (listener === to) listener = null;
  };
}
