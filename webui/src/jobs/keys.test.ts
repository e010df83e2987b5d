import { afterEach, expect, it, vi } from "vitest";
import { allActions, contextsOf, findAction } from "../core/actions.svelte";
import { dismissFailed, failedKey, savedKey } from "./keys";

afterEach(() => vi.unstubAllGlobals());

it("VIEW-x08: Ctrl+S keeps the batch while somebody is in it, also while typing", () => {
  document.body.innerHTML = '<div data-keys="jobs"><input id="in" type="text"></div>';
  let opened = 0;
  const off = savedKey(() => void opened++);
  const there = contextsOf(document.getElementById("in"), true);
  findAction(allActions(), "Ctrl+S", there, true)?.run();
  expect(opened).toBe(1);
  const elsewhere = contextsOf(document.body, true);
  expect(findAction(allActions(), "Ctrl+S", elsewhere, false)).toBeUndefined();
  off();
});

it("VIEW-x08: Ctrl+D is bound while the page of the jobs is there", () => {
  const off = failedKey({ where: () => ({}), after: () => undefined });
  expect(allActions().find(({ keys }) => keys?.includes("Ctrl+D"))?.id).toBe("jobs.dismiss.failed");
  off();
  expect(allActions().some(({ keys }) => keys?.includes("Ctrl+D"))).toBe(false);
});

it.each([
  [2, 2, { keys: ["a", "b"], action: "dismiss" }],
  [2, 900, { where: { search: "x", state: "e" }, action: "dismiss" }],
])("VIEW-x08: the failed jobs of the list are dismissed, %i of %i here", async (n, total, sent) => {
  const asked: [string, unknown][] = [];
  const items = ["a", "b"].slice(0, n).map((key) => ({ key }));
  vi.stubGlobal("fetch", async (url: URL | string, init?: RequestInit) => {
    asked.push([String(url), init?.body ? JSON.parse(String(init.body)) : null]);
    const body = init?.body ? { n: total, refused: {} } : { items, next: null, total };
    return Promise.resolve(Response.json(body));
  });
  await dismissFailed({ search: "x" });
  expect(asked[0]![0]).toContain("state=e");
  expect(asked[1]![1]).toEqual(sent);
});

it("VIEW-x08: nothing is asked of the service when no job has failed", async () => {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (url: URL | string) => {
    asked.push(String(url));
    return Promise.resolve(Response.json({ items: [], next: null, total: 0 }));
  });
  await dismissFailed({});
  expect(asked.length).toBe(1);
});
