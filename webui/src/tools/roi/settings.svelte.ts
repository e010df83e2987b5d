// How the pens are set; remembered in this browser, nothing of it concerns data.
import type { Overlap } from "./stroke";

export type PenKind = "pen" | "threshold" | "magic" | "connected" | "grow" | "polygon";
export type ThresholdMode = "plain" | "grow";

const defaults = {
  pen: "pen" as PenKind,
  shape: "sphere" as "sphere" | "cylinder",
  direction: 0 as -1 | 0 | 1,
  sizeXY: 20,
  sizeZ: 3,
  unitsMm: false,
  thresholdMode: "plain" as ThresholdMode,
  /** "off", "climL", "climR" or a number in display units. */
  thresholdLow: "climL",
  thresholdHigh: "off",
  smartSize: false,
  singleZErase: false,
  smartErase: false,
  preview: true,
  mode4d: false,
  overlap: "overlap" as Overlap,
  opacity: 0.4,
  outline: true,
  saltVoxels: 100,
  steps: 1,
  smoothMm: 2,
  /** Statistics: leave values of 0 out; count as NORA does; further percentiles. */
  statZeros: false,
  statNora: false,
  statPercentiles: "5, 95",
};

export type RoiSettings = typeof defaults;

const STORE = "nora.roi";

function load(): RoiSettings {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(STORE) ?? "{}") as object) };
  } catch {
    return { ...defaults };
  }
}

export const settings: RoiSettings = $state(load());

export function setRoi<K extends keyof RoiSettings>(name: K, value: RoiSettings[K]): void {
  settings[name] = value;
  try {
    localStorage.setItem(STORE, JSON.stringify(settings));
  } catch {
    // private mode or storage full: the value holds for this page
  }
}

/** A threshold as a number: the display limits at the time of the stroke, or what was typed. */
export function thresholdValue(
  text: string,
  limits: { low: number; high: number },
): number | null | undefined {
  const word = text.trim().toLowerCase();
  if (word === "" || word === "off") return null;
  if (word === "climl") return limits.low;
  if (word === "climr") return limits.high;
  const number = Number(word.replace(",", "."));
  return Number.isFinite(number) ? number : undefined;
}
