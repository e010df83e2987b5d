// Tooltips: one small label for whatever the pointer or the focus rests on.

const DELAY_MS = 450;
const HIDING = ["pointerleave", "pointerdown", "blur", "keydown"];

export const tipState = $state<{ text: string; box: DOMRect | null }>({ text: "", box: null });
let timer: ReturnType<typeof setTimeout> | undefined;

let shown = false;

/** Not at once: a button that is removed while it has the focus tells so in the middle of drawing,
 * where state may be neither written nor, lest the drawing depends on it, read. */
function hide(): void {
  clearTimeout(timer);
  if (!shown) return;
  shown = false;
  queueMicrotask(() => {
    if (!shown) tipState.box = null;
  });
}

/** Attach to an element: `{@attach tip("Health (H)")}`. */
export function tip(text: string | null | undefined) {
  return (node: Element): (() => void) | undefined => {
    if (!text) return undefined;
    const show = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        shown = true;
        tipState.text = text;
        tipState.box = node.getBoundingClientRect();
      }, DELAY_MS);
    };
    const focus = (): void => {
      if (node.matches(":focus-visible")) show();
    };
    node.addEventListener("pointerenter", show);
    node.addEventListener("focus", focus);
    for (const name of HIDING) node.addEventListener(name, hide);
    return () => {
      node.removeEventListener("pointerenter", show);
      node.removeEventListener("focus", focus);
      for (const name of HIDING) node.removeEventListener(name, hide);
      hide();
    };
  };
}
