// What a receipt's state means to a person.
import { bytes, count } from "../core/format";
import { t } from "../core/strings";
import type { Receipt, ReceiptItem, ReceiptState } from "../core/types";

export const STATES: ReceiptState[] = [
  "receiving",
  "pending",
  "working",
  "waiting",
  "done",
  "partial",
  "failed",
];

/** States that an address asks for; what is no state asks for nothing. */
export function statesOf(asked: string | null): string {
  const known: readonly string[] = STATES;
  return asked?.split(",").every((one) => known.includes(one)) ? asked : "";
}

const TONES: Record<string, string> = {
  done: "ok",
  stored: "ok",
  converted: "ok",
  waiting: "warn",
  partial: "warn",
  quarantined: "warn",
  duplicate: "quiet",
  failed: "bad",
};

export const tone = (state: string): string => TONES[state] ?? "busy";

export const canRetry = (receipt: Receipt): boolean =>
  receipt.state === "failed" || receipt.state === "partial" || receipt.n_quarantined > 0;

/** How long it took and how fast, once it is through; empty where that says nothing. */
export function pace(receipt: Receipt): string {
  if (!receipt.closed_at) return "";
  const seconds = (Date.parse(receipt.closed_at) - Date.parse(receipt.created_at)) / 1000;
  if (!(seconds >= 0.1)) return "";
  const took = t("receipt_took", {
    seconds: seconds < 10 ? seconds.toFixed(1) : count(Math.round(seconds)),
  });
  return receipt.size_bytes ? `${took}, ${bytes(receipt.size_bytes / seconds)}/s` : took;
}

/** Nothing of it is in a study, so that it can still go to another project. */
export const canAssign = (receipt: Receipt): boolean =>
  receipt.kind !== "existing" &&
  ["waiting", "partial", "failed", "done"].includes(receipt.state) &&
  receipt.n_done === 0 &&
  receipt.n_duplicate === 0 &&
  receipt.n_files > 0;

/** A folder that is being read can be told to stop; other arrivals end by themselves. */
export const canStop = (receipt: Receipt): boolean =>
  receipt.kind === "existing" && ["receiving", "pending", "working"].includes(receipt.state);

/** Reason first; else what is remarkable in the counts. */
export function note(receipt: Receipt): string {
  if (receipt.reason) return receipt.reason;
  const parts: string[] = [];
  if (receipt.n_quarantined) parts.push(t("receipt_quarantined", { n: receipt.n_quarantined }));
  if (receipt.n_duplicate) parts.push(t("receipt_duplicates", { n: receipt.n_duplicate }));
  return parts.join(" · ");
}

/** Files grouped by why they are where they are; each group can be decided at once. */
export function byReason(items: readonly ReceiptItem[]): ReceiptItem[][] {
  const groups = new Map<string, ReceiptItem[]>();
  for (const item of items) groups.set(item.reason, [...(groups.get(item.reason) ?? []), item]);
  return [...groups.values()];
}

export const isProblem = (state: string): boolean =>
  ["quarantined", "failed", "waiting"].includes(state);
