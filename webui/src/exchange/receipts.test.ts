import { describe, expect, it } from "vitest";
import type { ReceiptItem } from "../core/types";
import { byReason, statesOf } from "./receipts";

const item = (id: number, reason: string): ReceiptItem => ({
  id,
  reason,
  name: `${id}.dcm`,
  size_bytes: 1,
  state: "waiting",
  hint: "",
  modality: "MR",
  series_number: null,
  psid: null,
});

describe("byReason", () => {
  it("makes one group of each reason, in the order they come", () => {
    const groups = byReason([item(1, "b"), item(2, "a"), item(3, "b")]);
    expect(groups.map((group) => group.map((one) => one.id))).toEqual([[1, 3], [2]]);
  });
});

describe("statesOf", () => {
  it("takes states that exist, one or more, and nothing else", () => {
    expect(statesOf("waiting")).toBe("waiting");
    expect(statesOf("waiting,failed")).toBe("waiting,failed");
    for (const asked of [null, "", "banana", "waiting,banana"]) expect(statesOf(asked)).toBe("");
  });
});
