/** Images that are drawn or will be: each is loaded once, and the last few are kept. */
import { app } from "./fiftyone";

/** Whole images in memory; a photograph of a dive takes eight megabytes. */
const KEPT = 24;
/** Images that are loaded at once: more would only stand in each other's way. */
const AT_ONCE = 6;

const images = new Map<string, Promise<HTMLImageElement>>();
const ready = new Map<string, HTMLImageElement>();
const turns: (() => void)[] = [];
let busy = 0;

/** An image that can be drawn at this moment; undefined where it has to be loaded first. */
export function loaded(media: string): HTMLImageElement | undefined {
  return ready.get(media);
}

/** Loads an image; `first` before all that wait. Rejects where it cannot be loaded. */
export function load(media: string, first = false): Promise<HTMLImageElement> {
  const known = images.get(media);
  if (known) {
    images.delete(media);
    images.set(media, known);
    return known;
  }
  const loading = turn(first).then(async () => {
    const image = new Image();
    image.src = app.__fos__.getSampleSrc(media);
    try {
      await image.decode();
    } finally {
      busy -= 1;
      turns.shift()?.();
    }
    if (images.has(media)) ready.set(media, image);
    return image;
  });
  images.set(media, loading);
  loading.catch(() => images.delete(media));
  for (const old of images.keys()) {
    if (images.size <= KEPT) break;
    images.delete(old);
    ready.delete(old);
  }
  return loading;
}

function turn(first: boolean): Promise<void> {
  return new Promise((done) => {
    const begin = (): void => {
      busy += 1;
      done();
    };
    if (busy < AT_ONCE) begin();
    else if (first) turns.unshift(begin);
    else turns.push(begin);
  });
}
