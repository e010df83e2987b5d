// How wide a text is drawn, without asking the page to lay itself out.
const pen = typeof document === "undefined" ? null : document.createElement("canvas");

/** Width in CSS pixels of `text` in a CSS font such as "600 13px sans-serif". */
export function widthOf(text: string, font: string): number {
  const context = pen?.getContext("2d");
  if (!context) return 0;
  context.font = font;
  // The page draws all digits equally wide.
  return context.measureText(text.replaceAll(/\d/g, "0")).width;
}
