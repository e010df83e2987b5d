// Tooltips: one small label for whatever the pointer or the focus rests on.

const DELAY_MS = 450;

export const tipState = $state<{ text: string; box: DOMRect | null }>({ text: "", box: null });
let timer: ReturnType<typeof setTimeout> | undefined;

function hide(): void {
  clearTimeout(timer);
  // Not at once: a button that is removed while it has the focus tells so in the middle of drawing.
  if (tipState.box) queueMicrotask(() => (tipState.box = null));
}

/** Attach to an element: `{@attach tip("Health (H)")}`. */
export function tip(text: string | null | undefined) {
  return (node: Element): (() => void) | undefined => {
    if (!text) return undefined;
    const show = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        tipState.text = text;
        tipState.box = node.getBoundingClientRect();
      }, DELAY_MS);
    };
    const focus = (): void => {
      if (node.matches(":focus-visible")) show();
    };
    node.addEventListener("pointerenter", show);
    node.addEventListener("focus", focus);
    for (const name of ["pointerleave", "pointerdown", "blur"]) node.addEventListener(name, hide);
    return () => {
      node.removeEventListener("pointerenter", show);
      node.removeEventListener("focus", focus);
      for (const name of ["pointerleave", "pointerdown", "blur"])
        node.removeEventListener(name, hide);
      hide();
    };
  };
}
