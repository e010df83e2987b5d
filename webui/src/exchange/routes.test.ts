import { describe, expect, it } from "vitest";
import { does, freshRoute, missed, moved, takes, words } from "./routes";

describe("rules of routing", () => {
  it("move within the list and never out of it", () => {
    expect(moved(["a", "b", "c"], 2, -1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b", "c"], 0, -1)).toEqual(["a", "b", "c"]);
    expect(moved(["a", "b", "c"], 2, 1)).toEqual(["a", "b", "c"]);
  });
  it("say what they take and do", () => {
    const route = freshRoute("heads");
    expect(takes(route)).toBe("everything");
    route.when = [{ field: "StationName", op: "is", value: "MRC1" }];
    route.project = "heads";
    route.forward = ["clinic"];
    expect(takes(route)).toBe("StationName is MRC1");
    expect(does(route)).toEqual(["to project heads", "sent on to clinic"]);
  });
  it("read words with commas", () => {
    expect(words(" a, b ,,c ")).toEqual(["a", "b", "c"]);
  });
  it("say why they did not fit", () => {
    expect(missed({ rule: "ct", field: "Modality" })).toBe("Not ct: Modality");
    expect(missed({ rule: "ct", field: "off" })).toBe("Not ct: switched off");
  });
});
