import React from "react";
import { PAGE, STATE_WORDS, type Action, type Card, sentence } from "./model";
import { Button, Crop, stateClass } from "./parts";
import type { Session } from "./session";

const SIDE = 112;

/** A page of crops; a click marks an exception. */
export function Grid({ session, hovered }: { session: Session; hovered: Action | null }) {
  const { page, order, marked, place } = session;
  const first = Math.floor(session.at / PAGE) * PAGE;
  const pages = Math.ceil(order.length / PAGE);
  return (
    <div className="fnr-grid">
      <p className="fnr-sentence" data-testid="review-sentence" aria-live="polite">
        {lineAbove(session, hovered)}
      </p>
      <p className="fnr-note">
        Click those that differ. Names and verdicts go to{" "}
        <label>
          <input
            type="radio"
            checked={!session.onlyMarked}
            onChange={() => session.markOnly(false)}
          />
          all but the marked
        </label>
        <label>
          <input
            type="radio"
            checked={session.onlyMarked}
            onChange={() => session.markOnly(true)}
          />
          only the marked
        </label>
      </p>
      <div className="fnr-tiles">
        {page.map((one, number) => {
          const card = session.card(one);
          const classes = ["fnr-tile", stateClass(card?.state ?? session.states[one] ?? "-")];
          if (marked.has(one)) classes.push("fnr-marked");
          if (one === place) classes.push("fnr-here");
          return (
            <button
              key={one}
              type="button"
              className={classes.join(" ")}
              data-testid="review-tile"
              data-id={card?.id}
              aria-pressed={marked.has(one)}
              title={card ? `${card.label ?? "no name"}: ${STATE_WORDS[card.state]}` : ""}
              onClick={() => {
                session.at = first + number;
                session.mark(one);
              }}
            >
              <Tile card={card} />
            </button>
          );
        })}
      </div>
      {pages > 1 && (
        <p className="fnr-pages">
          <Button isDisabled={first === 0} onClick={() => session.goTo(first - PAGE)}>
            Previous page
          </Button>
          {` page ${first / PAGE + 1} of ${pages} `}
          <Button isDisabled={first + PAGE >= order.length} onClick={() => session.goTo(first + PAGE)}>
            Next page
          </Button>
        </p>
      )}
    </div>
  );
}

const Tile = React.memo(function Tile({ card }: { card: Card | null | undefined }) {
  if (!card) return <span className="fnr-empty">{card === null ? "deleted" : ""}</span>;
  return (
    <>
      <Crop card={card} width={SIDE} height={SIDE} around={0.1} />
      <span className="fnr-caption">{card.label ?? "no name"}</span>
      {card.suggestion !== null && <span className="fnr-maybe">{`? ${card.suggestion}`}</span>}
    </>
  );
});

/** What a press of the button under the pointer will do; else of the one that is used next. */
function lineAbove(session: Session, hovered: Action | null): string {
  const { places, judged, shown, marked } = session.target;
  const name = session.slots.names[0];
  const action =
    hovered ??
    session.last ??
    (name ? { verdict: "relabel" as const, label: name } : { verdict: "confirm" as const, label: "" });
  const cards = places.flatMap((one) => session.card(one) ?? []);
  return sentence(cards, action, shown, marked, judged);
}
