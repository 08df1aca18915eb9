import { describe, expect, test } from "vitest";
import {
  type Action,
  type Card,
  type Letter,
  Slots,
  countStates,
  editDistance,
  named,
  outcome,
  regionOf,
  search,
  sentence,
} from "./model";
import { card } from "./testing";

const relabel = (label: string): Action => ({ verdict: "relabel", label });
const cards = (count: number, over: Partial<Card> = {}): Card[] =>
  Array.from({ length: count }, (_, place) => card(place, over));

describe("the line above the grid", () => {
  test("says what the issue asks of it", () => {
    expect(sentence(cards(238), relabel("Peniagone"), 243, 5, 0)).toBe(
      "243 shown, 5 marked: 238 become Peniagone",
    );
  });

  test("counts what has the name already, has no suggestion, or is judged", () => {
    const some = [...cards(2), card(9, { label: "Peniagone" })];
    expect(sentence(some, relabel("Peniagone"), 7, 0, 4)).toBe(
      "7 shown: 2 become Peniagone, 1 has that name and is confirmed, 4 judged already stay",
    );
    const accept: Action = { verdict: "accept_suggestion", label: "" };
    expect(sentence([card(1, { suggestion: "Elpidia" }), card(2)], accept, 2, 0, 0)).toBe(
      "2 shown: 1 becomes what is suggested for each, 1 with no suggestion stays",
    );
    expect(sentence([], accept, 1200, 1200, 0)).toBe("1,200 shown, 1,200 marked: nothing changes");
  });
});

test("a verdict makes of a label what the operator makes of it", () => {
  const confirm: Action = { verdict: "confirm", label: "" };
  expect(outcome(card(1), confirm)).toEqual({ state: "c", label: "Sebastes" });
  expect(outcome(card(1, { label: null }), confirm)).toBeNull();
  expect(outcome(card(1), relabel("Sebastes"))?.state).toBe("c");
  expect(outcome(card(1), relabel("Elpidia"))).toEqual({ state: "n", label: "Elpidia" });
  expect(outcome(card(1), { verdict: "accept_suggestion", label: "" })).toBeNull();
});

describe("search", () => {
  const names = ["Sebastes", "Sebastolobus", "Peniagone", "Peniagone vitrea", "Elpidia"];

  test("offers names that begin so before those that hold it", () => {
    expect(search(names, "pen").names).toEqual(["Peniagone", "Peniagone vitrea"]);
    expect(search(names, " VITREA ").names).toEqual(["Peniagone vitrea"]);
    expect(search(names, "peniagone").names[0]).toBe("Peniagone");
  });

  test("offers the nearest of a misspelt name, and says so", () => {
    const { names: found, nearest } = search(names, "Sebastse");
    expect([found[0], nearest]).toEqual(["Sebastes", true]);
    expect(search(names, "peniagne").names[0]).toBe("Peniagone");
    expect(search(names, "Xyz")).toEqual({ names: [], nearest: true });
    expect(search(names, "  ").names).toEqual([]);
  });

  test("counts a swap of two letters once", () => {
    expect(editDistance("sebastse", "sebastes", 3)).toBe(1);
    expect(editDistance("kitten", "sitting", 5)).toBe(3);
    expect(editDistance("abc", "abcdefgh", 2)).toBe(3);
  });
});

test("a name keeps its digit until nine others were used after it", () => {
  const slots = new Slots();
  slots.suggest(["a", "b"]);
  slots.use("c");
  expect(slots.names).toEqual(["a", "b", "c"]);
  slots.use("a");
  "defghi".split("").forEach((name) => slots.use(name));
  expect(slots.names.indexOf("c")).toBe(2);
  slots.use("new");
  expect(slots.names.indexOf("new")).toBe(1);
  slots.use("newer");
  expect(slots.names.indexOf("newer")).toBe(2);
  expect(slots.names).toHaveLength(9);
});

test("labels of one name go to the operator together", () => {
  expect(named([card(1), card(2, { label: null }), card(3)])).toEqual([
    { label: "Sebastes", boxes: "image1 label1\nimage3 label3" },
    { label: null, boxes: "image2 label2" },
  ]);
});

test("states are counted", () => {
  expect(countStates([..."-cc nru-"] as Letter[])).toEqual({
    "-": 2, c: 2, n: 1, r: 1, u: 1, " ": 1,
  });
});

describe("the part of an image that is shown", () => {
  test("has the shape of its place, the box in its middle", () => {
    const region = regionOf([0.4, 0.4, 0.2, 0.2], 1000, 500, 2, 0.5);
    expect(region.width / region.height).toBeCloseTo(2);
    expect(region.x + region.width / 2).toBeCloseTo(500);
    expect(region.height).toBeGreaterThanOrEqual(100 + 200);
  });

  test("stays in the image where it can", () => {
    const region = regionOf([0, 0, 0.05, 0.05], 1000, 1000, 1, 0.5);
    expect([region.x, region.y]).toEqual([0, 0]);
    const whole = regionOf([0, 0, 1, 1], 1000, 500, 1, 0);
    expect(whole).toEqual({ x: 0, y: -250, width: 1000, height: 1000 });
  });
});
