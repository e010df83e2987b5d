// Markdown of the manual into safe HTML; addresses between pages become ours.
import DOMPurify from "dompurify";
import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: false });

export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "");

/** "backup.md#restore" -> "/manual/backup#restore"; other addresses stay as they are. */
export function manualLink(href: string): string {
  const match = /^(?:\.\/)?([\w-]+)\.md(#.*)?$/.exec(href);
  return match ? `/manual/${match[1]}${match[2] ?? ""}` : href;
}

export function render(markdown: string): string {
  const html = marked.parse(markdown, { async: false });
  const clean = DOMPurify.sanitize(html, {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "input", "button", "iframe", "video", "audio"],
    FORBID_ATTR: ["style"],
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of clean.querySelectorAll("a[href]")) {
    const href = manualLink(link.getAttribute("href") ?? "");
    link.setAttribute("href", href);
    if (/^https?:/.test(href)) {
      link.setAttribute("target", "_blank");
      link.setAttribute("rel", "noopener noreferrer");
    }
  }
  // Nothing is ever loaded from another host.
  for (const image of clean.querySelectorAll("img")) {
    if (/^(https?:)?\/\//.test(image.getAttribute("src") ?? "")) image.remove();
  }
  for (const heading of clean.querySelectorAll("h1, h2, h3"))
    heading.id = slug(heading.textContent ?? "");
  const box = document.createElement("div");
  box.append(clean);
  return box.innerHTML;
}
