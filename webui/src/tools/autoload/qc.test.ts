// Ratings set by keys, with the service's answers stood in for.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { LoadedCase, Mark } from "./preset";
import { quality } from "./qc.svelte";
import { auto } from "./state.svelte";

const { post } = vi.hoisted(() => ({ post: vi.fn() }));
vi.mock("../../core/api", async (original) => ({
  ...(await original<typeof import("../../core/api")>()),
  api: { post },
}));
vi.mock("../../core/session.svelte", async (original) => ({
  ...(await original<typeof import("../../core/session.svelte")>()),
  may: () => true,
}));

const [GOOD, FAIR] = quality.marks as [Mark, Mark];
const tagged = () => post.mock.calls.filter(([where]) => where === "/tags");

beforeEach(() => {
  post.mockReset();
  auto.current = { case: "A#1" } as LoadedCase;
  auto.settled = true;
  quality.advance = false;
  quality.rated = new Map([["A#1", { case: "A#1", level: "study", id: 5, tags: [] } as never]]);
});
afterEach(() => auto.forget());

test("AUTO-01: a second key while a rating is on its way does not give its case two", async () => {
  let answer: (told: unknown) => void = () => undefined;
  post.mockReturnValueOnce(new Promise((done) => (answer = done)));
  const first = quality.rate(FAIR);
  await quality.rate(GOOD);
  answer({ operation_id: 1 });
  await first;
  expect(tagged()).toHaveLength(1);
  expect(quality.current).toBe(FAIR);
});

test("AUTO-01: a new rating takes the place of the old one", async () => {
  post.mockResolvedValue({ operation_id: 1 });
  await quality.rate(FAIR);
  await quality.rate(GOOD);
  expect(tagged()[1]![1]).toMatchObject({ add: [GOOD.tag], remove: [FAIR.tag] });
  expect(quality.current).toBe(GOOD);
});
