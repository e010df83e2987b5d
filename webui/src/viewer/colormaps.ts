// Colour tables: 256 RGBA entries from a few control points; label and layer colours.

export type Rgb = readonly [number, number, number];
type Stop = readonly [at: number, r: number, g: number, b: number];

const STOPS: Record<string, readonly Stop[]> = {
  gray: [
    [0, 0, 0, 0],
    [1, 255, 255, 255],
  ],
  inverse: [
    [0, 255, 255, 255],
    [1, 0, 0, 0],
  ],
  hot: [
    [0, 0, 0, 0],
    [0.37, 255, 0, 0],
    [0.74, 255, 255, 0],
    [1, 255, 255, 255],
  ],
  jet: [
    [0, 0, 0, 131],
    [0.125, 0, 0, 255],
    [0.375, 0, 255, 255],
    [0.625, 255, 255, 0],
    [0.875, 255, 0, 0],
    [1, 128, 0, 0],
  ],
  cold: [
    [0, 0, 0, 0],
    [0.37, 0, 0, 255],
    [0.74, 0, 255, 255],
    [1, 255, 255, 255],
  ],
  rsp: [
    [0, 255, 0, 0],
    [0.2, 255, 165, 0],
    [0.4, 255, 255, 0],
    [0.6, 0, 200, 0],
    [0.8, 0, 90, 255],
    [1, 128, 0, 200],
  ],
  btr: [
    [0, 20, 60, 255],
    [0.5, 245, 245, 245],
    [1, 255, 30, 20],
  ],
  syngo1: [
    [0, 0, 0, 0],
    [0.25, 120, 0, 140],
    [0.5, 230, 40, 40],
    [0.75, 255, 190, 0],
    [1, 255, 255, 255],
  ],
  syngo2: [
    [0, 0, 0, 0],
    [0.25, 0, 40, 170],
    [0.5, 0, 170, 150],
    [0.75, 200, 220, 40],
    [1, 255, 60, 30],
  ],
  warm: [
    [0, 180, 20, 0],
    [1, 255, 235, 60],
  ],
  cool: [
    [0, 0, 40, 200],
    [1, 90, 240, 255],
  ],
  green: [
    [0, 0, 0, 0],
    [1, 60, 255, 90],
  ],
  magenta: [
    [0, 0, 0, 0],
    [1, 255, 60, 255],
  ],
  bone: [
    [0, 0, 0, 0],
    [0.375, 84, 84, 116],
    [0.75, 169, 200, 200],
    [1, 255, 255, 255],
  ],
  inferno: [
    [0, 0, 0, 4],
    [0.25, 87, 16, 110],
    [0.5, 188, 55, 84],
    [0.75, 249, 142, 9],
    [1, 252, 255, 164],
  ],
  turbo: [
    [0, 48, 18, 59],
    [0.25, 40, 187, 236],
    [0.5, 162, 252, 60],
    [0.75, 251, 128, 34],
    [1, 122, 4, 3],
  ],
  viridis: [
    [0, 68, 1, 84],
    [0.25, 59, 82, 139],
    [0.5, 33, 145, 140],
    [0.75, 94, 201, 98],
    [1, 253, 231, 37],
  ],
};

/** Maps whose colour is the layer's own; the last two show only what is beyond a limit. */
const OWN_COLOUR = ["unicolor", "above limit", "below limit"] as const;
export const COLORMAPS: readonly string[] = [...Object.keys(STOPS), ...OWN_COLOUR];

/** Colours of ROIs, markers and fibers, in NORA's order. */
export const PALETTE: readonly Rgb[] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 0, 255],
  [0, 255, 255],
  [255, 255, 0],
  [255, 128, 0],
  [255, 0, 128],
  [128, 255, 128],
  [0, 128, 255],
  [128, 128, 128],
  [185, 170, 155],
];

