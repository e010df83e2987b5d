import { describe, expect, it } from "vitest";
import { pullWays, queueChoices, searchWays, secondsOf, USUAL, waysNote } from "./ways";

describe("ways of a pull (PACS-x02)", () => {
  it("are as the node and the rules say when nothing is chosen", () => {
    expect(searchWays(USUAL)).toEqual({});
    expect(pullWays(USUAL, true)).toEqual({ autoexec: true, autoexec_queue: "" });
  });
  it("tell pauses, of which 0 is one", () => {
    const ways = { ...USUAL, findPause: 0, movePause: 1.5 };
    expect(searchWays(ways)).toEqual({ find_pause_s: 0 });
    expect(pullWays(ways, false).move_pause_s).toBe(1.5);
  });
  it("are told of a pull where they are not as usual", () => {
    const usual = { autoexec: true, autoexec_queue: "", move_pause_s: null };
    expect(waysNote(usual)).toBe("");
    expect(waysNote({ ...usual, autoexec: false, move_pause_s: 0 })).toBe("no rules, pause 0 s");
    expect(waysNote({ ...usual, autoexec_queue: "fast" })).toBe("rules on fast");
  });
  it("name a queue only for rules that run, and for who may choose", () => {
    const ways = { ...USUAL, queue: "fast" };
    expect(pullWays(ways, true).autoexec_queue).toBe("fast");
    expect(pullWays(ways, false).autoexec_queue).toBe("");
    expect(pullWays({ ...ways, autoexec: false }, true)).toEqual({
      autoexec: false,
      autoexec_queue: "",
    });
  });
  it("offer that of each rule before the others", () => {
    expect(queueChoices(USUAL, ["default", "fast"], true)).toEqual(["", "default", "fast"]);
    expect(queueChoices(USUAL, ["default"], false)).toEqual([]);
    expect(queueChoices({ ...USUAL, autoexec: false }, ["default"], true)).toEqual([]);
    expect(queueChoices(USUAL, [], true)).toEqual([]);
  });
  it("take seconds up to an hour; an empty or wrong field holds none", () => {
    expect([0, 0.6, 9999].map(secondsOf)).toEqual([0, 0.6, 3600]);
    expect([null, undefined, NaN, -1].map(secondsOf)).toEqual([null, null, null, null]);
  });
});
