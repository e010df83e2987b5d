// @vitest-environment node
import { expect, it } from "vitest";
import { ApiError } from "../core/problem";
import { fingerprint, PART_BYTES, sendParts, Speed, type Line, type Offset } from "./parts";

const problem = (status: number): ApiError => new ApiError({ status, title: "x" }, "PUT");

type Fault = (at: Offset) => void;

/** A service that keeps what it is sent, and fails when a test says so. */
function service(size: number, faults: Fault[] = []) {
  const at: Offset = { key: "k", offset_bytes: 0, size_bytes: size };
  const puts: number[] = [];
  let begun = 0;
  const line: Line = {
    begin: () => Promise.resolve((begun++, { ...at })),
    ask: () => Promise.resolve({ ...at }),
    put: (_key, offset, part) => {
      puts.push(offset);
      try {
        faults.shift()?.(at);
      } catch (error) {
        return Promise.reject(error as Error);
      }
      expect(offset).toBe(at.offset_bytes);
      at.offset_bytes += part.size;
      return Promise.resolve({ ...at });
    },
    pause: () => Promise.resolve(),
  };
  return { line, at, puts, begun: () => begun };
}

const fault = (status: number, kept = 0): Fault => {
  return (at) => {
    at.offset_bytes += kept;
    throw problem(status);
  };
};
const bytes = (n: number): Blob => new Blob([new Uint8Array(n)]);
const nothing = (): void => undefined;

it("sends a file in parts and names the arrival", async () => {
  const size = 2 * PART_BYTES + 5;
  const { line, at, puts } = service(size);
  const keys: string[] = [];
  expect(await sendParts(bytes(size), line, "", (key) => keys.push(key))).toBe("k");
  expect([at.offset_bytes, keys]).toEqual([size, ["k"]]);
  expect(puts).toEqual([0, PART_BYTES, 2 * PART_BYTES]);
});

it("asks where to go on after a break, a restart and an answer that got lost", async () => {
  const own = service(300, [fault(0, 100), fault(409), fault(503)]);
  expect(await sendParts(bytes(300), own.line)).toBe("k");
  expect(own.puts).toEqual([0, 100, 100, 100]);
});

it("gives up on what will not change, and after enough breaks", async () => {
  const refused = service(10, [fault(403)]);
  await expect(sendParts(bytes(10), refused.line)).rejects.toThrow();
  expect(refused.puts).toEqual([0]);
  const closed = service(10, Array<Fault>(20).fill(fault(409)));
  await expect(sendParts(bytes(10), closed.line)).rejects.toThrow();
  expect(closed.puts.length).toBe(5);
  const gone = service(10, Array<Fault>(20).fill(fault(0)));
  await expect(sendParts(bytes(10), gone.line)).rejects.toThrow();
  expect(gone.puts.length).toBe(8);
});

it("goes on with an upload that was begun before the page was loaded", async () => {
  const old = service(500);
  old.at.offset_bytes = 200;
  await sendParts(bytes(500), old.line, "k");
  expect([old.begun(), old.puts]).toEqual([0, [200]]);
});

it("begins anew when the one known is gone or of another size", async () => {
  const other = service(500);
  other.line.ask = () => Promise.resolve({ key: "k", offset_bytes: 1, size_bytes: 7 });
  await sendParts(bytes(500), other.line, "k");
  expect(other.begun()).toBe(1);
  const gone = service(500);
  gone.line.ask = () => Promise.reject(problem(404));
  await sendParts(bytes(500), gone.line, "k", nothing);
  expect(gone.begun()).toBe(1);
});

it("tells the speed of the last seconds", () => {
  const speed = new Speed();
  expect(speed.at(0, 0)).toBe(0);
  expect(speed.at(1000, 500)).toBe(500);
  for (let s = 2; s <= 20; s++) speed.at(s * 1000, 500 + (s - 1) * 100);
  expect(speed.at(21_000, 2500)).toBeCloseTo(100, 0);
  speed.reset();
  expect(speed.at(30_000, 9000)).toBe(0);
});

it("knows the same upload again, and holds no name", () => {
  const one = fingerprint(["default", "DOE.zip", 5]);
  expect(fingerprint(["default", "DOE.zip", 5])).toBe(one);
  expect(fingerprint(["default", "DOE.zip", 6])).not.toBe(one);
  expect(one).toMatch(/^[0-9a-f]{16}$/);
});
