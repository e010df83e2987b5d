// A picture of a viewport as it travels to an archive.

/** The most letters of a series' description that are ours to choose. */
const MOST = 30;

export const base64Of = (canvas: HTMLCanvasElement): Promise<string> =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (!blob) return reject(new Error("No picture."));
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result).split(",")[1] ?? "");
      reader.onerror = () => reject(new Error("The picture cannot be read."));
      reader.readAsDataURL(blob);
    }, "image/png");
  });

/** "s001_axial.png" -> "s001 axial". */
export const titleOf = (name: string): string =>
  name
    .replace(/\.png$/i, "")
    .replace(/_/g, " ")
    .slice(0, MOST)
    .trim();
