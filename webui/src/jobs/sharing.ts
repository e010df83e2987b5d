// A batch as a file that another project or machine can read.
import type { BatchDoc } from "../core/types-jobs";

const FORMAT = "nora-batch/1";

export const fileName = (name: string): string =>
  `${name.trim().replaceAll(/[^\w.-]+/g, "_") || "batch"}.batch.json`;

export function exported(name: string, doc: Partial<BatchDoc>): Blob {
  const text = JSON.stringify({ format: FORMAT, name, ...doc }, null, 2);
  return new Blob([`${text}\n`], { type: "application/json" });
}
