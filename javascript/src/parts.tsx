import React, { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import { type Card, type Letter, STATE_WORDS, regionOf } from "./model";
import { load, loaded } from "./pictures";

interface CropProps {
  card: Card;
  width: number;
  height: number;
  /** Surroundings on each side, as a share of the box's longer side; null for the whole image. */
  around: number | null;
  isOutlined?: boolean;
  isFirst?: boolean;
}

/** A label's box in its image, drawn from the image itself. */
export function Crop({ card, width, height, around, isOutlined, isFirst }: CropProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [failed, setFailed] = useState(false);

  useLayoutEffect(() => {
    let isWanted = true;
    setFailed(false);
    const draw = (image: HTMLImageElement): void => {
      const { current } = canvas;
      if (!isWanted || !current) return;
      paint(current, image, card, around, isOutlined ?? false);
      current.dataset.painted = card.id;
    };
    const there = loaded(card.media);
    if (there) {
      draw(there);
    } else {
      const { current } = canvas;
      current?.getContext("2d")?.clearRect(0, 0, current.width, current.height);
      if (current) current.dataset.painted = "";
      load(card.media, isFirst).then(draw, () => {
        if (isWanted) setFailed(true);
      });
    }
    return () => {
      isWanted = false;
    };
  }, [card.id, card.media, width, height, around]);

  return (
    <span className="fnr-crop" style={{ width, height }}>
      <canvas ref={canvas} width={width} height={height} />
      {failed && <span className="fnr-failed">The image cannot be loaded</span>}
    </span>
  );
}

function paint(
  canvas: HTMLCanvasElement,
  image: HTMLImageElement,
  card: Card,
  around: number | null,
  isOutlined: boolean,
): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const [wide, high] = [image.naturalWidth, image.naturalHeight];
  const region =
    around === null
      ? regionOf([0, 0, 1, 1], wide, high, width / height, 0)
      : regionOf(card.box, wide, high, width / height, around);
  const scale = width / region.width;
  context.clearRect(0, 0, width, height);
  // Where the region reaches beyond the image, nothing is drawn there.
  context.drawImage(image, -region.x * scale, -region.y * scale, wide * scale, high * scale);
  if (!isOutlined) return;
  const [left, top, boxWide, boxHigh] = card.box;
  const place = [
    (left * wide - region.x) * scale,
    (top * high - region.y) * scale,
    boxWide * wide * scale,
    boxHigh * high * scale,
  ] as const;
  for (const [colour, line] of [["#000a", 4], ["#fff", 1.5]] as const) {
    context.strokeStyle = colour;
    context.lineWidth = line;
    context.strokeRect(...place);
  }
}

interface ButtonProps {
  children: ReactNode;
  onClick: () => void;
  hint?: string;
  title?: string;
  isMain?: boolean;
  isDisabled?: boolean;
  onHover?: (is: boolean) => void;
}

/** A button with its key; it leaves the focus where it is, so that keys still act. */
export function Button(props: ButtonProps) {
  const { children, onClick, hint, title, isMain, isDisabled, onHover } = props;
  return (
    <button
      type="button"
      className={isMain ? "fnr-button fnr-main" : "fnr-button"}
      disabled={isDisabled ?? false}
      title={title}
      onClick={onClick}
      onMouseEnter={() => onHover?.(true)}
      onMouseLeave={() => onHover?.(false)}
    >
      {children}
      {hint && <kbd>{hint}</kbd>}
    </button>
  );
}

/** What somebody has said of a label; nothing where nobody has. */
export function StateBadge({ card }: { card: Card }) {
  if (card.state === "-") return <span className="fnr-badge fnr-state--">unreviewed</span>;
  const by = card.by ? ` by ${card.by}` : "";
  const at = card.at ? `, ${card.at} UTC` : "";
  return (
    <span className={`fnr-badge ${stateClass(card.state)}`}>
      {`${STATE_WORDS[card.state]}${by}${at}`}
    </span>
  );
}

export function stateClass(state: Letter): string {
  return `fnr-state-${state.trim() || "gone"}`;
}

/** The width of an element, followed as its panel is resized. */
export function useWidth(): [React.RefObject<HTMLDivElement>, number] {
  const element = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const { current } = element;
    if (!current) return undefined;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.floor(entry.contentRect.width));
    });
    observer.observe(current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

export function percent(share: number | null): string {
  if (share === null) return "";
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(100 * share)} %`;
}
