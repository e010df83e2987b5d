// Figures of a report as people read them.
import { short } from "../metadata/plot";
import type { Report } from "./series";
import { series as text } from "./strings";

/** A length in pixels and, where the pixel is known, in nm. */
export function px(value: number | null, nm: number | null): string {
  if (value === null) return "–";
  return nm === null ? `${value.toFixed(2)} px` : `${value.toFixed(2)} px · ${short(nm, 3)} nm`;
}

const METHODS: Record<string, string> = {
  patches: text.patches,
  coarse: text.coarse,
  earlier: text.earlier,
};

/** What was followed from tilt to tilt. */
export function pointsText(report: Report): string {
  if (report.method === "beads") return text.beads.replace("{n}", String(report.nBeads));
  return METHODS[report.method] ?? (report.engine === "imod" ? text.imod : report.method || "–");
}
