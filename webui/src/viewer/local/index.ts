// Files of this computer in formats that the viewer does not read itself, converted in the page.
import { complexPart, isComplexHead, type ComplexPart } from "./complex";
import { readDicom, seriesOf } from "./dicom";
import { isDicom } from "./dicomparse";
import { readMgh } from "./mgh";
import { isMrcHead, readMrc } from "./mrc";
import { asNifti1, isNifti2Head } from "./nifti2";
import { readNrrd } from "./nrrd";
import { unpacked } from "./plain";

/** Objects dropped together with the first one of their series. */
const companions = new WeakMap<File, readonly File[]>();

/** Bytes from the start of a file, unpacked. */
async function headOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  const start = new Uint8Array(await file.slice(0, 352).arrayBuffer());
  if (start[0] !== 0x1f || start[1] !== 0x8b) return start;
  const raw = file.stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
  const reader = raw.pipeThrough(new DecompressionStream("gzip")).getReader();
  let head = new Uint8Array(0);
  while (head.length < 352) {
    // A damaged file is reported by whoever reads all of it.
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
    if (done || !value) break;
    head = new Uint8Array([...head, ...value.subarray(0, 352)]);
  }
  await reader.cancel().catch(() => undefined);
  return head;
}

async function whole(file: File): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return packed ? (await unpacked(bytes, "gzip")).buffer : bytes.buffer;
}

/** A file that the viewer reads: itself, or one made of it; `part` is of complex values. */
export async function readable(file: File, part: ComplexPart): Promise<File> {
  if (/\.mg[hz]$/i.test(file.name)) return readMgh(file);
  if (/\.nrrd$/i.test(file.name)) return readNrrd(file);
  const head = await headOf(file);
  if (isMrcHead(head)) return readMrc(file);
  if (isComplexHead(head.buffer))
    return new File([complexPart(await whole(file), part)], file.name);
  if (isNifti2Head(head.buffer)) {
    const plain = asNifti1(await whole(file));
    return new File([isComplexHead(plain) ? complexPart(plain, part) : plain], file.name);
  }
  return isDicom(head) ? readDicom(companions.get(file) ?? [file]) : file;
}

/** Of DICOM objects dropped together one for each series, which brings the others along. */
export async function firstOfSeries(files: readonly File[]): Promise<File[]> {
  const groups = new Map<string, File[]>();
  for (const file of files) {
    const series = (await seriesOf(file)) || `${file.name} ${groups.size}`;
    groups.set(series, [...(groups.get(series) ?? []), file]);
  }
  return [...groups.values()].map((group) => {
    companions.set(group[0]!, group);
    return group[0]!;
  });
}
