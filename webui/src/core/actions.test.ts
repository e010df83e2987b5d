import { describe, expect, it } from "vitest";
import { chord, contextsOf, findAction, isTextTarget, type Action } from "./actions.svelte";

const press = (key: string, more: KeyboardEventInit = {}): string =>
  chord(new KeyboardEvent("keydown", { key, ...more }));

const action = (id: string, context: Action["context"], keys: string[]): Action => ({
  id,
  label: id,
  context,
  keys,
  run: () => undefined,
});

describe("a chord", () => {
  it("names keys as the key map writes them", () => {
    expect(press("k", { ctrlKey: true })).toBe("Ctrl+K");
    expect(press("k", { metaKey: true })).toBe("Ctrl+K");
    expect(press("ArrowDown", { shiftKey: true })).toBe("Shift+Down");
    expect(press(" ")).toBe("Space");
    expect(press("1", { altKey: true })).toBe("Alt+1");
  });
  it("leaves Shift out where the sign itself changes", () => {
    expect(press("?", { shiftKey: true })).toBe("?");
  });
});

describe("keys", () => {
  const actions = [
    action("palette", "global", ["Ctrl+K"]),
    action("help", "global", ["?"]),
    action("check", "table", ["Space"]),
    action("roi", "viewer", ["Space"]),
    action("preset", "viewer", ["1"]),
  ];
  it("belong to what has the focus and fall through to the images", () => {
    expect(findAction(actions, "Space", ["table", "viewer", "global"], false)?.id).toBe("check");
    expect(findAction(actions, "1", ["table", "viewer", "global"], false)?.id).toBe("preset");
    expect(findAction(actions, "Space", ["viewer", "global"], false)?.id).toBe("roi");
  });
  it("while typing act only with Ctrl", () => {
    expect(findAction(actions, "?", ["global"], true)).toBeUndefined();
    expect(findAction(actions, "Ctrl+K", ["global"], true)?.id).toBe("palette");
  });
  it("of a disabled action do nothing", () => {
    const off = { ...action("off", "global", ["x"]), enabled: () => false };
    expect(findAction([off], "X", ["global"], false)).toBeUndefined();
  });
});

describe("contexts", () => {
  it("go from the holder of the focus outwards", () => {
    document.body.innerHTML = '<div data-keys="table"><input id="in" type="text"></div>';
    const input = document.getElementById("in");
    expect(contextsOf(input, true)).toEqual(["table", "viewer", "global"]);
    expect(contextsOf(document.body, true)).toEqual(["viewer", "global"]);
    expect(contextsOf(document.body, false)).toEqual(["global"]);
    expect(isTextTarget(input)).toBe(true);
  });
});
