// How a file that is edited elsewhere stands, in words, and what can be done about it.
import type { Checkout, How } from "./client";
import { say, text } from "./strings";

export interface Choice {
  label: string;
  hint?: string;
  how: How;
}

export function standing(one: Checkout, moment: (iso: string) => string): string {
  if (one.state === "conflict") return text.conflict;
  if (one.state === "refused") return text.refused;
  if (one.is_changed) return text.changed;
  if (!one.n_saved) return text.open;
  return say("saved", { n: one.n_saved, when: moment(one.last_at ?? "") });
}

/** Ways to save what is there; none when nothing has changed. */
export function choices(one: Checkout): Choice[] {
  if (!one.is_changed) return [];
  if (one.state === "conflict") {
    const name = one.suggested_path.split("/").pop() ?? "";
    return [
      { label: text.replace, hint: text.replaceHint, how: { if_changed: "replace" } },
      { label: say("asName", { name }), how: { if_changed: "new_name" } },
    ];
  }
  const now = { label: text.checkin, how: {} };
  const own = { label: text.asFile, how: { other_grid: "new_file" as const } };
  return one.state === "refused" ? [now, own] : [now];
}
