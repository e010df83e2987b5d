import { expect, test } from "vitest";
import { addressOf, isNotebook } from "./notebooks";

test("a notebook lies on its own port of the same host", () => {
  const notebook = { port: 8182, path: "/notebooks/abc/" };
  const at = (here: string): string => addressOf(notebook, new URL(here));
  expect(at("http://127.0.0.1:8181/jobs?state=r")).toBe("http://127.0.0.1:8182/notebooks/abc/");
  expect(at("http://[::1]:8181/")).toBe("http://[::1]:8182/notebooks/abc/");
  expect(at("http://lab.example:9000/")).toBe("http://lab.example:8182/notebooks/abc/");
});

test("a job is a notebook by what it runs", () => {
  expect(isNotebook({ spec: { job: { tool: "notebook.lab" } } })).toBe(true);
  expect(isNotebook({ spec: { job: { tool: null, language: "bash" } } })).toBe(false);
  expect(isNotebook({ spec: null })).toBe(false);
});
