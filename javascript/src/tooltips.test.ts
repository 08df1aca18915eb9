import { describe, expect, test } from "vitest";
import { type Field, hideOnce, unreadable } from "./tooltips";

const VECTOR = "fiftyone.core.fields.VectorField";
const TEXT = "fiftyone.core.fields.StringField";

const boxes = (name: string, attributes: Field[]): Field => ({
  name,
  ftype: "fiftyone.core.fields.EmbeddedDocumentField",
  fields: [{ name: "detections", ftype: "fiftyone.core.fields.ListField", fields: attributes }],
});

describe("what is nothing for people", () => {
  const own: Field[] = [
    { name: "id", ftype: "fiftyone.core.fields.ObjectIdField" },
    { name: "label", ftype: TEXT },
    { name: "annotation_id", ftype: "fiftyone.core.fields.IntField" },
    { name: "clip_embedding", ftype: VECTOR },
    { name: "probabilities", ftype: VECTOR },
  ];

  test("is the id and vectors of boxes of this project alone", () => {
    const others = own.filter((one) => one.name !== "annotation_id");
    const fields = [boxes("ground_truth", own), boxes("somebody_s", others)];
    expect([...unreadable(fields)]).toEqual([
      ["ground_truth", ["id", "clip_embedding", "probabilities"]],
    ]);
  });

  test("is found in fields by their names too, and where there are none", () => {
    const named = { ground_truth: boxes("ground_truth", own), vehicle: { name: "vehicle" } };
    expect([...unreadable(named).keys()]).toEqual(["ground_truth"]);
    expect(unreadable(undefined).size).toBe(0);
  });
});

test("an attribute is hidden once, beside what people hid, and stays as they leave it", () => {
  const stored = new Map([["fo-hiddenLabels-deep-boxes", "area"]]);
  const kept = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
  };
  const hidden = () => stored.get("fo-hiddenLabels-deep-boxes");
  hideOnce(kept, "deep", "boxes", ["id"]);
  expect(hidden()).toBe("area,id");
  stored.set("fo-hiddenLabels-deep-boxes", "area"); // "Show this label"
  hideOnce(kept, "deep", "boxes", ["id"]);
  expect(hidden()).toBe("area");
  hideOnce(kept, "deep", "boxes", ["id", "clip_embedding"]);
  expect(hidden()).toBe("area,clip_embedding");
  hideOnce(kept, "other", "boxes", ["id"]);
  expect(stored.get("fo-hiddenLabels-other-boxes")).toBe("id");
});
