// Runs the whole-mask operations away from the page; answers with the runs that change.
import type { Job } from "./jobs";
import { answer } from "./jobs";

interface Asked {
  id: number;
  job: Job;
}

addEventListener("message", ({ data }: MessageEvent<Asked>) => {
  try {
    const told = answer(data.job);
    const moved = told instanceof Uint32Array ? [told.buffer as ArrayBuffer] : [];
    postMessage({ id: data.id, told }, { transfer: moved });
  } catch (error) {
    postMessage({ id: data.id, failed: error instanceof Error ? error.message : String(error) });
  }
});
