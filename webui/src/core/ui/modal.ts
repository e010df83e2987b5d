// What every modal dialog does with the focus: takes it in, keeps it, and gives it back.

const TABBABLE =
  "a[href], button, input, select, textarea, summary, [tabindex]:not([tabindex='-1'])";

const takesFocus = (node: HTMLElement): boolean =>
  node.matches(TABBABLE) && node.tabIndex >= 0 && !node.matches(":disabled");

/** Browsers let Tab stop at what scrolls, when nothing in it takes the focus. */
function scrolls(node: HTMLElement): boolean {
  if (node.scrollHeight <= node.clientHeight + 1) return false;
  const way = getComputedStyle(node).overflowY;
  if (way !== "auto" && way !== "scroll") return false;
  return ![...node.querySelectorAll<HTMLElement>(TABBABLE)].some(takesFocus);
}

const stops = (dialog: HTMLElement): HTMLElement[] =>
  [...dialog.querySelectorAll<HTMLElement>("*")].filter(
    (node) => (takesFocus(node) || scrolls(node)) && node.checkVisibility(),
  );

const isRadio = (node: Element): node is HTMLInputElement => node.matches("input[type=radio]");

/** Radio buttons of one name are one stop. */
const sameStop = (a: Element, b: Element): boolean =>
  a === b || (isRadio(a) && isRadio(b) && a.name === b.name);

function keepTab(event: KeyboardEvent, dialog: HTMLElement): void {
  const all = stops(dialog);
  const [first, last] = [all[0], all.at(-1)];
  const at = document.activeElement;
  if (!first || !last || !at) return;
  const edge = event.shiftKey ? first : last;
  if (!sameStop(at, edge) && at !== dialog) return;
  if (at === dialog && !event.shiftKey) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}

/** Show a dialog above everything. Tab behind its last field comes to the first again; however it
 * is closed, the focus goes back to where it was. */
export function modal(dialog: HTMLDialogElement): () => void {
  const before = document.activeElement;
  dialog.showModal();
  // Else the dialog itself: a key that is still held down presses nothing in it.
  dialog.tabIndex = -1;
  const first = dialog.querySelector<HTMLElement>("[data-autofocus], [autofocus]");
  (first ?? dialog).focus();
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "Tab" && !event.defaultPrevented) keepTab(event, dialog);
  });
  return () => {
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
}
