import { describe, expect, it } from "vitest";
import { History } from "./history.svelte";

const step = (log: string[], label: string, bytes = 1) => ({
  label,
  bytes,
  undo: () => void log.push(`-${label}`),
  redo: () => void log.push(`+${label}`),
});

describe("history", () => {
  it("bug 18: undoes the last action first, whatever tool it came from", () => {
    const log: string[] = [];
    const history = new History();
    history.push(step(log, "roi"));
    history.push(step(log, "marker"));
    expect(history.undo()).toBe("marker");
    expect(history.undo()).toBe("roi");
    expect(history.undo()).toBeNull();
    expect(history.redo()).toBe("roi");
    expect(log).toEqual(["-marker", "-roi", "+roi"]);
  });

  it("bug 13: holds more than ten steps, and as many bytes as are allowed", () => {
    const history = new History(100);
    for (let i = 0; i < 60; i++) history.push(step([], `${i}`, 2));
    expect(history.length).toBe(50);
    history.push(step([], "huge", 1000));
    expect(history.length).toBe(1);
  });

  it("forgets what was undone when something new is done", () => {
    const history = new History();
    history.push(step([], "a"));
    history.undo();
    history.push(step([], "b"));
    expect(history.redoLabel).toBeNull();
  });
});
