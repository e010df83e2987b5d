// Pictures of viewports with what must be on them: sides, convention, image, position.
import type { Vec3 } from "./linalg";
import { dot } from "./linalg";
import type { Measurement } from "./measure";
import { inPlane, measureText } from "./measure";
import { measuring } from "./measuring";
import { hasSides, lengthOf, unitOf } from "./lengths";
import { planeName } from "./strings";
import { PLANE_LETTER, sideLetters, worldToScreen } from "./planes";
import type { Viewer } from "./viewer.svelte";
import type { Viewport } from "./viewport.svelte";

export interface Shot {
  canvas: HTMLCanvasElement;
  name: string;
}

type Paper = CanvasRenderingContext2D;

const AMBER = "#efae4e";

function write(paper: Paper, text: string, x: number, y: number, colour = "#e6e6e6"): void {
  paper.lineWidth = 3;
  paper.strokeStyle = "#000";
  paper.strokeText(text, x, y);
  paper.fillStyle = colour;
  paper.fillText(text, x, y);
}

function lines(paper: Paper, viewer: Viewer, viewport: Viewport, at: Vec3): void {
  for (const { view, rect } of viewer.parts(viewport)) {
    const p = worldToScreen(view, at);
    paper.fillStyle = "rgb(232 163 61 / 62%)";
    if (p.x >= 0 && p.x < rect.width)
      paper.fillRect(rect.left + Math.floor(p.x), rect.top, 1, rect.height);
    if (p.y >= 0 && p.y < rect.height)
      paper.fillRect(rect.left, rect.top + Math.floor(p.y), rect.width, 1);
  }
}

function letters(paper: Paper, viewer: Viewer, viewport: Viewport): void {
  for (const { view, rect, mm } of viewer.parts(viewport)) {
    const side = sideLetters(view.axes, hasSides(lengthOf(viewport.volume?.header)));
    const [cx, cy] = [rect.left + rect.width / 2, rect.top + rect.height / 2];
    paper.font = "600 13px system-ui, sans-serif";
    paper.textAlign = "left";
    write(paper, side.left, rect.left + 8, cy + 18, AMBER);
    if (mm !== undefined) write(paper, mm.toFixed(1), rect.left + 8, rect.top + 34, "#e6d25a");
    else {
      write(paper, side.top, cx + 8, rect.top + 18, AMBER);
      write(paper, side.bottom, cx + 8, rect.top + rect.height - 8, AMBER);
    }
    paper.textAlign = "right";
    write(paper, side.right, rect.left + rect.width - 8, cy + 18, AMBER);
  }
}

/** Rulers and angles of the planes that are shown. */
function measures(paper: Paper, viewer: Viewer, viewport: Viewport, all: readonly Measurement[]) {
  const stepMm = viewer.slice(viewport)?.stepMm ?? 1;
  for (const { view, rect } of viewer.parts(viewport))
    for (const one of all) {
      if (!inPlane(one.points, view.origin, view.axes.normal, stepMm)) continue;
      const points = one.points.map((mm) => worldToScreen(view, mm));
      paper.beginPath();
      for (const { x, y } of points) paper.lineTo(rect.left + x, rect.top + y);
      paper.lineWidth = 1.5;
      paper.strokeStyle = "#ffe27a";
      paper.stroke();
      const last = points.at(-1)!;
      paper.textAlign = "left";
      paper.font = "13px system-ui, sans-serif";
      write(paper, measureText(one), rect.left + last.x + 8, rect.top + last.y - 6, "#ffe27a");
    }
}

/** "axial · z 12.0 mm · radiological". */
export function captionOf(viewer: Viewer, viewport: Viewport): string {
  const view = viewer.view(viewport);
  const { plane } = viewport;
  const length = lengthOf(viewport.volume?.header);
  const sides = viewer.radiological ? "radiological" : "neurological";
  const convention = hasSides(length) ? sides : "x to the right";
  if (!view || !plane) return convention;
  const mm = dot(viewer.crosshairOf(viewport), view.axes.normal).toFixed(1);
  const place = viewport.mosaic ? "mosaic" : `${PLANE_LETTER[plane]} ${mm} ${unitOf(length)}`;
  return `${planeName(plane, hasSides(length))} · ${place} · ${convention}`;
}

function caption(paper: Paper, viewer: Viewer, viewport: Viewport): void {
  paper.textAlign = "left";
  paper.font = "12px system-ui, sans-serif";
  const { base } = viewport;
  const names = viewport.layers.map(({ label }) => label).join(", ");
  write(paper, [base?.subject, names].filter(Boolean).join(" · "), 8, 18);
  write(paper, captionOf(viewer, viewport), 8, viewport.rect.height - 10, "#a8a8a8");
}

/** A picture of one viewport, at the resolution of the screen. */
export function shoot(viewer: Viewer, viewport: Viewport, source: HTMLCanvasElement): Shot {
  const { left, top, width, height } = viewport.rect;
  const ratio = source.width / Math.max(1, source.clientWidth);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const paper = canvas.getContext("2d")!;
  const cut = [left, top, width, height].map((v) => v * ratio) as [number, number, number, number];
  paper.drawImage(source, ...cut, 0, 0, canvas.width, canvas.height);
  paper.scale(ratio, ratio);
  if (viewer.showCrosshair) lines(paper, viewer, viewport, viewer.crosshairOf(viewport));
  measures(paper, viewer, viewport, measuring.all);
  letters(paper, viewer, viewport);
  caption(paper, viewer, viewport);
  const name = (viewport.base?.label ?? "viewport").replace(/\.nii(\.gz)?$/i, "");
  return { canvas, name: `${name}_${viewport.kind}.png` };
}

/** All viewports that show planes, in their places. */
export function shootAll(viewer: Viewer, source: HTMLCanvasElement): Shot {
  const ratio = source.width / Math.max(1, source.clientWidth);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [source.width, source.height];
  const paper = canvas.getContext("2d")!;
  paper.fillRect(0, 0, canvas.width, canvas.height);
  const shown =
    viewer.maximized === null ? viewer.viewports : [viewer.viewports[viewer.maximized]!];
  for (const viewport of shown) {
    if (!viewport.plane || viewport.rect.width < 2) continue;
    const { left, top } = viewport.rect;
    paper.drawImage(shoot(viewer, viewport, source).canvas, left * ratio, top * ratio);
  }
  return { canvas, name: "viewports.png" };
}

const blobOf = (canvas: HTMLCanvasElement): Promise<Blob> =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No picture."))), "image/png");
  });

/** Save as a file of this computer. */
export async function saveShot({ canvas, name }: Shot): Promise<void> {
  const url = URL.createObjectURL(await blobOf(canvas));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export async function copyShot({ canvas }: Shot): Promise<void> {
  await navigator.clipboard.write([new ClipboardItem({ "image/png": blobOf(canvas) })]);
}
