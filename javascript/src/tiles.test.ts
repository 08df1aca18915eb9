import { expect, test } from "vitest";
import { doubted, isNew, withSuggestion } from "./tiles";
import type { Field } from "./tooltips";

const named = (...names: string[]): Field[] => names.map((name) => ({ name }));

test("suspects are in fields of boxes, of patches and of crops that have both attributes", () => {
  const own = named("label", "suspicion", "suggested_label");
  const fields: Field[] = [
    { name: "boxes", fields: [{ name: "detections", fields: own }] },
    { name: "of_patches", fields: own },
    { name: "half", fields: [{ name: "detections", fields: named("label", "suspicion") }] },
    { name: "vehicle" },
  ];
  expect(doubted(fields)).toEqual(["boxes", "of_patches"]);
  expect(doubted(null)).toEqual([]);
});

test("they are chosen once for each dataset and field, beside what people chose", () => {
  const stored = new Map<string, string>();
  const kept = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  };
  const asked = [["1", "boxes"], ["1", "boxes"], ["1", "others"], ["2", "boxes"]] as const;
  expect(asked.map(([dataset, field]) => isNew(kept, dataset, field))).toEqual([
    true,
    false,
    true,
    true,
  ]);
  expect(withSuggestion(["label"])).toEqual(["label", "suggested_label", "suspicion"]);
  expect(withSuggestion(["suspicion", "rank"])).toEqual(["suspicion", "rank", "suggested_label"]);
});
