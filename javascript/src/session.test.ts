import { expect, test } from "vitest";
import type { Card } from "./model";
import type { ReviewResult } from "./server";
import { Session, type Store } from "./session";
import { card } from "./testing";

/** A server that keeps labels, and does what the operators do. */
class Kept implements Store {
  readonly cards: Card[];
  readonly journals: [string, Map<number, Card>][] = [];
  readonly asked: number[] = [];
  refuse = "";

  constructor(count: number) {
    this.cards = Array.from({ length: count }, (_, place) =>
      card(place, place % 2 ? {} : { suggestion: "Elpidia", is_stored: true }),
    );
  }

  async loadSet(key: string) {
    const set = {
      key: key || "one",
      title: "suspects",
      origin: "",
      field: "ground_truth",
      as_grid: false,
      labels: this.cards.length,
    };
    const states = this.cards.map((one) => one.state).join("");
    return { set, states, names: ["Elpidia", "Sebastes"], user: "ana" };
  }

  async loadChoices() {
    return [];
  }

  async loadCards(_: string, places: number[]) {
    this.asked.push(...places);
    return places.map((place) => this.cards[place] ?? null);
  }

  async review(params: Record<string, unknown>): Promise<ReviewResult> {
    if (this.refuse) throw new Error(this.refuse);
    const before = new Map<number, Card>();
    let conflicts = 0;
    for (const { label, boxes } of params._boxes as { label: string; boxes: string }[]) {
      for (const line of boxes.split("\n")) {
        const place = this.cards.findIndex((one) => `${one.sample} ${one.id}` === line);
        const there = this.cards[place] as Card;
        if (there.label !== label) {
          conflicts += 1;
          continue;
        }
        before.set(place, there);
        const state = params.verdict === "confirm" ? "c" : params.verdict === "reject" ? "r" : "n";
        const name = params.verdict === "accept_suggestion" ? there.suggestion : params.label || label;
        this.cards[place] = { ...there, state, label: name as string };
      }
    }
    const journal = before.size ? `journal${this.journals.length}` : "";
    if (journal) this.journals.push([journal, before]);
    const none = { confirmed: 0, relabelled: 0, accepted: 0, rejected: 0, unsure: 0, reset: 0 };
    return { ...none, unchanged: 0, conflicts, journal };
  }

  async undo(journal: string) {
    const entry = this.journals.find(([key]) => key === journal);
    entry?.[1].forEach((before, place) => (this.cards[place] = before));
    return { restored: entry?.[1].size ?? 0, conflicts: 0 };
  }
}

function memory() {
  const kept = new Map<string, string>();
  return {
    read: (name: string) => JSON.parse(kept.get(name) ?? "null") ?? undefined,
    write: (name: string, value: unknown) => void kept.set(name, JSON.stringify(value)),
  };
}

const later = (): Promise<void> => new Promise((done) => setTimeout(done));

async function opened(store: Kept, kept = memory()): Promise<Session> {
  const session = new Session(store, kept, () => undefined);
  await session.open();
  await later();
  return session;
}

const accept = { verdict: "accept_suggestion", label: "" } as const;
const confirm = { verdict: "confirm", label: "" } as const;
const reject = { verdict: "reject", label: "" } as const;

test("verdicts are shown at once, written in their order, and taken back one by one", async () => {
  const store = new Kept(6);
  const session = await opened(store);
  session.act(accept);
  session.act(confirm);
  session.act(reject);
  expect(session.states.join("")).toBe("ncr---");
  expect(session.at).toBe(3);
  await session.settled();
  expect(store.cards.map((one) => one.state).join("")).toBe("ncr---");
  session.undo();
  session.undo();
  await session.settled();
  expect(store.cards.map((one) => one.state).join("")).toBe("n-----");
  expect(session.states.join("")).toBe("n-----");
  expect(session.at).toBe(1);
});

