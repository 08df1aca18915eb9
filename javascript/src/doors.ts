/** Sets that were opened elsewhere in the App: from a map, a matrix, a list of suspects. */

let listener: ((key: string) => void) | null = null;
let waiting = "";

/** Shows a set in the panel; where that is only being opened, as soon as it listens. */
export function show(key: string): void {
  if (listener) listener(key);
  else waiting = key;
}

/** The set that waits for the panel, if any; it waits no longer. */
export function takeWaiting(): string {
  const key = waiting;
  waiting = "";
  return key;
}

export function listen(to: (key: string) => void): () => void {
  listener = to;
  return () => {
    if (listener === to) listener = null;
  };
}
