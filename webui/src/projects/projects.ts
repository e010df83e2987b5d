// What the pages of projects work with: shapes, sizes as people write them, entities, templates.
import type { Schema } from "../core/types";

export type ProjectDetail = Schema["ProjectDetail"];
export type Field = Schema["CustomField"];
export type Source = Schema["Source"];
export type Preview = Schema["ExistingPreview"];
export type RuleRow = Schema["RuleRow"];
export type Rule = Schema["BidsRule"];
export type BidsPlan = Schema["BidsPlanView"];
export type BidsMapping = Schema["BidsMapping"];
export type BidsExport = Schema["BidsExport"];
export type Trashed = Schema["TrashedProject"];

export const DATATYPES: Record<string, string[]> = {
  anat: ["T1w", "T2w", "FLAIR", "PDw", "T2starw", "inplaneT1", "inplaneT2", "angio", "UNIT1"],
  func: ["bold", "sbref"],
  dwi: ["dwi", "sbref"],
  fmap: ["epi", "phasediff", "phase1", "phase2", "magnitude1", "magnitude2", "fieldmap"],
  perf: ["asl", "m0scan"],
  pet: ["pet"],
};
export const PATTERNS = [
  "{subject}/{study}/{file}",
  "{subject}/{file}",
  "*/{subject}_{date}/{file}",
  "(?<subject>[^/_]+)_(?<study>[^/]+)/",
];

const FACTORS: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** "500 GB" -> 5e11; an empty text is no limit (null); what is no size is undefined. */
export function sizeOf(text: string): number | null | undefined {
  const clean = text.trim().toLowerCase();
  if (!clean) return null;
  const found = /^(\d+(?:[.,]\d+)?)\s*([kmgt]?)i?b?$/.exec(clean);
  if (!found) return undefined;
  return Math.round(Number(found[1]!.replace(",", ".")) * FACTORS[found[2]!]!);
}

/** 5e11 -> "500 GB", as `sizeOf` reads it. */
export function sizeText(size: number | null): string {
  if (size === null) return "";
  const unit = ["t", "g", "m", "k"].find((one) => size >= FACTORS[one]!) ?? "";
  return `${Number((size / FACTORS[unit]!).toFixed(2))} ${unit.toUpperCase()}B`;
}

/** {task: "rest"} -> "task-rest". */
export const entityText = (entities: Record<string, string>): string =>
  Object.entries(entities)
    .map(([key, value]) => `${key}-${value}`)
    .join(" ");

/** "task-rest acq-sag" -> {task: "rest", acq: "sag"}; null when it cannot be read. */
export function readEntities(text: string): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const word of text.split(/[\s,_]+/).filter(Boolean)) {
    const pair = /^([a-z]+)-([A-Za-z0-9]+)$/.exec(word);
    if (!pair) return null;
    found[pair[1]!] = pair[2]!;
  }
  return found;
}

/** What a naming template gives, in Python's way of writing numbers: "S-{n:04d}" -> "S-0007". */
export function fillTemplate(template: string, values: Record<string, string | number>): string {
  return template.replace(/\{(\w+)(?::0?(\d+)d?)?\}/g, (whole, name: string, width?: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return width ? String(value).padStart(Number(width), "0") : String(value);
  });
}

/** Only the settings that differ, as the service wants them. */
export function changesOf(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(after).filter(
      ([key, value]) => JSON.stringify(before[key]) !== JSON.stringify(value),
    ),
  );
}

/** "/data/my trial/" -> "my_trial", a name that a project may have. */
export const nameOf = (folder: string): string =>
  (folder.split("/").filter(Boolean).pop() ?? "")
    .normalize("NFKD")
    .replace(/[^0-9A-Za-z._+=@-]+/g, "_")
    .replace(/^[._ -]+|[._ -]+$/g, "")
    .slice(0, 64);

/** A rule as it is saved, from a row of the plan. */
export const ruleOf = (row: RuleRow): Rule => ({
  source: row.source,
  include: row.include,
  datatype: row.datatype,
  suffix: row.suffix,
  entities: row.entities,
});

/** Rules after one of them was changed; what was never touched stays a guess. */
export function withRule(rules: readonly Rule[], changed: Rule): Rule[] {
  return [...rules.filter((rule) => rule.source !== changed.source), changed];
}
