// Texts about values that have parts.
import type { ComplexPart } from "./complex";

export const parts: Record<ComplexPart, string> = {
  magnitude: "Magnitude",
  phase: "Phase (rad)",
  real: "Real part",
  imaginary: "Imaginary part",
};
export const shownPart = "Values";
