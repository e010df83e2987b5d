// Neuroglancer's own bundle, loaded when a pyramid is opened; its style sheet goes with the page.

export interface Opened {
  restore: (state: unknown) => void;
  close: () => void;
}

interface Bundle {
  open: (target: HTMLElement, state: unknown, changed: (state: unknown) => void) => Opened;
}

export interface Loaded extends Bundle {
  /** Takes the style sheet away, which speaks of the whole page. */
  release: () => void;
}

const FOLDER = "/neuroglancer";

/** Each viewer gets an element of its own, which goes when it is closed. */
function openIn(bundle: Bundle): Bundle["open"] {
  return (target, state, changed) => {
    const own = document.createElement("div");
    own.style.cssText = "width:100%;height:100%";
    target.append(own);
    const opened = bundle.open(own, state, changed);
    const close = (): void => {
      opened.close();
      own.remove();
    };
    return { ...opened, close };
  };
}

function styleSheet(): Promise<HTMLLinkElement> {
  return new Promise((resolve, reject) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = `${FOLDER}/main.css`;
    link.onload = () => resolve(link);
    link.onerror = () => {
      link.remove();
      reject(new Error("Neuroglancer is not part of this installation."));
    };
    document.head.append(link);
  });
}

/** Load the bundle; release it when the page is left. */
export async function loadNeuroglancer(): Promise<Loaded> {
  const link = await styleSheet();
  try {
    const address = `${FOLDER}/main.js`;
    const bundle = (await import(/* @vite-ignore */ address)) as Bundle;
    return { open: openIn(bundle), release: () => link.remove() };
  } catch (error) {
    link.remove();
    throw error;
  }
}
