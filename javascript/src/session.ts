/**
 * One set under work: what is shown of it, what was said, and what waits to be written.
 *
 * A verdict is shown at once and written behind it, one after the other in their order. Where the
 * server refuses one, or somebody else was faster, what was shown is taken back and it is said.
 */
import {
  type Action,
  type Card,
  type Choice,
  type Letter,
  PAGE,
  type PinnedSet,
  Slots,
  counted,
  named,
  outcome,
} from "./model";
import type { LoadedSet, ReviewResult, UndoResult } from "./server";

/** What a session asks of the server. */
export interface Store {
  loadSet(key: string): Promise<LoadedSet>;
  loadChoices(): Promise<Choice[]>;
  loadCards(key: string, places: number[]): Promise<(Card | null)[]>;
  review(params: Record<string, unknown>): Promise<ReviewResult>;
  undo(journal: string): Promise<UndoResult>;
}

/** What survives a reload of the page. */
export interface Memory {
  read(name: string): unknown;
  write(name: string, value: unknown): void;
}

/** What one key or click has done: a journal for each name that it gave. */
interface Done {
  journals: string[];
  places: number[];
}

export interface Message {
  kind: "said" | "error";
  text: string;
}

/** Cards that are asked for at once. */
const BLOCK = 60;
/** Labels that are there before they are looked at. */
const AHEAD = 12;
const UNDO_KEPT = 50;
/** Places of one verdict that a reload of the page remembers; of more, the journal alone. */
const PLACES_KEPT = 400;

export class Session {
  set: PinnedSet | null = null;
  choices: Choice[] = [];
  user = "";
  states: Letter[] = [];
  names: string[] = [];
  slots = new Slots();
  /** Places of the set in the order in which they are shown: all, or those that were not done. */
  order: number[] = [];
  /** Where in `order` a person is. */
  at = 0;
  asGrid = false;
  hideDone = false;
  onlyMarked = false;
  marked = new Set<number>();
  message: Message | null = null;
  /** Other labels that could be opened, in words; empty where nobody has chosen any. */
  offered = "";
  /** Verdicts that are shown and not yet written. */
  waiting = 0;
  isLoading = true;
  /** Something was written that the App's own grid may show otherwise. */
  isGridOld = false;
  last: Action | null = null;

  private readonly cards = new Map<number, Card | null>();
  private readonly asked = new Set<number>();
  private readonly done: Done[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: Store,
    private readonly memory: Memory,
    private readonly changed: () => void,
  ) {}

  // What is shown

  async open(key = ""): Promise<void> {
    this.isLoading = true;
    this.changed();
    try {
      // Whoever opens another set has still said what she said of this one.
      await this.writing;
      const loaded = await this.store.loadSet(key || this.remembered("set", ""));
      this.take(loaded);
    } catch (error) {
      this.complain(error);
    }
    this.isLoading = false;
    this.changed();
    this.need();
  }

  async close(): Promise<void> {
    await this.writing;
    this.set = null;
    this.memory.write("set", "");
    this.message = null;
    try {
      this.choices = await this.store.loadChoices();
    } catch (error) {
      this.complain(error);
    }
    this.changed();
  }

  private take(loaded: LoadedSet): void {
    this.user = loaded.user;
    this.choices = loaded.choices ?? [];
    this.set = loaded.set;
    this.cards.clear();
    this.asked.clear();
    this.marked = new Set();
    this.message = null;
    this.offered = "";
    this.done.length = 0;
    if (!loaded.set) return;
    this.states = [...(loaded.states ?? "")] as Letter[];
    this.names = loaded.names ?? [];
    const before = this.remembered<Record<string, unknown>>(`set ${loaded.set.key}`, {});
    this.memory.write("set", loaded.set.key);
    this.slots = new Slots(this.remembered<string[]>("classes", []));
    this.asGrid = (before.asGrid as boolean | undefined) ?? loaded.set.as_grid;
    this.hideDone = (before.hideDone as boolean | undefined) ?? false;
    this.done.push(...((before.done as Done[] | undefined) ?? []));
    this.arrange((before.place as number | undefined) ?? 0);
  }

  /** Says which labels are shown, and goes to one of them or to the next that is. */
  private arrange(place: number): void {
    const all = this.states.map((_, one) => one).filter((one) => this.states[one] !== " ");
    this.order = this.hideDone ? all.filter((one) => this.states[one] === "-") : all;
    const at = this.order.findIndex((one) => one >= place);
    this.at = at < 0 ? Math.max(0, this.order.length - 1) : at;
  }

  get place(): number {
    return this.order[this.at] ?? -1;
  }

  card(place: number): Card | null | undefined {
    return this.cards.get(place);
  }

  get current(): Card | null | undefined {
    return this.cards.get(this.place);
  }

  /** The places on the page of the grid. */
  get page(): number[] {
    const start = Math.floor(this.at / PAGE) * PAGE;
    return this.order.slice(start, start + PAGE);
  }

