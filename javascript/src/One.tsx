import React, { useEffect, useState } from "react";
import type { Card } from "./model";
import { Crop, StateBadge, percent, useWidth } from "./parts";
import { load } from "./pictures";
import type { Server } from "./server";
import type { Session } from "./session";

/** Images that are there before they are looked at. */
const AHEAD = 4;
/** Milliseconds that a label is looked at before what looks like it is searched. */
const PAUSE = 400;

interface OneProps {
  session: Session;
  server: Server;
  isWhole: boolean;
  onWhole: () => void;
}

/** One label large, with all that is known of it. */
export function One({ session, server, isWhole, onWhole }: OneProps) {
  const [frame, width] = useWidth();
  const card = session.current;
  const wide = Math.max(160, Math.min(width, 900));
  const high = Math.round(Math.min(wide * 0.62, Math.max(220, window.innerHeight * 0.46)));

  useEffect(() => {
    for (const place of session.ahead(AHEAD)) {
      const next = session.card(place);
      if (next) load(next.media).catch(() => undefined);
    }
  });

  return (
    <div ref={frame} className="fnr-one">
      {card && (
        <>
          <button
            type="button"
            className="fnr-large"
            title={isWhole ? "Show the animal (W)" : "Show the whole image (W)"}
            onClick={onWhole}
          >
            <Crop
              card={card}
              width={wide}
              height={high}
              around={isWhole ? null : 0.35}
              isOutlined
              isFirst
            />
          </button>
          <Facts card={card} />
          <Alikes session={session} server={server} card={card} />
        </>
      )}
      {card === null && <p className="fnr-note">This label was deleted since: press N for the next.</p>}
      {card === undefined && session.order.length > 0 && <p className="fnr-note">Loading…</p>}
    </div>
  );
}

function Facts({ card }: { card: Card }) {
  const said = card.said_by.length ? `, says ${card.said_by.map(whom).join(" and ")}` : "";
  const away =
    card.distance === null
      ? ""
      : `, ${card.distance} ${card.distance === 1 ? "step" : "steps"} away on the tree of life`;
  return (
    <div className="fnr-facts">
      <h3 data-testid="review-label" data-id={card.id}>
        {card.label ?? "no name yet"} <StateBadge card={card} />
      </h3>
      {card.suggestion !== null && (
        <p data-testid="review-suggestion">
          Suggested: <b>{card.suggestion}</b>
          {card.probability !== null && ` (${percent(card.probability)})`}
          {away}
          {said}
        </p>
      )}
      {card.suggestion === null && card.probability !== null && (
        <p>{`The model agrees (${percent(card.probability)})`}</p>
      )}
      {card.second !== null && (
        <p data-testid="review-second">
          Next best: {card.second}
          {card.second_probability !== null && ` (${percent(card.second_probability)})`}
          {card.margin !== null &&
            (card.margin < 0
              ? `; it leads the predicted name by ${percent(-card.margin)}`
              : `; the predicted name leads by ${percent(card.margin)}`)}
        </p>
      )}
      {card.suspicion !== null && (
        <p>{`Probability that the name is wrong: ${percent(card.suspicion)}`}</p>
      )}
    </div>
  );
}

const whom = (name: string): string => (name === "model" ? "the model" : "what looks like it");

interface AlikesProps {
  session: Session;
  server: Server;
  card: Card;
}

/** Boxes that look like a label: of its own name, and of the suggested one. */
function Alikes({ session, server, card }: AlikesProps) {
  const [found, setFound] = useState<{ id: string; rows: [string, Card[]][]; missing: string }>();
  const { set, place } = session;

  useEffect(() => {
    let isWanted = true;
    const names = [card.label, card.suggestion].filter((name): name is string => Boolean(name));
    const timer = setTimeout(() => {
      if (!set || !names.length) return;
      server.loadAlikes(set.key, place, names).then(
        ({ alikes, missing }) => {
          if (isWanted) setFound({ id: card.id, rows: Object.entries(alikes), missing });
        },
        (error: unknown) => {
          if (isWanted) setFound({ id: card.id, rows: [], missing: String(error) });
        },
      );
    }, PAUSE);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
    // Not its name: what a person has just said of it changes nothing of how it looks.
  }, [card.id]);

  if (found?.id !== card.id) return <div className="fnr-alikes" />;
  return (
    <div className="fnr-alikes" data-testid="review-alikes">
      {found.missing && <p className="fnr-note">{found.missing}</p>}
      {found.rows.map(([name, cards]) => (
        <div key={name}>
          <p>{cards.length ? `Looks like these ${name}:` : `Nothing near it is called ${name}`}</p>
          {cards.map((one) => (
            <Crop key={one.id} card={one} width={96} height={96} around={0.15} />
          ))}
        </div>
      ))}
    </div>
  );
}
