/** What the FiftyOne App provides to plugins, as far as this one uses it; the same on 1.11 and 1.22. */
import type { ComponentType } from "react";
import type { Field } from "./tooltips";

/** Something in the state of the App, which has values of a type only for the compiler. */
interface Atom<Value> {
  readonly key: string;
  readonly value?: Value;
}

/** What an operator is called with. */
export interface Context {
  params: Record<string, unknown>;
  state: {
    snapshot: { getPromise<Value>(atom: Atom<Value>): Promise<Value> };
    set<Value>(atom: Atom<Value>, change: (value: Value) => Value): void;
  };
}

interface OperatorHooks {
  execute(context: Context): unknown;
}

type OperatorClass = new (plugin: string) => OperatorHooks;

export interface ExecutionResult {
  result?: unknown;
  error?: unknown;
  errorMessage?: unknown;
}

interface Operators {
  Operator: new (plugin: string) => object;
  OperatorConfig: new (config: Record<string, unknown>) => object;
  registerOperator(operator: OperatorClass, plugin: string): void;
  executeOperator(
    uri: string,
    params?: Record<string, unknown>,
    options?: { callback?: (result: ExecutionResult) => void; skipErrorNotification?: boolean },
  ): Promise<void>;
}

interface Plugins {
  registerComponent(component: {
    name: string;
    label: string;
    component: ComponentType<never>;
    type: number;
    activator: () => boolean;
  }): void;
  PluginComponentType: { Component: number };
}

interface AppGlobals {
  __foo__: Operators;
  __fop__: Plugins;
  __fou__: {
    getFetchFunction(): (method: string, path: string, body: unknown) => Promise<unknown>;
  };
  __fos__: {
    getSampleSrc(path: string): string;
    datasetName: Atom<string | null>;
    datasetId: Atom<string | null>;
    /** Which attributes of a field's labels are written out; from 1.21 on. */
    shownLabelAttributes?: (field: string) => Atom<string[]>;
    fieldSchema(of: { space: "SAMPLE" }): Atom<Record<string, Field>>;
  };
  __fosp__: { usePanelId(): string };
}

export const app = window as unknown as AppGlobals;
