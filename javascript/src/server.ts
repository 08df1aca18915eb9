/** Asks the methods of the Python panel, and calls operators by their URIs. */
import { app } from "./fiftyone";
import type { Card, Choice, PinnedSet, Progress } from "./model";

export const PLUGIN = "@fathomnet/voxel51";

export interface LoadedSet {
  set: PinnedSet | null;
  states?: string;
  names?: string[];
  choices?: Choice[];
  user: string;
}

export interface ReviewResult {
  confirmed: number;
  relabelled: number;
  accepted: number;
  rejected: number;
  unsure: number;
  reset: number;
  unchanged: number;
  conflicts: number;
  journal: string;
}

export interface UndoResult {
  restored: number;
  conflicts: number;
}

interface Answer {
  result?: unknown;
  error?: unknown;
  error_message?: unknown;
}

/** The server of one dataset. */
export class Server {
  constructor(
    private readonly panel: string,
    private readonly dataset: string,
    private readonly panelId: string,
  ) {}

  loadSet(key: string): Promise<LoadedSet> {
    return this.ask("load_set", { key });
  }

  async loadChoices(): Promise<Choice[]> {
    return (await this.ask<{ choices: Choice[] }>("load_choices", {})).choices;
  }

  async loadCards(key: string, places: number[]): Promise<(Card | null)[]> {
    return (await this.ask<{ cards: (Card | null)[] }>("load_cards", { key, places })).cards;
  }

  loadAlikes(
    key: string,
    place: number,
    names: string[],
  ): Promise<{ alikes: Record<string, Card[]>; missing: string }> {
    return this.ask("load_alikes", { key, place, names });
  }

  loadProgress(key: string): Promise<Progress> {
    return this.ask("load_progress", { key });
  }

  async openView(view: string): Promise<string> {
    return (await this.ask<{ key: string }>("open_view", { view })).key;
  }

  /** Pins what the App shows or has selected, which only the App itself can say. */
  openSeen(): Promise<string> {
    return new Promise((done, failed) => {
      const callback = (answer: { result?: unknown; error?: unknown; errorMessage?: unknown }) => {
        if (answer.error) failed(new Error(plain(answer.errorMessage || answer.error)));
        else done((answer.result as { key: string }).key);
      };
      const params = { panel_id: this.panelId, panel_state: {} };
      const options = { callback, skipErrorNotification: true };
      app.__foo__.executeOperator(`${this.panel}#open_seen`, params, options).catch(failed);
    });
  }

  review(params: Record<string, unknown>): Promise<ReviewResult> {
    return this.call(`${PLUGIN}/review_labels`, params);
  }

  undo(journal: string): Promise<UndoResult> {
    return this.call(`${PLUGIN}/undo_relabel`, { journal });
  }

  /** The App's grid shows again what is in the database. */
  refreshGrid(): void {
    void app.__foo__.executeOperator("@voxel51/operators/reload_dataset");
  }

  private ask<T>(method: string, params: Record<string, unknown>): Promise<T> {
    const plumbing = { __method__: method, panel_id: this.panelId, panel_state: {} };
    return this.call(this.panel, { ...params, ...plumbing });
  }

  private async call<T>(uri: string, params: Record<string, unknown>): Promise<T> {
    const body = { operator_uri: uri, dataset_name: this.dataset, params };
    const answer = (await app.__fou__.getFetchFunction()(
      "POST",
      "/operators/execute",
      body,
    )) as Answer;
    if (answer.error) throw new Error(plain(answer.error_message || answer.error));
    return answer.result as T;
  }
}

/** The sentence of an error: FiftyOne puts the calls that led to it before it. */
export function plain(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const lines = text.trim().split("\n");
  const last = lines[lines.length - 1] ?? "";
  return last.replace(/^[\w.]*(Error|Exception): /, "").slice(0, 600);
}
