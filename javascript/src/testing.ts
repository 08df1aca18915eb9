/** Labels for tests. */
import type { Card } from "./model";

export function card(place: number, over: Partial<Card> = {}): Card {
  return {
    id: `label${place}`,
    sample: `image${place}`,
    label: "Sebastes",
    state: "-",
    by: null,
    at: null,
    media: `/${place}.png`,
    width: 100,
    height: 80,
    box: [0.4, 0.4, 0.2, 0.2],
    suggestion: null,
    is_stored: false,
    probability: null,
    second: null,
    second_probability: null,
    margin: null,
    distance: null,
    suspicion: null,
    said_by: [],
    ...over,
  };
}
