// A line of history in words. Pure; the words of the service become sentences here.
import type { Schema } from "../core/types";
import { t, word } from "../core/strings";

export type HistoryLine = Schema["Operation"];
type Target = Record<string, unknown>;

const list = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
const text = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" ? String(value) : "";
const number = (value: unknown): number => (typeof value === "number" ? value : 0);
const quoted = (names: string[]): string => names.map((name) => `“${name}”`).join(", ");

/** "2 studies, 1 file" from the counts of a line. */
export function counted(target: Target): string {
  const level = text(target["level"]);
  const n = number(target["n"]);
  if (level === "file" || level === "study" || level === "subject")
    return t(
      level === "file" ? "n_files_text" : level === "study" ? "n_studies_text" : "n_subjects_text",
      { n },
    );
  const parts = (["subjects", "studies", "files"] as const)
    .filter((name) => number(target[name]) > 0)
    .map((name) => t(`n_${name}_text`, { n: number(target[name]) }));
  return parts.join(", ") || t("n_items_text", { n });
}

/** How many things a line names, of all levels together. */
export const total = (target: Target): number =>
  number(target["subjects"]) + number(target["studies"]) + number(target["files"]);

function undone(target: Target): string {
  const of = target["of"];
  const verb = text(target["verb"]);
  const line = { verb, target: typeof of === "object" && of !== null ? (of as Target) : {} };
  return t("did_undo", { what: verb === "undo" ? verb : describe(line) });
}

function tagged(target: Target): string {
  const add = list(target["add"]);
  const remove = list(target["remove"]);
  const facts = { tags: quoted(add), old: quoted(remove), what: counted(target) };
  if (target["everywhere"] === true && add.length > 0) return t("did_retag", facts);
  if (add.length > 0 && remove.length > 0) return t("did_tag_both", facts);
  return add.length > 0
    ? t("did_tag_add", facts)
    : t("did_tag_remove", { ...facts, tags: facts.old });
}

function rights(target: Target): string {
  const held = list(target["rights"]);
  const user = text(target["user"]) === "<ANY>" ? t("user_any") : text(target["user"]);
  if (held.includes("manage")) return t("did_make_admin", { user });
  if (held.length === 0) return t("did_no_rights", { user });
  return t("did_set_rights", { user, rights: held.map((one) => word("right", one)).join(", ") });
}

const SENTENCES: Record<string, (target: Target) => string> = {
  tag: tagged,
  respell_tag: (o) =>
    t("did_respell", { old: quoted([text(o["from"])]), tags: quoted([text(o["to"])]) }),
  trash: (o) => t("did_trash", { what: counted(o) }),
  rename: (o) => t("did_rename", { from: text(o["from"]), to: text(o["to"]) }),
  move: (o) => t("did_move", { from: text(o["from"]), to: text(o["to"]) }),
  store: (o) => t("did_store", { path: text(o["path"]), study: text(o["study"]) }),
  undo: undone,
  put_doc: (o) => t("did_put_doc", { kind: text(o["kind"]), name: text(o["name"]) }),
  delete_doc: (o) => t("did_delete_doc", { kind: text(o["kind"]), name: text(o["name"]) }),
  reveal: (o) => t(o["photograph"] ? "did_reveal_glass" : "did_reveal"),
  "reveal-names": () => t("did_reveal_names"),
  "resolve-arrival": () => t("did_resolve"),
  "assign-arrival": () => t("did_assign_arrival"),
  "take-original": () => t("did_take_original"),
  "pacs-search": (o) => t("did_pacs_search", { node: text(o["node"]) }),
  "dicomweb-names": () => t("did_dicomweb_names"),
  "pacs-push": (o) => t("did_pacs_push", { n: number(o["n"]), node: text(o["node"]) }),
  "pacs-names": (o) => t("did_pacs_names", { node: text(o["node"]) }),
  "pacs-raw": (o) => t("did_pacs_raw", { n: number(o["n"]) }),
  "pacs-node": (o) => t("did_pacs_node", { node: text(o["node"]) }),
  "pacs-no-node": (o) => t("did_pacs_no_node", { node: text(o["node"]) }),
  "pacs-pull": (o) => t("did_pacs_pull", { n: number(o["n"]), node: text(o["node"]) }),
  "export-bids": (o) => t("did_export_bids", { n: number(o["studies"]) }),
  "export-dicom": (o) => t("did_export_dicom", { n: number(o["studies"]) }),
  erase: (o) => t("did_erase", { code: text(o["code"]) }),
  "confirm-release": (o) => t("did_confirm_release", { n: number(o["n"]) }),
  "add-source": () => t("did_add_source"),
  save: (o) => t("did_store", { path: text(o["path"]), study: text(o["study"]) }),
  restore: (o) => t("did_restore", { path: text(o["path"]), study: text(o["study"]) }),
  notebook: () => t("did_notebook"),
  prioritise_job: (o) => t("did_prioritise", { n: number(o["n"]) || 1, to: text(o["priority"]) }),
  save_autorule: (o) => t("did_save_rule", { name: text(o["name"]) }),
  delete_autorule: (o) => t("did_delete_rule", { name: text(o["name"]) }),
  dismiss_job: (o) => t("did_dismiss_jobs", { n: number(o["n"]) || 1 }),
  dismiss_import: () => t("did_dismiss_import"),
  restore_job: (o) => t("did_put_back", { n: number(o["n"]) || 1 }),
  restore_import: () => t("did_put_back_import"),
  create_user: (o) => t("did_create_user", { user: text(o["user"]) }),
  change_user: (o) => t("did_change_user", { user: text(o["user"]) }),
  set_rights: rights,
  "project-settings": () => t("did_project_settings"),
  "project-state": (o) => t("did_project_state", { state: text(o["state"]) }),
};

/** What was done, as a sentence; a word that is new to us stays as it is. */
export function describe(line: Pick<HistoryLine, "verb" | "target">): string {
  const say = SENTENCES[line.verb];
  return say ? say(line.target) : line.verb;
}

/** Some of what it was done to, for a second line. */
export function names(line: Pick<HistoryLine, "target">): string[] {
  return list(line.target["names"]);
}

/** The filter of the history page: an entry per kind of change. */
export const KINDS: { id: string; label: Parameters<typeof t>[0]; verbs: string }[] = [
  { id: "tag", label: "verb_tag", verbs: "tag,respell_tag" },
  { id: "trash", label: "verb_trash", verbs: "trash" },
  { id: "rename", label: "verb_rename", verbs: "rename" },
  { id: "move", label: "verb_move", verbs: "move" },
  { id: "undo", label: "verb_undo", verbs: "undo" },
  { id: "docs", label: "verb_docs", verbs: "put_doc,delete_doc" },
  { id: "projects", label: "verb_projects", verbs: "project-settings,project-state" },
  {
    id: "identity",
    label: "verb_identity",
    verbs: "reveal,reveal-names,resolve-arrival,assign-arrival,take-original",
  },
  {
    id: "outside",
    label: "verb_outside",
    verbs:
      "pacs-search,pacs-names,pacs-raw,pacs-pull,pacs-push,export-bids,export-dicom,confirm-release",
  },
  { id: "users", label: "verb_users", verbs: "create_user,change_user,set_rights" },
];

export const verbsOf = (kind: string): string => KINDS.find((one) => one.id === kind)?.verbs ?? "";