test("what the server refuses is taken back, and said", async () => {
  const store = new Kept(3);
  const session = await opened(store);
  store.refuse = "you may not edit this dataset";
  session.act(accept);
  expect(session.states.join("")).toBe("n--");
  await session.settled();
  expect(session.states.join("")).toBe("---");
  expect(session.current?.label).toBe("Sebastes");
  expect(session.message).toEqual({ kind: "error", text: "you may not edit this dataset" });
  expect(session.canUndo).toBe(false);
});

test("a label that somebody else changed is shown as it is now", async () => {
  const store = new Kept(3);
  const session = await opened(store);
  store.cards[0] = card(0, { label: "Peniagone", state: "c", by: "bo" });
  session.act(confirm);
  await session.settled();
  expect(session.card(0)).toMatchObject({ label: "Peniagone", by: "bo" });
  expect(session.message?.kind).toBe("error");
});

test("the grid gives a name to all but the marked, and then confirms the rest", async () => {
  const store = new Kept(243);
  const session = await opened(store);
  session.showGrid(true);
  await later();
  [3, 5, 7, 9, 11].forEach((place) => session.mark(place));
  session.act({ verdict: "relabel", label: "Peniagone" });
  await session.settled();
  const named = store.cards.filter((one) => one.label === "Peniagone");
  expect(named).toHaveLength(238);
  session.confirmRest();
  await session.settled();
  const confirmed = store.cards.flatMap((one, place) => (one.state === "c" ? [place] : []));
  expect(confirmed).toEqual([3, 5, 7, 9, 11]);
});

test("only the marked are judged where that is asked for, and judged ones stay otherwise", async () => {
  const store = new Kept(6);
  const session = await opened(store);
  session.showGrid(true);
  session.mark(1);
  session.markOnly(true);
  session.act(reject);
  session.markOnly(false);
  expect(session.target).toMatchObject({ places: [0, 2, 3, 4, 5], judged: 1 });
  session.act(confirm);
  await session.settled();
  expect(store.cards.map((one) => one.state).join("")).toBe("crcccc");
});

test("one key on several names is one thing to take back", async () => {
  const store = new Kept(4);
  store.cards[1] = card(1, { suggestion: "Peniagone" });
  store.cards[3] = card(3, { suggestion: "Caridea" });
  const session = await opened(store);
  session.showGrid(true);
  session.act(accept);
  await session.settled();
  const given = store.cards.map((one) => one.label);
  expect(given).toEqual(["Elpidia", "Peniagone", "Elpidia", "Caridea"]);
  expect(store.journals).toHaveLength(3);
  session.undo();
  await session.settled();
  expect(new Set(store.cards.map((one) => one.label))).toEqual(new Set(["Sebastes"]));
  expect(session.canUndo).toBe(false);
});

test("done labels are hidden when that is asked for; what is judged then stays in sight", async () => {
  const store = new Kept(5);
  const session = await opened(store);
  session.act(accept);
  session.act(confirm);
  session.showDone(false);
  expect(session.order).toEqual([2, 3, 4]);
  session.act(confirm);
  expect(session.order).toEqual([2, 3, 4]);
  expect(session.place).toBe(3);
});

test("a reload of the page comes back to the same label, and can still take back", async () => {
  const store = new Kept(5);
  const kept = memory();
  const session = await opened(store, kept);
  session.act(accept);
  session.act(confirm);
  await session.settled();
  const again = await opened(store, kept);
  expect(again.place).toBe(2);
  again.undo();
  await again.settled();
  expect(store.cards.map((one) => one.state).join("")).toBe("n----");
});

test("the next labels are there before they are asked for, and each is read once", async () => {
  const store = new Kept(500);
  const session = await opened(store);
  for (let step = 0; step < 100; step += 1) {
    expect(session.current).toBeTruthy();
    session.go(1);
    await later();
  }
  expect(new Set(store.asked).size).toBe(store.asked.length);
  expect(store.asked.length).toBeLessThan(200);
});

test("a key with nothing to be about says so and changes nothing", async () => {
  const store = new Kept(2);
  const session = await opened(store);
  session.go(1);
  session.act(accept);
  session.undo();
  await session.settled();
  expect(session.states.join("")).toBe("--");
  expect(session.message?.text).toBe("Nothing is left to take back here");
});