  /** The places that come next, the nearest first. */
  ahead(count: number): number[] {
    return this.order.slice(this.at + 1, this.at + 1 + count);
  }

  go(steps: number): void {
    this.goTo(this.at + steps);
  }

  goTo(at: number): void {
    if (!this.order.length) return;
    const page = this.page[0];
    this.at = Math.min(Math.max(at, 0), this.order.length - 1);
    if (this.asGrid && this.page[0] !== page) this.marked = new Set();
    this.remember();
    this.changed();
    this.need();
  }

  showGrid(asGrid: boolean): void {
    this.asGrid = asGrid;
    this.remember();
    this.changed();
    this.need();
  }

  showDone(shown: boolean): void {
    this.hideDone = !shown;
    this.marked = new Set();
    this.arrange(Math.max(this.place, 0));
    this.remember();
    this.changed();
    this.need();
  }

  mark(place: number): void {
    if (!this.marked.delete(place)) this.marked.add(place);
    this.changed();
  }

  markOnly(only: boolean): void {
    this.onlyMarked = only;
    this.changed();
  }

  offer(words: string): void {
    this.offered = words;
    this.changed();
  }

  say(text: string, kind: Message["kind"] = "said"): void {
    this.message = { kind, text };
    this.changed();
  }

  // What is done

  /**
   * The places that an action in the grid is about, and how many of those that it could be about
   * are left alone because they are judged.
   */
  get target(): { places: number[]; judged: number; shown: number; marked: number } {
    const page = this.page;
    const marks = page.filter((one) => this.marked.has(one));
    const only = this.onlyMarked && marks.length > 0;
    const meant = only ? marks : page.filter((one) => !this.marked.has(one));
    // Whoever marks a judged label, and says that she means the marked ones, means to judge it anew.
    const places = only ? meant : meant.filter((one) => this.states[one] === "-");
    const judged = meant.length - places.length;
    return { places, judged, shown: page.length, marked: marks.length };
  }

  /** Judges the label that is shown, or in the grid all that the sentence above it says. */
  act(action: Action): void {
    const places = this.asGrid ? this.target.places : this.place < 0 ? [] : [this.place];
    if (this.judge(action, places) && !this.asGrid) this.go(1);
  }

  /** Says that whatever is left on the page of the grid is right. */
  confirmRest(): void {
    if (!this.asGrid) {
      this.say("A confirms the rest of the grid: press G to see it");
      return;
    }
    const left = this.page.filter((one) => !this.marked.has(one) && this.states[one] === "-");
    this.judge({ verdict: "confirm", label: "" }, left);
  }

  repeat(): void {
    if (this.last) this.act(this.last);
    else this.say("Nothing to repeat yet");
  }

  /** Shows a verdict and writes it behind; false where there is nothing that it could be about. */
  private judge(action: Action, places: number[]): boolean {
    const known = places.flatMap((place) => {
      const card = this.cards.get(place);
      const after = card ? outcome(card, action) : null;
      return card && after ? [{ place, card, after }] : [];
    });
    if (places.some((place) => this.cards.get(place) === undefined)) {
      this.say("Some of these labels are still being loaded: press again");
      return false;
    }
    if (!known.length) {
      this.say(nothing(action));
      return false;
    }
    // An accepted prediction that find_label_errors has not stored is a name like any other.
    const groups = new Map<string, { action: Action; cards: Card[]; places: number[] }>();
    for (const { place, card } of known) {
      const own: Action =
        action.verdict === "accept_suggestion" && !card.is_stored
          ? { verdict: "relabel", label: card.suggestion ?? "" }
          : action;
      const key = `${own.verdict} ${own.label}`;
      const group = groups.get(key) ?? { action: own, cards: [], places: [] };
      group.cards.push(card);
      group.places.push(place);
      groups.set(key, group);
    }
    for (const { place, card, after } of known) {
      const by = after.state === "-" ? null : this.user;
      this.show(place, { ...card, ...after, by, at: null });
    }
    this.marked = new Set();
    this.message = null;
    this.last = action;
    if (action.verdict === "relabel") {
      this.slots.use(action.label);
      this.memory.write("classes", this.slots.names);
    }
    const done: Done = { journals: [], places: known.map((one) => one.place) };
    for (const group of groups.values()) this.write(group.action, group.cards, group.places, done);
    this.changed();
    return true;
  }

