import { describe, expect, it } from "vitest";
import type { Checkout } from "./client";
import { choices, standing } from "./state";
import { text } from "./strings";

const one = (facts: Partial<Checkout>): Checkout =>
  ({
    state: "open",
    is_changed: false,
    n_saved: 0,
    last_at: null,
    suggested_path: "",
    ...facts,
  }) as Checkout;
const labels = (facts: Partial<Checkout>): string[] => choices(one(facts)).map((c) => c.label);

describe("a file that is edited elsewhere", () => {
  it("tells how it stands", () => {
    const when = (iso: string): string => `at ${iso}`;
    expect(standing(one({}), when)).toBe(text.open);
    expect(standing(one({ n_saved: 2, last_at: "T" }), when)).toBe("2 saved, the last at T");
    expect(standing(one({ is_changed: true, n_saved: 2 }), when)).toBe(text.changed);
    expect(standing(one({ state: "conflict", is_changed: true }), when)).toBe(text.conflict);
  });

  it("offers what fits: nothing, now, theirs or another name, a file of its own", () => {
    expect(labels({})).toEqual([]);
    expect(labels({ is_changed: true })).toEqual([text.checkin]);
    const conflict = {
      is_changed: true,
      state: "conflict",
      suggested_path: "rois/x_1.nii",
    } as const;
    expect(labels(conflict)).toEqual([text.replace, "Save as x_1.nii"]);
    expect(choices(one(conflict)).map((c) => c.how.if_changed)).toEqual(["replace", "new_name"]);
    expect(labels({ is_changed: true, state: "refused" })).toEqual([text.checkin, text.asFile]);
  });
});
