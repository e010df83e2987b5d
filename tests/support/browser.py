"""A real Chromium for tests and figures; every error in a page is noted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.needs import find

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

__all__ = ["FIRST_PICTURE", "Watched", "chromium", "watched_page"]

FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# Notes in window.__firstPicture when a WebGL2 canvas first holds many grey pixels that are not
# dark, and in window.__doubleClick when the last double click was. Looks right after each draw.
FIRST_PICTURE = """
(() => {
  window.addEventListener('dblclick', () => { window.__doubleClick = performance.now(); }, true);
  const proto = WebGL2RenderingContext.prototype;
  const look = (gl) => {
    if (window.__firstPicture) return;
    const w = gl.drawingBufferWidth, h = gl.drawingBufferHeight;
    if (gl.getParameter(gl.DRAW_FRAMEBUFFER_BINDING) || w < 200 || h < 200) return;
    const bytes = new Uint8Array(w * h * 4);
    gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    let grey = 0;
    for (let i = 0; i < bytes.length; i += 4) {
      const r = bytes[i], g = bytes[i + 1], b = bytes[i + 2];
      if (r > 60 && Math.abs(r - g) < 6 && Math.abs(r - b) < 6) grey += 1;
    }
    if (grey > w * h * 0.02) window.__firstPicture = performance.now();
  };
  for (const name of ['drawArrays', 'drawElements', 'drawArraysInstanced',
                      'drawElementsInstanced']) {
    const real = proto[name];
    proto[name] = function (...args) {
      const answer = real.apply(this, args);
      look(this);
      return answer;
    };
  }
})();
"""


@dataclass
class Watched:
    """A page, what went wrong in it, and which addresses it asked."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def foreign(self, origin: str) -> list[str]:
        """Requests that left the origin."""
        own = (origin, "blob:", "data:", "about:")
        return [url for url in self.requests if not url.startswith(own)]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, headless, drawing in software."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find("chromium"), args=FLAGS)
        yield browser
        browser.close()


def _told(message: ConsoleMessage) -> str:
    """What the console says, and where it happened, such as the address that failed."""
    return f"{message.text} ({message.location.get('url', '')})"


@contextmanager
def watched_page(
    browser: Browser, *, width: int = 1280, height: int = 800, script: str = ""
) -> Iterator[Watched]:
    """A page in a fresh context, with its errors and requests noted."""
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height}, device_scale_factor=1, reduced_motion="reduce"
    )
    if script:
        context.add_init_script(script)
    page = context.new_page()
    watched = Watched(page)
    page.on("pageerror", lambda error: watched.errors.append(f"page error: {error}"))
    page.on("console", lambda m: watched.errors.append(_told(m)) if m.type == "error" else None)
    page.on("request", lambda request: watched.requests.append(request.url))
    try:
        yield watched
    finally:
        context.close()
