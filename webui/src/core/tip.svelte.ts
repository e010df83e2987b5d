// Tooltips: one small label for whatever the pointer or the focus rests on.

const DELAY_MS = 450;
const HIDING = ["pointerleave", "pointerdown", "blur", "keydown"];

export const tipState = $state<{ text: string; box: DOMRect | null }>({ text: "", box: null });
let timer: ReturnType<typeof setTimeout> | undefined;
let waiting: Element | null = null;
let drawn: Element | null = null;

function show(node: Element, text: string): void {
  clearTimeout(timer);
  waiting = node;
  timer = setTimeout(() => {
    waiting = null;
    drawn = node;
    tipState.text = text;
    tipState.box = node.getBoundingClientRect();
  }, DELAY_MS);
}

/** Take a node's own tip away, and nobody else's. Not at once: a button that is removed while it
 * has the focus tells so in the middle of drawing, where state may not be written. */
function hide(node: Element): void {
  if (waiting === node) {
    clearTimeout(timer);
    waiting = null;
  }
  if (drawn !== node) return;
  drawn = null;
  queueMicrotask(() => {
    if (!drawn) tipState.box = null;
  });
}

/** Attach to an element: `{@attach tip("Health (H)")}`. */
export function tip(text: string | null | undefined) {
  return (node: Element): (() => void) | undefined => {
    if (!text) return undefined;
    const enter = (): void => show(node, text);
    const leave = (): void => hide(node);
    const focus = (): void => {
      if (node.matches(":focus-visible")) show(node, text);
    };
    node.addEventListener("pointerenter", enter);
    node.addEventListener("focus", focus);
    for (const name of HIDING) node.addEventListener(name, leave);
    return () => {
      node.removeEventListener("pointerenter", enter);
      node.removeEventListener("focus", focus);
      for (const name of HIDING) node.removeEventListener(name, leave);
      leave();
    };
  };
}
