// The one open menu (context menu or drop-down): what it holds and where it is.
import type { Component } from "svelte";

export interface MenuItem {
  label: string;
  icon?: Component;
  detail?: string;
  /** Tooltip, such as why it is grey. */
  title?: string;
  checked?: boolean;
  disabled?: boolean;
  danger?: boolean;
  /** A line above this item. */
  separate?: boolean;
  heading?: boolean;
  run?: () => void;
}

/** The items that hold all the words, with the headings above them. */
export function fitting(items: readonly MenuItem[], text: string): MenuItem[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...items];
  const found: MenuItem[] = [];
  let heading: MenuItem | null = null;
  for (const item of items) {
    if (item.heading) heading = item;
    else {
      const all = `${heading?.label ?? ""} ${item.label}`.toLowerCase();
      if (!words.every((word) => all.includes(word))) continue;
      if (heading && !found.includes(heading)) found.push(heading);
      found.push(item);
    }
  }
  return found;
}

interface OpenMenu {
  items: MenuItem[];
  x: number;
  y: number;
  label: string;
  minWidth: number;
}

const state = $state<{ menu: OpenMenu | null }>({ menu: null });
let opener: HTMLElement | null = null;

export function openedMenu(): OpenMenu | null {
  return state.menu;
}

export function openMenuAt(x: number, y: number, items: MenuItem[], label: string): void {
  opener = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  state.menu = { items, x, y, label, minWidth: 180 };
}

/** Open below a button (or close it when it is open already). */
export function openMenuBelow(element: HTMLElement, items: MenuItem[], label: string): void {
  const box = element.getBoundingClientRect();
  opener = element;
  state.menu = { items, x: box.left, y: box.bottom + 4, label, minWidth: Math.max(180, box.width) };
}

export function closeMenu(refocus = true): void {
  state.menu = null;
  if (refocus) opener?.focus({ preventScroll: true });
  opener = null;
}
