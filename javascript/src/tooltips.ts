/**
 * What the tooltip of a box leaves out: its id in the database, and vectors.
 *
 * FiftyOne lists every attribute of a label there, except those that this browser was told to hide.
 * Neither the dataset nor a field can say so; but what is hidden is kept for each dataset and field
 * in the browser's own storage, where a person's "Hide this label" writes too. Whatever somebody has
 * had shown again stays shown.
 */

/** A field as the App knows it; the attributes of labels are fields of it. */
export interface Field {
  name: string;
  ftype?: string | null;
  fields?: Field[] | Record<string, Field> | null;
}

type Kept = Pick<Storage, "getItem" | "setItem">;

export const LISTS = ["detections", "classifications"];
const OF_THIS_PROJECT = "annotation_id";
const VECTOR = "fiftyone.core.fields.VectorField";

export const listed = (fields: Field["fields"]): Field[] => Object.values(fields ?? {});

/** By each field of boxes that this project has made: the attributes that are nothing for people. */
export function unreadable(fields: Field["fields"]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const field of listed(fields)) {
    const list = listed(field.fields).find((one) => LISTS.includes(one.name));
    const attributes = listed((list ?? field).fields);
    if (!attributes.some((one) => one.name === OF_THIS_PROJECT)) continue;
    const vectors = attributes.filter((one) => one.ftype === VECTOR);
    found.set(field.name, ["id", ...vectors.map((one) => one.name)]);
  }
  return found;
}

/** Hides attributes in the tooltips of a field, each once: it stays as people leave it then. */
export function hideOnce(kept: Kept, dataset: string, field: string, names: string[]): void {
  const read = (key: string): string[] => kept.getItem(key)?.split(",").filter(Boolean) ?? [];
  // FiftyOne's own key, the same from 1.11 on.
  const hidden = `fo-hiddenLabels-${dataset}-${field}`;
  const done = `fathomnet-hidden-${dataset}-${field}`;
  const before = read(done);
  const wanted = names.filter((name) => !before.includes(name));
  if (!wanted.length) return;
  kept.setItem(hidden, [...new Set([...read(hidden), ...wanted])].join(","));
  kept.setItem(done, [...before, ...wanted].join(","));
}