/** First colours of masks: easier on grey images than pure primaries. */
export const MASK_COLOURS: readonly Rgb[] = [
  [165, 120, 255],
  [77, 196, 178],
  [240, 140, 70],
  [240, 110, 160],
  [240, 205, 70],
  [90, 160, 255],
];

function interpolate(stops: readonly Stop[], x: number): Rgb {
  const i = Math.max(
    1,
    stops.findIndex(([at]) => at >= x),
  );
  const [a0, ...c0] = stops[i - 1]!;
  const [a1, ...c1] = stops[i]!;
  const t = (x - a0) / (a1 - a0);
  return c0.map((v, k) => Math.round(v + (c1[k]! - v) * t)) as unknown as Rgb;
}

function ownColour(name: string, colour: Rgb, i: number): readonly number[] {
  if (name === "unicolor") return [...colour, i];
  const shown = name === "above limit" ? i === 255 : i === 0;
  return [...colour, shown ? 255 : 0];
}

/** Dark ends of a map become clear instead: what lies below shines through. */
function faded(colour: Rgb): readonly number[] {
  const most = Math.max(...colour);
  if (most === 0) return [0, 0, 0, 0];
  return [...colour.map((v) => Math.round((v * 255) / most)), most];
}

/** Colours of the negative side of a symmetric map. */
const OTHER_SIGN: Record<string, string> = {
  cold: "hot",
  unicolor: "unicolor",
  "above limit": "above limit",
  "below limit": "below limit",
  green: "magenta",
  magenta: "green",
  warm: "cool",
  cool: "warm",
};

const opposite = (colour: Rgb): Rgb => colour.map((v) => 255 - v) as unknown as Rgb;

/** RGBA bytes of a named colour table; unknown names give gray. `fade` is for overlays. */
export function colourTable(
  name: string,
  colour: Rgb,
  fade = false,
  symmetric = false,
): Uint8Array {
  if (symmetric) {
    const both = new Uint8Array(2048);
    both.set(colourTable(name, colour, fade));
    both.set(colourTable(OTHER_SIGN[name] ?? "cold", opposite(colour), fade), 1024);
    return both;
  }
  const out = new Uint8Array(1024);
  const stops = STOPS[name] ?? STOPS.gray!;
  const own = (OWN_COLOUR as readonly string[]).includes(name);
  const black = fade && stops[0]!.slice(1).every((v) => v === 0);
  for (let i = 0; i < 256; i++) {
    const plain = interpolate(stops, i / 255);
    const entry = own ? ownColour(name, colour, i) : black ? faded(plain) : [...plain, 255];
    out.set(entry, 4 * i);
  }
  return out;
}

/** Colour of a label: the layer's own for 1, then well separated hues. */
export function labelColour(label: number, first: Rgb): Rgb {
  if (label <= 1) return first;
  const hue = (label * 0.618034) % 1;
  const light = 0.55 + 0.12 * ((label % 3) - 1);
  return hslToRgb(hue, 0.7, light);
}

function hslToRgb(h: number, s: number, l: number): Rgb {
  const channel = (n: number): number => {
    const k = (n + h * 12) % 12;
    return Math.round(255 * (l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Table of label colours: entry 0 is clear, labels beyond 255 start again at 1. */
export function labelTable(colour: Rgb, single: boolean): Uint8Array {
  const out = new Uint8Array(1024);
  for (let i = 1; i < 256; i++)
    out.set([...(single ? colour : labelColour(i, colour)), 255], 4 * i);
  return out;
}

/** CSS gradient that shows a colour table. */
export function gradient(name: string, colour: Rgb): string {
  const stops = STOPS[name];
  if (!stops) return `linear-gradient(90deg, #000, rgb(${colour.join(" ")}))`;
  const parts = stops.map(([at, r, g, b]) => `rgb(${r} ${g} ${b}) ${(at * 100).toFixed(0)}%`);
  return `linear-gradient(90deg, ${parts.join(", ")})`;
}
