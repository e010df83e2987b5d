// A panel that opens below its button and closes by Escape or a press elsewhere.

export interface Popover {
  readonly open: boolean;
  toggle: () => void;
  close: () => void;
  /** Attach to the element that holds the button and the panel. */
  holder: (node: HTMLElement) => () => void;
}

export function popover(): Popover {
  let open = $state(false);
  const close = (): void => void (open = false);
  const holder = (node: HTMLElement): (() => void) => {
    const outside = (event: PointerEvent): void => {
      if (open && event.target instanceof Node && !node.contains(event.target)) close();
    };
    const escape = (event: KeyboardEvent): void => {
      if (!open || event.key !== "Escape") return;
      event.stopPropagation();
      event.preventDefault();
      close();
      node.querySelector<HTMLElement>("button")?.focus();
    };
    addEventListener("pointerdown", outside, true);
    node.addEventListener("keydown", escape);
    return () => {
      removeEventListener("pointerdown", outside, true);
      node.removeEventListener("keydown", escape);
    };
  };
  return {
    get open() {
      return open;
    },
    toggle: () => void (open = !open),
    close,
    holder,
  };
}
