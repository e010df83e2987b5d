import { expect, it } from "vitest";
import { manualLink, render, slug } from "./markdown";

it("scripts and what could load from elsewhere do not come through", () => {
  const html = render(
    '# Hi\n<script>alert(1)</script><img src=x onerror=alert(1)> <img src="https://far.example/a.png">' +
      "\n[x](javascript:alert(1))\n<iframe src='/x'></iframe>\n<p style='color:red'>p</p>",
  );
  for (const bad of ["script", "onerror", "far.example", "javascript:", "iframe", "style="]) {
    expect(html).not.toContain(bad);
  }
  expect(html).toContain('<h1 id="hi">Hi</h1>');
});

it("pages link to each other by our addresses", () => {
  expect(manualLink("backup.md#restore")).toBe("/manual/backup#restore");
  expect(manualLink("./table.md")).toBe("/manual/table");
  expect(render("[t](table.md)")).toContain('href="/manual/table"');
  expect(render("[e](https://example.org)")).toContain('rel="noopener noreferrer"');
});

it("headings get stable anchors", () => {
  expect(slug("What can go wrong?")).toBe("what-can-go-wrong");
});
