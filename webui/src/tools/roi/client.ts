// Talks to the worker of the ROI tool; starts it on first use.
import type { Edit, Job } from "./jobs";
import type { Triple } from "./kernels/box";
import type { Island } from "./kernels/components";

interface Told {
  id: number;
  told?: unknown;
  failed?: string;
}

let worker: Worker | null = null;
let last = 0;
const waiting = new Map<number, { done: (told: unknown) => void; failed: (why: Error) => void }>();

function started(): Worker {
  if (worker) return worker;
  worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    const who = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.failed === undefined) who?.done(data.told);
    else who?.failed(new Error(data.failed));
  };
  worker.onerror = (event) => {
    const failure = new Error(event.message || "The worker of the ROI tool has stopped.");
    for (const { failed } of waiting.values()) failed(failure);
    waiting.clear();
    worker?.terminate();
    worker = null;
  };
  return worker;
}

function ask<T>(job: Job): Promise<T> {
  const id = ++last;
  return new Promise<T>((done, failed) => {
    waiting.set(id, { done: done as (told: unknown) => void, failed });
    started().postMessage({ id, job }, [job.mask.buffer as ArrayBuffer]);
  });
}

/** Runs of voxels that an operation turns over. The mask is copied. */
export const askEdit = (mask: Uint8Array, shape: Triple, edit: Edit): Promise<Uint32Array> =>
  ask({ mask: mask.slice(), shape, edit });

export const askIslands = (mask: Uint8Array, shape: Triple): Promise<Island[]> =>
  ask({ mask: mask.slice(), shape, list: "islands" });
