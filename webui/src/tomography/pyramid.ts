// What Neuroglancer is told of a pyramid of ours, and the part of the address that keeps its state.

export interface PyramidScale {
  key: string;
  size: [number, number, number];
  resolution: [number, number, number];
}

export interface PyramidInfo {
  data_type: string;
  scales: PyramidScale[];
  nora?: {
    value_offset?: number;
    stored_as?: string;
    pixel_size_known?: boolean;
    contrast?: { shaderParameters?: { range?: number[]; window?: number[] } };
  };
}

type Json = Record<string, unknown>;

const SHADER = `#uicontrol invlerp contrast
void main() {
  emitGrayscale(contrast());
}
`;
/** Stands for this service in an address, so that it opens wherever the service is reached. */
const HERE = "nora://";
const METRES = 1e-9;
const FULL: Record<string, [number, number]> = { uint8: [0, 255], uint16: [0, 65535] };

/** Two numbers that differ, or nothing. */
function pair(numbers: number[] | undefined): [number, number] | null {
  const [low, high] = numbers ?? [];
  return low !== undefined && high !== undefined && high > low ? [low, high] : null;
}

/** Black and white, and what the histogram shows, from the file of the pyramid. */
export function contrastOf(info: PyramidInfo): Json | null {
  const told = info.nora?.contrast?.shaderParameters;
  const range = pair(told?.range) ?? pair(told?.window) ?? FULL[info.data_type] ?? null;
  return range && { range, window: pair(told?.window) ?? range };
}

/** How a pyramid is shown at first: three cuts through its middle and the view in space. */
export function firstState(info: PyramidInfo, base: string, name: string): Json {
  const finest = info.scales[0];
  if (!finest) throw new Error(`${name} has no scales`);
  const [x, y, z] = finest.resolution;
  const contrast = contrastOf(info);
  const across = Math.max(...finest.size);
  return {
    dimensions: { x: [x * METRES, "m"], y: [y * METRES, "m"], z: [z * METRES, "m"] },
    position: finest.size.map((n) => n / 2),
    crossSectionScale: Math.max(0.25, across / 450),
    projectionScale: across * 1.6,
    layers: [
      {
        type: "image",
        name,
        tab: "rendering",
        source: `precomputed://${base}`,
        shader: SHADER,
        ...(contrast ? { shaderControls: { contrast } } : {}),
      },
    ],
    crossSectionBackgroundColor: "#000000",
    selectedLayer: { visible: true, layer: name, size: 340 },
    layout: "4panel",
  };
}

/** The state as a part of the address; the service is named by a word of its own. */
export function stateToHash(state: unknown, origin: string): string {
  const text = JSON.stringify(state).replaceAll(`${origin}/`, HERE);
  return "#!" + encodeURI(text).replace(/[!'()*;,#]/g, (c) => "%" + c.charCodeAt(0).toString(16));
}

/** The state out of an address; null if there is none that can be read. */
export function hashToState(hash: string, origin: string): Json | null {
  if (!hash.startsWith("#!")) return null;
  try {
    const state: unknown = JSON.parse(
      decodeURIComponent(hash.slice(2)).replaceAll(HERE, `${origin}/`),
    );
    return typeof state === "object" && state !== null && !Array.isArray(state)
      ? (state as Json)
      : null;
  } catch {
    return null;
  }
}

/** What the values on the screen have more than those of the file; 0 for most. */
export const shiftOf = (info: PyramidInfo): number => info.nora?.value_offset ?? 0;

/** The name of what a pyramid or a slide shows: that of its folder. */
export function pyramidName(path: string): string {
  const folder = path.split("/").at(-1) ?? path;
  return folder.replace(/^neuro-/, "").replace(/(\.ome)?\.zarr$/, "") || folder;
}
