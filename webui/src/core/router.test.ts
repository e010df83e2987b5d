import { beforeEach, describe, expect, it } from "vitest";
import { navigate, router, setHome, setQuery, startRouter } from "./router.svelte";

beforeEach(() => {
  history.replaceState(null, "", "/?project=a&level=files&sel=S-1");
  startRouter()();
});

describe("the main screen's query", () => {
  it("stays while another page is open, and comes back with it", () => {
    navigate("/jobs?sort=-created");
    expect(location.search).toBe("?sort=-created&project=a");
    expect(router.home.get("sel")).toBe("S-1");
    expect(router.home.get("sort")).toBeNull();
    navigate("/");
    expect(location.search).toBe("?project=a&level=files&sel=S-1");
  });
  it("can be changed from another page", () => {
    navigate("/batch");
    setHome({ sel: null });
    expect(location.search).toBe("?project=a");
    navigate("/");
    expect(location.search).toBe("?project=a&level=files");
  });
  it("is forgotten when the project changes", () => {
    navigate("/jobs");
    setQuery({ project: "b" });
    expect(router.home.get("sel")).toBeNull();
    navigate("/");
    expect(location.search).toBe("?project=b");
  });
  it("gives way to a link that says more", () => {
    navigate("/jobs");
    navigate("/?project=a&name=S-2");
    expect(location.search).toBe("?project=a&name=S-2");
  });
});
