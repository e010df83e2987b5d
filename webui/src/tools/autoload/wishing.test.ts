import { expect, it } from "vitest";
import { newSet } from "../markers/model";
import type { Entry } from "./preset";
import { asWished } from "./wishing";

const wish = (state?: Record<string, unknown>): Entry => {
  const made = { type: "pointset", name: "", showPanel: false, templates: {} };
  const autocreate_ano = state ? { ...made, state } : null;
  return { pattern: "", intent: { autocreate_ano } } as unknown as Entry;
};

it("AUTO-x03: showOnAllImages is obeyed when the entry itself says it", () => {
  const set = newSet("pointset", "tips");
  expect(asWished(set, wish({ showOnAllImages: true })).state.everywhere).toBe(true);
  const everywhere = asWished(set, wish({ showOnAllImages: true }));
  expect(asWished(everywhere, wish({ showOnAllImages: false })).state).toMatchObject({
    everywhere: false,
    showOnAllImages: false,
  });
});

it("AUTO-x03: what a file says without having been asked mixes no subjects", () => {
  const set = newSet("pointset", "tips");
  expect(set.state.showOnAllImages).toBe(true);
  expect(asWished(set, wish())).toBe(set);
  expect(asWished(set, wish({ visible: true })).state.everywhere).toBeFalsy();
});
