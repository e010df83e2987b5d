// Settings of the viewer: what they are, their defaults, and reading them back from anywhere.
import type { Vec3 } from "./linalg";
import type { OwnWindow } from "./windowing";

export interface Settings {
  /** What is there at the start: nothing, or what was open last. */
  startup: "empty" | "last";
  /** Layout the viewer starts with. */
  startLayout: string;
  /** Window of new images: from zero or between quantiles. */
  fromZero: boolean;
  /** Millimetres a viewport shows at first; 0: the whole image. */
  fieldMm: number;
  mapping: string;
  planes: "image" | "world";
  worldVoxelMm: Vec3;
  preferQform: boolean;
  maxImageMb: number;
  roiOpacity: number;
  outlineRoi: boolean;
  outlineOverlay: boolean;
  overlayOpacity: number;
  quality3d: number;
  background3d: string;
  keys: "classic" | "2026";
  /** Windows on the keys 7 and 8. */
  windows: readonly OwnWindow[];
}

/** NORA's, where NORA has one. */
export const DEFAULTS: Settings = {
  startup: "empty",
  startLayout: "2x2",
  fromZero: true,
  fieldMm: 0,
  mapping: "human",
  planes: "image",
  worldVoxelMm: [1.5, 1.5, 1.5],
  preferQform: false,
  maxImageMb: 4000,
  roiOpacity: 0.5,
  outlineRoi: true,
  outlineOverlay: false,
  overlayOpacity: 0.7,
  quality3d: 7,
  background3d: "#111111",
  keys: "classic",
  windows: [
    { name: "CT stroke", center: 40, width: 40 },
    { name: "CT vessels", center: 300, width: 600 },
  ],
};

const LIMITS: Partial<Record<keyof Settings, readonly [number, number]>> = {
  fieldMm: [0, 2000],
  maxImageMb: [1, 64000],
  roiOpacity: [0, 1],
  overlayOpacity: [0, 1],
  quality3d: [1, 10],
};

function numberOr(name: keyof Settings, value: unknown, usual: number): number {
  const [low, high] = LIMITS[name] ?? [-Infinity, Infinity];
  const number = Number(value);
  return Number.isFinite(number) ? Math.min(high, Math.max(low, number)) : usual;
}

function voxelOr(value: unknown, usual: Vec3): Vec3 {
  const good = Array.isArray(value) && value.length === 3 && value.every((v) => Number(v) > 0.01);
  return good ? (value.map(Number) as unknown as Vec3) : usual;
}

const NAME_LENGTH = 24;

/** One's own windows: each odd value gives the usual one. */
function windowsOr(given: unknown): OwnWindow[] {
  const all = (Array.isArray(given) ? given : []) as (Partial<OwnWindow> | null)[];
  return DEFAULTS.windows.map((usual, i) => {
    const { name, center, width } = all[i] ?? {};
    const known = typeof name === "string" && name.trim() !== "";
    return {
      name: known ? name.trim().slice(0, NAME_LENGTH) : usual.name,
      center: typeof center === "number" && Number.isFinite(center) ? center : usual.center,
      width: typeof width === "number" && width > 0 && width < Infinity ? width : usual.width,
    };
  });
}

/** Settings from JSON of any origin: unknown or odd values give the default. */
export function readSettings(given: unknown): Settings {
  const from = (typeof given === "object" && given !== null ? given : {}) as Record<
    string,
    unknown
  >;
  const out: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, usual] of Object.entries(DEFAULTS) as [keyof Settings, unknown][]) {
    const value = from[name];
    if (value === undefined) continue;
    if (name === "windows") out[name] = windowsOr(value);
    else if (typeof usual === "number") out[name] = numberOr(name, value, usual);
    else if (Array.isArray(usual)) out[name] = voxelOr(value, usual as unknown as Vec3);
    else if (typeof value === typeof usual) out[name] = value;
  }
  const settings = out as unknown as Settings;
  if (!/^#[0-9a-f]{6}$/i.test(settings.background3d)) settings.background3d = DEFAULTS.background3d;
  if (!["empty", "last"].includes(settings.startup)) settings.startup = DEFAULTS.startup;
  if (!["classic", "2026"].includes(settings.keys)) settings.keys = DEFAULTS.keys;
  if (!["image", "world"].includes(settings.planes)) settings.planes = DEFAULTS.planes;
  return settings;
}
