// Finds $f1, $o1 … in the code of a job; the same rules as the service, told at once while typing.
import type { Argument, ArgumentKind, Language } from "../core/types-jobs";

// $f1 and ${f1...} count; \$f1, $$f1 and $f12 do not.
const SHELL = /(?<![\\$\w])\$(?:\{([fopsn][1-9])(?=[^0-9A-Za-z_])|([fopsn][1-9])(?![0-9A-Za-z_]))/g;
const MATLAB = /(?<![\w.])(input|output)([1-9][0-9]?)(?!\w)/g;
const ORDER = "fopsn";

/** Argument that any script may have without naming it: more words for its command line. */
export const VARARGIN = "varargin";

const KINDS: Record<string, ArgumentKind> = {
  f: "FILE",
  o: "OUT",
  p: "PATHOUT",
  s: "STRING",
  n: "NUMERIC",
  input: "FILE",
  output: "OUT",
};

function place(id: string): [number, number] {
  const letters = id.replace(/\d+$/, "");
  const group = letters.length === 1 ? ORDER.indexOf(letters) : letters === "input" ? 0 : 1;
  return [group, Number(id.slice(letters.length))];
}

function compare(a: string, b: string): number {
  const [ga, na] = place(a);
  const [gb, nb] = place(b);
  return ga - gb || na - nb;
}

/** What counts as a reference in a language. */
export const patternOf = (language: Language): RegExp => (language === "matlab" ? MATLAB : SHELL);

export function findReferences(language: Language, code: string): string[] {
  const found = [...code.matchAll(patternOf(language))].map((m) =>
    language === "matlab" ? m[0] : (m[1] ?? m[2] ?? ""),
  );
  return [...new Set(found)].sort(compare);
}

export const kindOfReference = (id: string): ArgumentKind =>
  KINDS[id.replace(/\d+$/, "")] ?? "STRING";

function blank(id: string, language: Language): Argument {
  const kind = kindOfReference(id);
  const label = language === "matlab" ? id : `$${id}`;
  return {
    id,
    kind,
    label,
    value: "",
    studyref: "this",
    multiple: kind === "FILE",
    optional: false,
  };
}

/**
 * Rows for the references in code, in order. What was typed before is kept in `memory`,
 * so that a row that vanishes while editing comes back with its value.
 */
export function rowsFor(
  language: Language,
  code: string,
  rows: readonly Argument[],
  memory: Map<string, Argument>,
): Argument[] {
  for (const row of rows) memory.set(row.id, row);
  const found = findReferences(language, code).map((id) => memory.get(id) ?? blank(id, language));
  return [...found, ...rows.filter((row) => row.id === VARARGIN)];
}
