import { expect, it } from "vitest";
import { ApiError, tell, toApiError } from "./problem";

const answer = (body: string, status: number): Response =>
  new Response(body, { status, statusText: "Bad Request" });

it("keeps message, hint, key and the place of the error", async () => {
  const body = {
    detail: "a pattern is missing",
    hint: "& joins two",
    key: "invalid",
    facts: { position: 5 },
  };
  const error = await toApiError(answer(JSON.stringify(body), 400), "GET /x");
  expect(error).toBeInstanceOf(ApiError);
  expect([error.message, error.hint, error.key, error.status, error.position]).toEqual([
    "a pattern is missing",
    "& joins two",
    "invalid",
    400,
    5,
  ]);
  expect(tell(error).details).toContain("GET /x");
});

it("makes do with an answer that is no JSON", async () => {
  const error = await toApiError(answer("<html>", 502), "GET /x");
  expect(error.message).toBe("Bad Request");
  expect(error.status).toBe(502);
  expect(error.position).toBeNull();
});
