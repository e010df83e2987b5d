// The only module that knows PDF.js; it runs in a worker of our own origin and asks nobody.
import type { PDFDocumentLoadingTask } from "pdfjs-dist";

const WORKER = new URL("pdfjs-dist/build/pdf.worker.min.mjs", import.meta.url);

/** Open a PDF; fonts of the system stand in for those that are not in the file. */
export async function openPdf(data: ArrayBuffer): Promise<PDFDocumentLoadingTask> {
  const { getDocument, GlobalWorkerOptions } = await import("pdfjs-dist");
  GlobalWorkerOptions.workerSrc = WORKER.href;
  return getDocument({
    data,
    enableXfa: false,
    useSystemFonts: true,
    useWasm: false,
    disableAutoFetch: true,
    disableStream: true,
  });
}
