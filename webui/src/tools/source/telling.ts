// The facts of a source as lines, for the panel and for copying.
import type { Schema } from "../../core/types";
import { text } from "./strings";

export type Source = Schema["VoxelSource"];

export interface Fact {
  label: string;
  value: string;
  note?: string;
}

const number = (value: number): string => String(Number(value.toPrecision(10)));

/** "1024 × 1 − 1024 = 0"; without a scale just the number. */
export function rescaling({ raw, slope, intercept, rescaled }: Source): string {
  if (raw == null || rescaled == null) return "–";
  if ((slope ?? 1) === 1 && (intercept ?? 0) === 0) return number(rescaled);
  const shift = intercept ?? 0;
  const sum = `${shift < 0 ? "−" : "+"} ${number(Math.abs(shift))}`;
  return `${number(raw)} × ${number(slope ?? 1)} ${sum} = ${number(rescaled)}`;
}

/** What is known of a voxel's source, most wanted first. */
export function factsOf(source: Source): Fact[] {
  const facts: Fact[] = [];
  const add = (label: string, value: string | number | null | undefined, note?: string): void => {
    if (value !== null && value !== undefined && value !== "")
      facts.push({ label, value: String(value), ...(note ? { note } : {}) });
  };
  if (source.raw != null) {
    add(text.stored, number(source.raw));
    add(text.rescaled, rescaling(source));
  }
  add(text.instance, source.instance_number);
  if (source.frame != null) add(text.frame, source.frame + 1, text.ofOne);
  add(text.row, source.row, text.fromZero);
  add(text.column, source.column, text.fromZero);
  add(text.object, source.sop_uid);
  add(text.series, source.series_uid);
  return facts;
}
