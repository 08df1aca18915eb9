/**
 * What the tiles of suspects say without hover: the suggestion and the score, beside the label.
 *
 * FiftyOne lets a person choose which attributes of a label are written out, and keeps it in this
 * browser, for each dataset and field. Here they are chosen once where `find_label_errors` has
 * looked; whatever somebody chooses after that stays.
 */
import { type Field, LISTS, listed } from "./tooltips";

export const OF_SUSPECTS = ["suggested_label", "suspicion"];

/** The fields of labels in which suspects were looked for. */
export function doubted(fields: Field["fields"]): string[] {
  const has = (field: Field): boolean => {
    const list = listed(field.fields).find((one) => LISTS.includes(one.name));
    const names = listed((list ?? field).fields).map((one) => one.name);
    return OF_SUSPECTS.every((name) => names.includes(name));
  };
  return listed(fields)
    .filter(has)
    .map((field) => field.name);
}

/** Whether nobody has chosen for a field of a dataset, by its id, in this browser; asked once. */
export function isNew(
  kept: Pick<Storage, "getItem" | "setItem">,
  dataset: string,
  field: string,
): boolean {
  const done = `fathomnet-written-${dataset}-${field}`;
  if (kept.getItem(done)) return false;
  kept.setItem(done, "yes");
  return true;
}

/** What is written of labels, and what of suspects beside it. */
export const withSuggestion = (shown: string[]): string[] => [
  ...new Set([...shown, ...OF_SUSPECTS]),
];
