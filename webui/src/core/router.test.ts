import { beforeEach, describe, expect, it } from "vitest";
import { navigate, pageQuery, router, setHome, setQuery, startRouter } from "./router.svelte";

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

describe("a page's own query", () => {
  it("stays as it was once the page is left, and changes nothing any more", () => {
    navigate("/arrivals?state=waiting");
    const own = pageQuery();
    expect(own.get("state")).toBe("waiting");
    own.set({ key: "r1" });
    expect(location.search).toContain("key=r1");
    expect(own.get("key")).toBe("r1");
    navigate("/jobs?state=e");
    expect(own.get("state")).toBe("waiting");
    own.set({ state: "done" });
    expect(location.search).toContain("state=e");
  });
});