  private write(action: Action, cards: Card[], places: number[], done: Done): void {
    const { set } = this;
    if (!set) return;
    const { verdict } = action;
    const label = verdict === "relabel" ? action.label : "";
    const params = { verdict, label, field: set.field, _boxes: named(cards) };
    this.queue(async () => {
      try {
        const result = await this.store.review(params);
        this.isGridOld = true;
        if (result.journal && set === this.set) {
          if (!done.journals.length) this.done.push(done);
          done.journals.push(result.journal);
          this.done.splice(0, Math.max(0, this.done.length - UNDO_KEPT));
        }
        if (result.conflicts) {
          await this.readAgain(set.key, places);
          const labels = counted(result.conflicts, "label was", "labels were");
          this.say(`${labels} changed by somebody else meanwhile, and left as it is now`, "error");
        }
      } catch (error) {
        cards.forEach((card, place) => this.show(places[place] ?? -1, card));
        if (!this.asGrid && places[0] !== undefined) this.at = this.order.indexOf(places[0]);
        this.complain(error);
      }
      this.remember();
    });
  }

  /** Takes back what was said last, in this set. */
  undo(): void {
    this.queue(async () => {
      const last = this.done.pop();
      if (!last || !this.set) {
        this.say("Nothing is left to take back here");
        return;
      }
      try {
        let [count, conflicts] = [0, 0];
        while (last.journals.length) {
          const told = await this.store.undo(last.journals[last.journals.length - 1] ?? "");
          last.journals.pop();
          count += told.restored;
          conflicts += told.conflicts;
        }
        this.isGridOld = true;
        await this.readAgain(this.set.key, last.places);
        const at = this.order.indexOf(last.places[0] ?? -1);
        if (at >= 0) this.at = at;
        const restored = counted(count, "label");
        this.say(
          conflicts
            ? `${restored} taken back; ${counted(conflicts, "other")} changed since, left alone`
            : `${restored} taken back`,
        );
      } catch (error) {
        this.done.push(last);
        this.complain(error);
      }
      this.remember();
      this.need();
    });
  }

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  /** Resolves when all that was said is written. */
  settled(): Promise<void> {
    return this.writing;
  }

  private queue(work: () => Promise<void>): void {
    this.waiting += 1;
    this.changed();
    this.writing = this.writing.then(work).then(() => {
      this.waiting -= 1;
      this.changed();
    });
  }

  private show(place: number, card: Card): void {
    this.cards.set(place, card);
    this.states[place] = card.state;
  }

  // What is loaded

  /** Loads what is on the screen and what comes next. */
  need(): void {
    const { set } = this;
    if (!set) return;
    const start = Math.max(0, this.at - 2);
    const near = this.order.slice(start, this.at + AHEAD);
    const wanted = this.asGrid ? this.page : near;
    const missing = wanted.filter((one) => !this.cards.has(one) && !this.asked.has(one));
    if (!missing.length) return;
    // As many as one request gives, that the next labels need none.
    const places = this.asGrid
      ? missing
      : this.order
          .slice(start, start + BLOCK)
          .filter((one) => !this.cards.has(one) && !this.asked.has(one));
    for (let first = 0; first < places.length; first += BLOCK) {
      void this.load(set.key, places.slice(first, first + BLOCK));
    }
  }

  private async load(key: string, places: number[]): Promise<void> {
    places.forEach((one) => this.asked.add(one));
    try {
      const cards = await this.store.loadCards(key, places);
      if (this.set?.key !== key) return;
      places.forEach((place, number) => {
        const card = cards[number] ?? null;
        if (this.cards.has(place)) return;
        this.cards.set(place, card);
        this.states[place] = card?.state ?? " ";
      });
      this.slots.suggest(commonest(cards));
    } catch (error) {
      this.complain(error);
    }
    places.forEach((one) => this.asked.delete(one));
    this.changed();
  }

  private async readAgain(key: string, places: number[]): Promise<void> {
    for (let first = 0; first < places.length; first += BLOCK) {
      const some = places.slice(first, first + BLOCK);
      const cards = await this.store.loadCards(key, some);
      if (this.set?.key !== key) return;
      some.forEach((place, number) => {
        const card = cards[number] ?? null;
        this.cards.set(place, card);
        this.states[place] = card?.state ?? " ";
      });
    }
  }

  // What is remembered

  private remembered<T>(name: string, otherwise: T): T {
    return (this.memory.read(name) as T | undefined) ?? otherwise;
  }

  private remember(): void {
    if (!this.set) return;
    const done = this.done.map((one) => ({ ...one, places: one.places.slice(0, PLACES_KEPT) }));
    this.memory.write(`set ${this.set.key}`, {
      place: this.place,
      asGrid: this.asGrid,
      hideDone: this.hideDone,
      done,
    });
  }

  complain(error: unknown): void {
    this.say(error instanceof Error ? error.message : String(error), "error");
  }
}

/** What a key says that has nothing to be about. */
function nothing(action: Action): string {
  if (action.verdict === "accept_suggestion") return "There is no suggestion to accept here";
  if (action.verdict === "confirm") return "There is nothing left here that could be confirmed";
  return "There is nothing left here to judge: what is judged already stays";
}

/** The names of labels and suggestions, the commonest first. */
function commonest(cards: (Card | null)[]): string[] {
  const counts = new Map<string, number>();
  for (const card of cards) {
    for (const name of [card?.label, card?.suggestion]) {
      if (name) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
}
