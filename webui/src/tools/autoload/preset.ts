// What a preset is, and the patterns that a snapshot writes; no state.
import type { Schema } from "../../core/types";
import type { ViewKind } from "../../viewer";

export type Level = "auto" | "patient" | "study";
export type Share = "private" | "read" | "standard" | "writable";
export type How = "smart" | "strict" | "tags";

export interface Intent {
  overlay: boolean;
  roi: boolean;
  annotation: boolean;
  cmap: string;
  color: string;
  clim: [number, number] | null;
  gamma: number | null;
  opacity: number | null;
  outline: boolean | null;
  visible: boolean | null;
  posnegsym: boolean | null;
  blocky: boolean | null;
  time: number | null;
  slicing: ViewKind[];
  name: string;
  autocreateroi: number | null;
  autocreate_ano: {
    type: string;
    name: string;
    showPanel: boolean;
    state: Record<string, unknown>;
    templates: Record<string, unknown>;
  } | null;
  onmultimatches: "first" | "loadall";
}

export interface Entry {
  pattern: string;
  studies: string;
  viewports: number[];
  enabled: boolean;
  intent: Intent;
}

export interface Mark {
  key: string;
  tag: string;
  label: string;
  color: string;
}

export interface Preset {
  entries: Entry[];
  enabled: boolean;
  level: Level;
  main_viewport: number;
  keep_position: boolean;
  view: { layout: string; kinds: ViewKind[]; linked: boolean | null };
  rating: { level: "case" | "file"; marks: Mark[] };
  calcpanel: { enabled: boolean; action: string };
}

export type PresetRow = Omit<Schema["PresetRow"], "preset" | "left_out"> & {
  preset: Preset;
  left_out: string[];
};
export type LoadedCase = Schema["LoadedCase"];
export type Rated = Schema["RatedRow"];

export const INTENT: Intent = {
  overlay: false,
  roi: false,
  annotation: false,
  cmap: "",
  color: "",
  clim: null,
  gamma: null,
  opacity: null,
  outline: null,
  visible: null,
  posnegsym: null,
  blocky: null,
  time: null,
  slicing: [],
  name: "",
  autocreateroi: null,
  autocreate_ano: null,
  onmultimatches: "first",
};

export const entryOf = (pattern: string, intent: Partial<Intent> = {}): Entry => ({
  pattern,
  studies: "",
  viewports: [],
  enabled: true,
  intent: { ...INTENT, ...intent },
});

/** Marks of quality control where a preset has none of its own. */
export const MARKS: readonly Mark[] = [
  { key: "1", tag: "QC_good", label: "Good", color: "#5fbf7a" },
  { key: "2", tag: "QC_fair", label: "Fair", color: "#e0b23c" },
  { key: "3", tag: "QC_bad", label: "Bad", color: "#f0706a" },
];

export const emptyPreset = (): Preset => ({
  entries: [],
  enabled: false,
  level: "auto",
  main_viewport: -1,
  keep_position: true,
  view: { layout: "", kinds: [], linked: null },
  rating: { level: "case", marks: [] },
  calcpanel: { enabled: false, action: "" },
});

/** What of a file its pattern is made from. */
export interface Shown {
  path: string;
  psid: string;
  tags: readonly string[];
}

const GZIP = /\.nii\.gz$/;
const BIDS = /(^|[_/])(sub|ses)-[A-Za-z0-9]+/g;

/**
 * Names that are counted: `s001.nii`, `image_0004.nii`. Other numbers mean something and stay, or
 * `t1.nii` would take the next case's `t2.nii`, and `dwi_b1000.nii` any b-value.
 */
const COUNTED = /^((?:.*[_-](?=0)|s))\d+((?:\.\w+){1,2})$/i;

/** Letters that the grammar takes for signs stand for themselves. */
const literal = (text: string): string => text.replaceAll(/[\\*]/g, "\\$&");

/** One word of the grammar, quoted where it has to be. */
function word(text: string): string {
  return /[\s&"'()]|^!/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function withoutCase(text: string, psid: string): string {
  const codes = psid.split("#").filter((code) => code.length > 2);
  return codes.reduce((rest, code) => rest.replaceAll(literal(code), "*"), text);
}

/** Folder without the number of its series: `t1_mprage_4` -> `t1_mprage*`. */
const stem = (folder: string): string => folder.replace(/[_-]?\d+$/, "") + "*";

/** A pattern that finds the same of another case: series numbers and codes become `*`. */
function smart({ path, psid }: Shown): string {
  const parts = withoutCase(literal(path.replace(GZIP, ".nii")), psid)
    .replaceAll(BIDS, "$1$2-*")
    .split("/");
  const name = parts.pop() ?? "";
  const wild = name.replace(COUNTED, "$1*$2");
  const folders = parts.map((part, i) => {
    const whole = part.includes("*") || (parts.length > 1 && i < parts.length - 1);
    return whole ? part : stem(part);
  });
  return [...folders, wild].join("/").replaceAll(/\*+/g, "*");
}

/** Path exactly; a file at the root of its study is told by `./`. */
function strict({ path }: Shown): string {
  const plain = literal(path.replace(GZIP, ".nii"));
  return plain.includes("/") ? plain : `./${plain}`;
}

/** The word of a tag as the grammar has it. */
const tagWord = (tag: string): string => (/[\s&"'()]/.test(tag) ? `tag:"${tag}"` : `tag:${tag}`);

/** The pattern of a file in a snapshot. Without a tag there is no pattern by tag. */
export function patternOf(file: Shown, how: How): string {
  const tags = file.tags.filter((tag) => tag.toLowerCase() !== "mask");
  if (how === "tags" && tags.length > 0) return tags.map(tagWord).join(" & ");
  return word(how === "strict" ? strict(file) : smart(file));
}

/** Studies of an entry: none for the case itself, the other study by name, such as a template's. */
export function studiesOf(file: Shown, psid: string): string {
  const [pid, sid] = file.psid.split("#");
  if (!pid || !sid || pid === psid.split("#")[0]) return "";
  return word(`${literal(pid)}#${literal(sid)}`);
}

export const hexOf = (colour: readonly number[]): string =>
  `#${colour.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;

export function colourOf(hex: string): [number, number, number] | null {
  const found = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(hex);
  return found ? [parseInt(found[1]!, 16), parseInt(found[2]!, 16), parseInt(found[3]!, 16)] : null;
}

/** "0, 2" -> [0, 2]; what is no number is left out. People count from 1. */
export const readPlaces = (text: string): number[] =>
  [...new Set((text.match(/\d+/g) ?? []).map((n) => Number(n) - 1))].filter((n) => n >= 0);
export const writePlaces = (places: readonly number[]): string =>
  places.map((n) => n + 1).join(", ");
