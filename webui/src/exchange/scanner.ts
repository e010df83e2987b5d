// Sessions and their figures, as the page works with them.
import { t } from "../core/strings";
import type { Schema } from "../core/types";

export type SessionRow = Schema["SessionRow"];
export type SessionSeries = Schema["SessionSeries"];
export type PhantomRow = Schema["PhantomRow"];
export type Protocol = Schema["ProtocolFacts"];
export type ProtocolSeries = Required<Schema["ProtocolSeries"]>;

export const HOURS = [2, 12, 24, 72, 168] as const;

/** The figures that a row shows, in this order; what an image lacks is left out. */
const SHOWN = ["tsnr", "snr", "snr_air", "fd_mean_mm", "fd_max_mm", "gsr", "sfnr", "drift_pct"];
/** Those of a phantom, each with a curve of its own. */
export const TRENDS = ["sfnr", "phantom_snr", "fluctuation_pct", "drift_pct", "rdc", "mean_signal"];
/** Above these somebody should look; research defaults, not limits of any standard. */
const LOOK: Record<string, number> = { fd_mean_mm: 0.5, fd_max_mm: 3, gsr: 0.1, drift_pct: 2 };

export interface Figure {
  name: string;
  text: string;
  look: boolean;
}

/** Three significant digits, as figures of this kind are read. */
export function figureText(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, Math.min(3, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
}

export const figures = (series: SessionSeries): Figure[] =>
  SHOWN.flatMap((name) => {
    const value = series.figures[name];
    return value === undefined
      ? []
      : [{ name, text: figureText(value), look: value > (LOOK[name] ?? Infinity) }];
  });

/** What differs from the protocol, a line each. */
export const deviations = (series: SessionSeries): string[] =>
  series.deviations.map((one) =>
    t(one.found ? "scanner_deviates" : "scanner_lacks", {
      field: one.field,
      found: one.found,
      wanted: one.wanted,
    }),
  );

const TONES: Record<string, string> = {
  ok: "ok",
  deviates: "warn",
  missing: "warn",
  catalogued: "ok",
  quarantined: "bad",
  waiting: "warn",
  unchecked: "quiet",
};
export const toneOf = (state: string): string => TONES[state] ?? "busy";

/** Points of a curve in a box of a width and a height; the last value is at its right end. */
export function curve(values: readonly number[], width: number, height: number): string {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const span = high - low || 1;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values
    .map((value, i) => {
      const x = values.length > 1 ? i * step : width;
      const y = high === low ? height / 2 : height - ((value - low) / span) * height;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    })
    .join(" ");
}
