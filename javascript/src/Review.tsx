import React, { type KeyboardEvent, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { Classes } from "./Classes";
import { Grid } from "./Grid";
import { One } from "./One";
import { listen, takeWaiting } from "./doors";
import { app } from "./fiftyone";
import { type Action, type Letter, type Progress, STATE_WORDS, type Verdict, countStates, counted } from "./model";
import { Button, stateClass } from "./parts";
import { Server } from "./server";
import { type Memory, Session } from "./session";

interface ReviewProps {
  schema: { view: { panel: string; dataset: string } };
}

/** What FiftyOne draws in place of the panel's one property. */
export function Review({ schema }: ReviewProps) {
  const { panel, dataset } = schema.view;
  const panelId = app.__fosp__.usePanelId();
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const server = useMemo(() => new Server(panel, dataset, panelId), [panel, dataset, panelId]);
  const session = useMemo(() => new Session(server, memoryOf(dataset), redraw), [server]);

  useEffect(() => {
    void session.open(takeWaiting());
    const deaf = listen({
      show: (key) => void session.open(key),
      offer: (words) => {
        if (session.set) session.offer(words);
        else openFrom(session, server.openSeen());
      },
    });
    const warn = (event: BeforeUnloadEvent): void => {
      if (session.waiting) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => {
      deaf();
      window.removeEventListener("beforeunload", warn);
      void session.settled().then(() => {
        if (session.isGridOld) server.refreshGrid();
      });
    };
  }, [session]);

  return <Frame session={session} server={server} />;
}

const VERDICTS: [Verdict, string, string][] = [
  ["confirm", "V", "It is right"],
  ["reject", "R", "It is wrong"],
  ["unsure", "U", "I cannot tell"],
];

function Frame({ session, server }: { session: Session; server: Server }) {
  const root = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLInputElement>(null);
  const [isWhole, setWhole] = useState(false);
  const [isHelp, setHelp] = useState(false);
  const [isProgress, setProgress] = useState(false);
  const [hovered, setHovered] = useState<Action | null>(null);
  const focus = (): void => root.current?.focus({ preventScroll: true });

  useEffect(() => {
    if (session.set) focus();
  }, [session.set?.key]);
  useEffect(() => setWhole(false), [session.place]);

  const keys: Record<string, () => void> = {
    Enter: () => session.act({ verdict: "accept_suggestion", label: "" }),
    v: () => session.act({ verdict: "confirm", label: "" }),
    r: () => session.act({ verdict: "reject", label: "" }),
    u: () => session.act({ verdict: "unsure", label: "" }),
    x: () => session.mark(session.place),
    a: () => session.confirmRest(),
    z: () => session.undo(),
    n: () => session.go(1),
    p: () => session.go(-1),
    ArrowRight: () => session.go(1),
    ArrowLeft: () => session.go(-1),
    g: () => session.showGrid(!session.asGrid),
    w: () => setWhole(!isWhole),
    ".": () => session.repeat(),
    "/": () => field.current?.focus(),
    "?": () => setHelp(!isHelp),
    Escape: () => {
      setHelp(false);
      setProgress(false);
    },
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !session.set) return;
    const { target } = event;
    if (target instanceof HTMLInputElement && target.type !== "radio" && target.type !== "checkbox") return;
    if (target instanceof HTMLButtonElement && (event.key === "Enter" || event.key === " ")) return;
    const name = session.slots.names[Number(event.key) - 1];
    const act =
      name !== undefined
        ? () => session.act({ verdict: "relabel", label: name })
        : keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    // The App has keys of its own, which would act too.
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  return (
    <div
      ref={root}
      className="fnr"
      data-testid="review-panel"
      tabIndex={0}
      onKeyDown={onKey}
      onMouseDown={(event) => {
        if (event.target instanceof HTMLInputElement) return;
        // A button does not take the focus from the keys.
        event.preventDefault();
        focus();
      }}
    >
      {session.set ? (
        <>
          <Head
            session={session}
            onHelp={() => setHelp(!isHelp)}
            onProgress={() => setProgress(!isProgress)}
          />
          {isHelp && <Help onClose={() => setHelp(false)} />}
          {isProgress && (
            <ProgressList session={session} server={server} onClose={() => setProgress(false)} />
          )}
          <div className="fnr-verdicts" role="group" aria-label="Verdicts">
            {VERDICTS.map(([verdict, hint, words]) => (
              <Button
                key={verdict}
                hint={hint}
                onClick={() => session.act({ verdict, label: "" })}
                onHover={(is) => setHovered(is ? { verdict, label: "" } : null)}
              >
                {session.asGrid ? words.replace("It is", "They are") : words}
              </Button>
            ))}
            {session.asGrid && (
              <Button hint="A" onClick={() => session.confirmRest()}>
                Confirm the rest
              </Button>
            )}
            <Button hint="Z" isDisabled={!session.canUndo} onClick={() => session.undo()}>
              Undo
            </Button>
            <Button hint="." isDisabled={!session.last} onClick={() => session.repeat()}>
              Again
            </Button>
          </div>
          <Classes session={session} field={field} onHover={setHovered} onLeave={focus} />
          {session.offered && (
            <p className="fnr-message" data-testid="review-offer">
              <Button isMain onClick={() => openFrom(session, server.openSeen())}>
                {`Open ${session.offered}`}
              </Button>
            </p>
          )}
          <Said session={session} />
          {!session.order.length && <p className="fnr-note">Nothing is left in this set.</p>}
          {session.asGrid ? (
            <Grid session={session} hovered={hovered} />
          ) : (
            <One
              session={session}
              server={server}
              isWhole={isWhole}
              onWhole={() => setWhole(!isWhole)}
            />
          )}
        </>
      ) : (
        <Start session={session} server={server} />
      )}
    </div>
  );
}

function openFrom(session: Session, asked: Promise<string>): void {
  asked.then(
    (key) => session.open(key),
    (error: unknown) => session.complain(error),
  );
}

/** What was said last, or what went wrong. */
function Said({ session }: { session: Session }) {
  const { message } = session;
  if (!message) return null;
  return (
    <p
      className={message.kind === "error" ? "fnr-message fnr-error" : "fnr-message"}
      role={message.kind === "error" ? "alert" : "status"}
      data-testid="review-message"
    >
      {message.text}
    </p>
  );
}

interface HeadProps {
  session: Session;
  onHelp: () => void;
  onProgress: () => void;
}

function Head({ session, onHelp, onProgress }: HeadProps) {
  const { set, states, order, at } = session;
  if (!set) return null;
  const counts = countStates(states);
  const all = states.length - counts[" "];
  const done = all - counts["-"];
  const letters: Letter[] = ["c", "n", "r", "u", "-"];
  return (
    <div className="fnr-head">
      <h2>
        {set.title}
        {set.origin && <small>{` from ${set.origin}`}</small>}
      </h2>
      <div className="fnr-bar" aria-hidden>
        {letters.map((one) => (
          <span
            key={one}
            className={stateClass(one)}
            style={{ width: `${all ? (100 * counts[one]) / all : 0}%` }}
          />
        ))}
      </div>
      <p data-testid="review-progress">
        {`${done.toLocaleString("en-GB")} of ${counted(all, "label")} done`}
        {letters
          .filter((one) => counts[one] > 0)
          .map((one) => (
            <span key={one} className={`fnr-badge ${stateClass(one)}`}>
              {`${counts[one].toLocaleString("en-GB")} ${STATE_WORDS[one]}`}
            </span>
          ))}
        {session.waiting > 0 && <i>{` saving ${session.waiting}…`}</i>}
      </p>
      <p className="fnr-tools">
        {order.length > 0 && !session.asGrid && (
          <span>{`${(at + 1).toLocaleString("en-GB")} of ${order.length.toLocaleString("en-GB")} shown `}</span>
        )}
        <Button hint="P" onClick={() => session.go(-1)}>
          Back
        </Button>
        <Button hint="N" onClick={() => session.go(1)}>
          Next
        </Button>
        <Button hint="G" onClick={() => session.showGrid(!session.asGrid)}>
          {session.asGrid ? "One by one" : "Grid"}
        </Button>
        <label>
          <input
            type="checkbox"
            checked={session.hideDone}
            onChange={(event) => session.showDone(!event.target.checked)}
          />
          Hide done
        </label>
        <Button onClick={() => void session.close()}>Other labels</Button>
        <Button onClick={onProgress}>Progress</Button>
        <Button hint="?" onClick={onHelp}>
          Keys
        </Button>
      </p>
    </div>
  );
}

const HELP: [string, string][] = [
  ["Enter", "it is what is suggested"],
  ["V", "the name is right"],
  ["R", "the name is wrong"],
  ["U", "nobody can tell from this image"],
  ["1 to 9", "it is the name with this number"],
  ["/", "search another name"],
  ["X", "mark it as an exception, in the grid"],
  ["A", "all that is left in the grid is right, but the marked"],
  ["Z", "take back what you said last"],
  [".", "say the same again"],
  ["N, P", "the next label, the one before"],
  ["G", "from one label to the grid, and back"],
  ["W", "the whole image, and back"],
  ["?", "this list"],
];

function Help({ onClose }: { onClose: () => void }) {
  return (
    <div className="fnr-help" role="dialog" aria-label="Keys" data-testid="review-help">
      <p>
        Look at the animal, and say whether its name is right. Each key says something and goes on to
        the next; nothing is lost, Z takes it back. The keys act while this panel has a frame: click
        into it.
      </p>
      <dl>
        {HELP.map(([key, words]) => (
          <React.Fragment key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </React.Fragment>
        ))}
      </dl>
      <Button onClick={onClose}>Close</Button>
    </div>
  );
}

interface ProgressProps {
  session: Session;
  server: Server;
  onClose: () => void;
}

/** How far the review of the whole field is, by person and concept, as it is when it is opened. */
function ProgressList({ session, server, onClose }: ProgressProps) {
  const [told, setTold] = useState<Progress>();
  const key = session.set?.key ?? "";
  useEffect(() => {
    let isWanted = true;
    const failed = (error: unknown): void => session.say(String(error), "error");
    void session.settled().then(() =>
      server.loadProgress(key).then((found) => {
        if (isWanted) setTold(found);
      }, failed),
    );
    return () => {
      isWanted = false;
    };
  }, [key]);
  return (
    <div className="fnr-help" role="dialog" aria-label="Progress" data-testid="review-overall">
      {!told && <p className="fnr-note">Counting…</p>}
      {told?.parts.map(({ title, rows }) => (
        <React.Fragment key={title}>
          <b>{title}</b>
          <dl>
            {rows.map(([name, words]) => (
              <React.Fragment key={name}>
                <dt>{name}</dt>
                <dd>{words}</dd>
              </React.Fragment>
            ))}
          </dl>
        </React.Fragment>
      ))}
      <Button onClick={onClose}>Close</Button>
    </div>
  );
}

/** What there is to open, where nothing is. */
function Start({ session, server }: { session: Session; server: Server }) {
  const open = (asked: Promise<string>): void => openFrom(session, asked);
  if (session.isLoading) return <p className="fnr-note">Loading…</p>;
  return (
    <div className="fnr-start">
      <h2>Which labels do you want to look at?</h2>
      <Said session={session} />
      <p>
        <Button isMain onClick={() => open(server.openSeen())}>
          What I see or have selected in the App
        </Button>
      </p>
      {session.choices.map(({ view }) => (
        <p key={view}>
          <Button onClick={() => open(server.openView(view))}>{view}</Button>
        </p>
      ))}
      {!session.choices.length && (
        <p className="fnr-note">
          "FathomNet: find label errors" finds labels that are probably wrong, and "FathomNet: start a
          review" makes a queue for each person; both can be opened here then.
        </p>
      )}
    </div>
  );
}

/** What this tab remembers of a dataset, also after its page was reloaded. */
function memoryOf(dataset: string): Memory {
  const key = (name: string): string => `fathomnet review ${dataset} ${name}`;
  return {
    read: (name) => {
      try {
        return JSON.parse(sessionStorage.getItem(key(name)) ?? "null") ?? undefined;
      } catch {
        return undefined;
      }
    },
    write: (name, value) => {
      try {
        sessionStorage.setItem(key(name), JSON.stringify(value));
      } catch {
        // A browser that keeps nothing, or no more: the page works, and a reload begins anew.
      }
    },
  };
}
