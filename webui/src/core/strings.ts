// Every text of the user interface, in one table; `t("key", {n: 3})` fills the braces.
import { autorules } from "./strings/autorules";
import { curate } from "./strings/curate";
import { exchange } from "./strings/exchange";
import { frame } from "./strings/frame";
import { jobs } from "./strings/jobs";
import { metadata } from "./strings/metadata";
import { notebooks } from "./strings/notebooks";
import { notifications } from "./strings/notifications";
import { pacs } from "./strings/pacs";
import { projects } from "./strings/projects";
import { provenance } from "./strings/provenance";
import { push } from "./strings/push";
import { queues } from "./strings/queues";
import { release } from "./strings/release";
import { roi } from "./strings/roi";
import { routing } from "./strings/routing";
import { scanner } from "./strings/scanner";
import { storage } from "./strings/storage";
import { table } from "./strings/table";
import { upkeep } from "./strings/upkeep";
import { count } from "./format";

const en = {
  ...frame,
  ...table,
  ...exchange,
  ...jobs,
  ...notebooks,
  ...notifications,
  ...pacs,
  ...projects,
  ...provenance,
  ...push,
  ...release,
  ...roi,
  ...storage,
  ...scanner,
  ...routing,
  ...queues,
  ...metadata,
  ...upkeep,
  ...curate,
  ...autorules,
} as const;

export type StringKey = keyof typeof en;
export type Params = Record<string, string | number>;

function fill(text: string, params: Params): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one, many) => {
    const value = params[name];
    if (value === undefined) return whole;
    if (one !== undefined) return Number(value) === 1 ? one : many;
    return typeof value === "number" ? count(value) : value;
  });
}

/** "{n} {n|study|studies}" with {n: 2} -> "2 studies". */
export function t(key: StringKey, params: Params = {}): string {
  return fill(en[key], params);
}

/** The text for a word the service uses ("state", "done"); the word itself when it is new to us. */
export function word(prefix: string, value: string): string {
  const table: Record<string, string> = en;
  return table[`${prefix}_${value}`] ?? value;
}
