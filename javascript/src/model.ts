/** What the panel knows, and the words in which it says what will happen; nothing here draws. */

/** Unreviewed, confirmed, new name, rejected, unsure; blank where the label is gone. */
export type Letter = "-" | "c" | "n" | "r" | "u" | " ";

export const STATE_WORDS: Record<Letter, string> = {
  "-": "unreviewed",
  c: "confirmed",
  n: "renamed",
  r: "rejected",
  u: "unsure",
  " ": "deleted",
};

export interface Card {
  id: string;
  sample: string;
  label: string | null;
  state: Letter;
  by: string | null;
  at: string | null;
  media: string;
  width: number | null;
  height: number | null;
  box: [number, number, number, number];
  suggestion: string | null;
  is_stored: boolean;
  probability: number | null;
  second: string | null;
  second_probability: number | null;
  margin: number | null;
  distance: number | null;
  suspicion: number | null;
  said_by: string[];
}

export interface PinnedSet {
  key: string;
  title: string;
  origin: string;
  field: string;
  as_grid: boolean;
  labels: number;
}

export interface Choice {
  view: string;
}

/** How far a review is, in words: parts with a title, of rows with a name. */
export interface Progress {
  parts: { title: string; rows: [string, string][] }[];
}

export type Verdict = "confirm" | "relabel" | "accept_suggestion" | "reject" | "unsure" | "reset";

export interface Action {
  verdict: Verdict;
  label: string;
}

/** Class buttons that have a digit. */
export const SLOTS = 9;
/** Crops on one page of the grid. */
export const PAGE = 300;

/** What an action makes of a label; null where it says nothing about it. */
export function outcome(card: Card, action: Action): { state: Letter; label: string | null } | null {
  const { label } = card;
  switch (action.verdict) {
    case "confirm":
      return label === null ? null : { state: "c", label };
    case "reject":
      return { state: "r", label };
    case "unsure":
      return { state: "u", label };
    case "reset":
      return { state: "-", label };
    case "relabel":
      return { state: action.label === label ? "c" : "n", label: action.label };
    case "accept_suggestion":
      return card.suggestion === null ? null : { state: "n", label: card.suggestion };
  }
}

/** "1 label", "1,200 labels". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;
}

const number = (count: number): string => count.toLocaleString("en-GB");

/**
 * What an action in the grid will do, exactly: "243 shown, 5 marked: 238 become Peniagone".
 *
 * @param cards what the action is about
 * @param shown how many crops the page shows, marked among them
 * @param judged how many of those are left alone because somebody has judged them
 */
export function sentence(
  cards: Card[],
  action: Action,
  shown: number,
  marked: number,
  judged: number,
): string {
  let renamed = 0;
  let same = 0;
  let left = 0;
  for (const card of cards) {
    const after = outcome(card, action);
    if (after === null) left += 1;
    else if (action.verdict === "relabel" && after.state === "c") same += 1;
    else renamed += 1;
  }
  const becomes = (count: number, what: string): string =>
    `${number(count)} ${count === 1 ? "becomes" : "become"} ${what}`;
  const words: Record<Verdict, string> = {
    confirm: "confirmed",
    relabel: action.label,
    accept_suggestion: "what is suggested for each",
    reject: "rejected",
    unsure: "unsure",
    reset: "unreviewed",
  };
  const parts = [];
  if (renamed) parts.push(becomes(renamed, words[action.verdict]));
  if (same) parts.push(`${number(same)} ${same === 1 ? "has" : "have"} that name and ${same === 1 ? "is" : "are"} confirmed`);
  if (left) {
    const why = action.verdict === "confirm" ? "no name" : "no suggestion";
    parts.push(`${number(left)} with ${why} ${left === 1 ? "stays" : "stay"}`);
  }
  if (judged) parts.push(`${number(judged)} judged already ${judged === 1 ? "stays" : "stay"}`);
  const also = marked ? `, ${number(marked)} marked` : "";
  return `${number(shown)} shown${also}: ${parts.join(", ") || "nothing changes"}`;
}

/**
 * The names that have digits. A name keeps its digit as long as it is among the last nine, because
 * fingers remember digits; the one that was used longest ago gives way.
 */
export class Slots {
  private readonly used = new Map<string, number>();
  private clock = 0;

  constructor(readonly names: string[] = []) {
    names.splice(SLOTS);
  }

