import { expect, it } from "vitest";
import { barOf, readCall, targetOf } from "./calls";

const read = (address: string): ReturnType<typeof readCall> =>
  readCall(new URL(address, "http://here/").searchParams);
const PLAIN = { pid: "A 1", sid: "2024-05", selmode: "", preset: "" };

it("reads a call as typed, with quotes and spaces, and percent-encoded (URL-03, URL-04)", () => {
  const json = '{"pid":"A 1", "sid": "2024-05"}';
  expect(read(`/index.php?asuser=root&project=P&call=${json}`)?.call).toEqual(PLAIN);
  expect(read(`/?project=P&call=${encodeURIComponent(json)}`)?.call).toEqual(PLAIN);
  expect(read(`/?project=P&call=${encodeURIComponent(json).replaceAll("%20", "+")}`)?.call).toEqual(
    PLAIN,
  );
  expect(read('/?call={"pid":7,"preset":"QC"}')?.call).toMatchObject({ pid: "7", preset: "QC" });
  expect(read("/?project=P")).toBeNull();
});

it("tells of secrets and keeps none of them (URL-05, URL-06)", () => {
  const found = read('/?call={"pid":"A","user":"ann","token":"SECRET"}');
  expect(found?.secret).toBe(true);
  expect(JSON.stringify(found)).not.toContain("SECRET");
  expect(read("/?project=P&token=x")).toEqual({ call: null, secret: true });
  expect(read('/?call={"pid":"A"}')?.secret).toBe(false);
});

it("refuses what is no object", () => {
  for (const text of ["{oops", "[]", "7", ""]) expect(() => read(`/?call=${text}`)).toThrow();
});

it("selects a study, or its subject (URL-04)", () => {
  expect(targetOf(PLAIN)).toBe("A 1#2024-05");
  expect(targetOf({ ...PLAIN, selmode: "patient" })).toBe("A 1");
  expect(targetOf({ ...PLAIN, sid: "" })).toBe("A 1");
  expect(targetOf({ ...PLAIN, pid: "" })).toBe("");
});

it("puts the target in sight, also with spaces and quotes in it", () => {
  expect(barOf("S-0001#2024-05-02")).toBe("S-0001#2024-05-02");
  expect(barOf("S-0001")).toBe("S-0001");
  expect(barOf('A 1#x"y')).toBe('PID:="A 1" & SID:="x""y"');
});
