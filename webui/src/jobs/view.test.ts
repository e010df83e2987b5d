import { expect, it } from "vitest";
import {
  actionsFor,
  actionsForAll,
  actionsForLetters,
  arrivalAddress,
  isImport,
  lettersOf,
  mayEditLetters,
  needsPerson,
  shownOf,
} from "./view";
import type { Letter } from "../core/types";

const job = (state: string, letter: Letter) => ({ batch_key: "b", state, letter });
const arrival = (state: string, letter: Letter) => ({ batch_key: null, state, letter });

it("GRID-03 GRID-04 a job is offered what its state takes", () => {
  expect(actionsFor(job("queued", "q"))).toEqual(["hold", "cancel"]);
  expect(actionsFor(job("held", "q"))).toEqual(["release", "cancel"]);
  expect(actionsFor(job("starting", "q"))).toEqual(["cancel"]);
  expect(actionsFor(job("running", "r"))).toEqual(["suspend", "cancel"]);
  expect(actionsFor(job("suspended", "r"))).toEqual(["resume", "cancel"]);
  expect(actionsFor(job("finishing", "r"))).toEqual([]);
  for (const state of ["done", "failed", "cancelled", "lost", "skipped", "unresolved"])
    expect(actionsFor(job(state, "d"))).toEqual(["retry", "dismiss"]);
});

it("an import is never killed or suspended, and tried again only when something went wrong", () => {
  expect(actionsFor(arrival("receiving", "q"))).toEqual([]);
  expect(actionsFor(arrival("working", "r"))).toEqual([]);
  expect(actionsFor(arrival("waiting", "e"))).toEqual(["retry", "dismiss"]);
  expect(actionsFor(arrival("failed", "e"))).toEqual(["retry", "dismiss"]);
  expect(actionsFor(arrival("done", "d"))).toEqual(["dismiss"]);
});

it("GRID-06 what was dismissed can only be brought back", () => {
  expect(actionsFor({ ...job("failed", "e"), dismissed: true })).toEqual(["restore"]);
  expect(actionsFor({ ...arrival("done", "d"), dismissed: true })).toEqual(["restore"]);
});

it("an address asks for states that exist, or for the usual", () => {
  expect(shownOf(null, "qre")).toBe("qre");
  for (const asked of ["banana", "", "all,e", "Q"]) expect(shownOf(asked, "qre")).toBe("qre");
  for (const asked of ["e", "qre", "k", "all", "dismissed"]) expect(shownOf(asked, "")).toBe(asked);
});

it("for several rows all is offered that one of them takes, in the order of the buttons", () => {
  expect(actionsForAll([])).toEqual([]);
  expect(actionsForAll([arrival("done", "d"), job("running", "r")])).toEqual([
    "suspend",
    "dismiss",
    "cancel",
  ]);
});

it("an import is told from a job of the queue DPXimport by having no batch", () => {
  expect(isImport(arrival("done", "d"))).toBe(true);
  expect(isImport(job("done", "d"))).toBe(false);
  expect(needsPerson(arrival("waiting", "e"))).toBe(true);
  expect(needsPerson(arrival("failed", "e"))).toBe(false);
  expect(needsPerson(job("waiting", "e"))).toBe(false);
  expect(arrivalAddress("01abc")).toBe("/arrivals?key=01abc");
});

it("jobs that are not here are offered what the states that occur take, so Kill is not for failed ones", () => {
  expect(lettersOf("all")).toEqual(["q", "r", "e", "d", "k"]);
  expect(lettersOf("qre")).toEqual(["q", "r", "e"]);
  expect(lettersOf("dismissed")).toEqual([]);
  expect(actionsForLetters("e")).toEqual(["retry", "dismiss"]);
  expect(actionsForLetters("ek")).toEqual(["retry", "dismiss"]);
  expect(actionsForLetters("qe")).toContain("cancel");
  expect(actionsForLetters("")).toEqual([]);
  expect(actionsForLetters("dismissed")).toEqual(["restore"]);
  expect(["e", "edk", "re", ""].map(mayEditLetters)).toEqual([true, true, false, false]);
});