  /** Names to begin with, where nobody has chosen any. */
  suggest(names: Iterable<string>): void {
    for (const name of names) {
      if (this.names.length >= SLOTS) return;
      if (!this.names.includes(name)) this.names.push(name);
    }
  }

  use(name: string): void {
    this.used.set(name, ++this.clock);
    if (this.names.includes(name)) return;
    if (this.names.length < SLOTS) {
      this.names.push(name);
      return;
    }
    let oldest = 0;
    this.names.forEach((one, place) => {
      const last = this.names[oldest] ?? "";
      if ((this.used.get(one) ?? 0) < (this.used.get(last) ?? 0)) oldest = place;
    });
    this.names[oldest] = name;
  }
}

const folded = (name: string): string => name.trim().toLowerCase().replace(/\s+/g, " ");

/** Letters to insert, delete, change or swap to come from one word to another; at most `most` + 1. */
export function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + change,
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      }
      row.push(best);
    }
    if (Math.min(...row) > most) return most + 1;
    before = last;
    last = row;
  }
  return last[b.length] ?? most + 1;
}

export interface Matches {
  names: string[];
  /** Nothing has these letters; the names are the nearest. */
  nearest: boolean;
}

/** The names that a search offers: those that begin so, those that hold it, or else the nearest. */
export function search(names: string[], text: string, most = 8): Matches {
  const asked = folded(text);
  if (!asked) return { names: [], nearest: false };
  const exact: string[] = [];
  const begin: string[] = [];
  const hold: string[] = [];
  for (const name of names) {
    const one = folded(name);
    if (one === asked) exact.push(name);
    else if (one.startsWith(asked)) begin.push(name);
    else if (one.includes(asked)) hold.push(name);
  }
  const found = [...exact, ...begin, ...hold].slice(0, most);
  if (found.length) return { names: found, nearest: false };
  const allowed = Math.max(1, Math.floor(asked.length / 3));
  const near = names
    .map((name) => ({ name, far: nearness(folded(name), asked, allowed) }))
    .filter((one) => one.far <= allowed)
    .sort((a, b) => a.far - b.far || a.name.localeCompare(b.name));
  return { names: near.slice(0, most).map((one) => one.name), nearest: true };
}

/** How far a name, or its beginning, is from what was typed. */
function nearness(name: string, asked: string, allowed: number): number {
  const whole = editDistance(name, asked, allowed);
  return name.length > asked.length
    ? Math.min(whole, editDistance(name.slice(0, asked.length), asked, allowed))
    : whole;
}

/** How many labels of a set are in which state. */
export function countStates(states: readonly Letter[]): Record<Letter, number> {
  const counts: Record<Letter, number> = { "-": 0, c: 0, n: 0, r: 0, u: 0, " ": 0 };
  for (const one of states) counts[one] += 1;
  return counts;
}

/** The labels of one request as the operator takes them: those of one name together. */
export function named(cards: Card[]): { label: string | null; boxes: string }[] {
  const groups = new Map<string | null, string[]>();
  for (const card of cards) {
    const lines = groups.get(card.label) ?? [];
    lines.push(`${card.sample} ${card.id}`);
    groups.set(card.label, lines);
  }
  return [...groups].map(([label, lines]) => ({ label, boxes: lines.join("\n") }));
}

export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/**
 * The part of an image that shows a box with some surroundings, in pixels.
 *
 * It has the asked shape, so that a crop fills its place, and stays in the image where it can.
 *
 * @param around of the box's longer side, on each side of it
 */
export function regionOf(
  box: [number, number, number, number],
  width: number,
  height: number,
  aspect: number,
  around: number,
): Region {
  const [left, top, wide, high] = box;
  const [boxWide, boxHigh] = [wide * width, high * height];
  const margin = 2 * around * Math.max(boxWide, boxHigh, 8);
  let regionWide = boxWide + margin;
  let regionHigh = boxHigh + margin;
  if (regionWide < regionHigh * aspect) regionWide = regionHigh * aspect;
  else regionHigh = regionWide / aspect;
  const middleX = (left + wide / 2) * width;
  const middleY = (top + high / 2) * height;
  const within = (start: number, size: number, all: number): number =>
    size >= all ? (all - size) / 2 : Math.min(Math.max(start, 0), all - size);
  return {
    x: within(middleX - regionWide / 2, regionWide, width),
    y: within(middleY - regionHigh / 2, regionHigh, height),
    width: regionWide,
    height: regionHigh,
  };
}
