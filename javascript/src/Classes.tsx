import React, { type RefObject, useState } from "react";
import { type Action, search } from "./model";
import { Button } from "./parts";
import type { Session } from "./session";

interface ClassesProps {
  session: Session;
  field: RefObject<HTMLInputElement>;
  onHover: (action: Action | null) => void;
  onLeave: () => void;
}

/** The names that a label can get: the suggestion, those used last, and all others by search. */
export function Classes({ session, field, onHover, onLeave }: ClassesProps) {
  const [text, setText] = useState("");
  const found = search(session.names, text);
  const suggestion = session.asGrid ? "each its suggestion" : session.current?.suggestion;
  const give = (label: string): void => {
    session.act({ verdict: "relabel", label });
    setText("");
    onLeave();
  };
  const hover = (action: Action) => (is: boolean) => onHover(is ? action : null);
  const accept: Action = { verdict: "accept_suggestion", label: "" };
  return (
    <div className="fnr-classes" role="group" aria-label="Names">
      {suggestion && (
        <Button isMain hint="Enter" onClick={() => session.act(accept)} onHover={hover(accept)}>
          {suggestion}
        </Button>
      )}
      {session.slots.names.map((label, slot) => (
        <Button
          key={label}
          hint={String(slot + 1)}
          onClick={() => give(label)}
          onHover={hover({ verdict: "relabel", label })}
        >
          {label}
        </Button>
      ))}
      <span className="fnr-search">
        <input
          ref={field}
          value={text}
          placeholder="another name ( / )"
          aria-label="Search a name"
          spellCheck={false}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            event.stopPropagation();
            const [best] = found.names;
            if (event.key === "Escape") {
              setText("");
              onLeave();
            } else if (event.key === "Enter" && best !== undefined && !found.nearest) {
              give(best);
            }
          }}
        />
        {text.trim() && (
          <span className="fnr-found" role="listbox">
            {found.nearest && (
              <i>{found.names.length ? "No such name. Did you mean" : "No name is like this"}</i>
            )}
            {found.names.map((label) => (
              <Button key={label} onClick={() => give(label)} onHover={hover({ verdict: "relabel", label })}>
                {label}
              </Button>
            ))}
            {!found.names.length && (
              <i>A name that is new is given by the operator "FathomNet: relabel boxes"</i>
            )}
          </span>
        )}
      </span>
    </div>
  );
}
