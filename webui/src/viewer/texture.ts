// Volumes on the GPU: a whole 3D texture filled piece by piece, or a thin slab for one viewport.
import type { Vec3 } from "./linalg";
import type { Packing, TexelKind } from "./packing";
import type { Slab } from "./sample";
import type { StoredArray } from "./nifti";
import type { Volume, VoxelBox } from "./volume";

/** Placed texels: texture = (voxel - first + 0.5) / (size * bin). */
export interface Placed {
  texture: WebGLTexture;
  first: Vec3;
  size: Vec3;
  bin: number;
}

type Gl = WebGL2RenderingContext;

function format(gl: Gl, kind: TexelKind): [internal: number, format: number, type: number] {
  if (kind === "u8") return [gl.R8, gl.RED, gl.UNSIGNED_BYTE];
  if (kind === "half") return [gl.R16F, gl.RED, gl.HALF_FLOAT];
  if (kind === "float") return [gl.R32F, gl.RED, gl.FLOAT];
  if (kind === "rgb") return [gl.RGB8, gl.RGB, gl.UNSIGNED_BYTE];
  return [gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE];
}

function create(gl: Gl, packing: Packing, size: Vec3, nearest: boolean): WebGLTexture {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_3D, texture);
  gl.texStorage3D(gl.TEXTURE_3D, 1, format(gl, packing.kind)[0], size[0], size[1], size[2]);
  const filter = nearest ? gl.NEAREST : gl.LINEAR;
  gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, filter);
  for (const wrap of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
    gl.texParameteri(gl.TEXTURE_3D, wrap, gl.CLAMP_TO_EDGE);
  return texture;
}

function fill(gl: Gl, packing: Packing, size: Vec3, k: number, n: number, data: StoredArray): void {
  const [, pixels, type] = format(gl, packing.kind);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const at = [0, 0, k, size[0], size[1], n] as const;
  gl.texSubImage3D(gl.TEXTURE_3D, 0, ...at, pixels, type, packing.pack(data));
}

/** Put RGBA words into a flat texture, the lowest row first. */
export function fillPicture(
  gl: Gl,
  texture: WebGLTexture,
  size: readonly [number, number],
  pixels: Uint32Array,
): void {
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const bytes = new Uint8Array(pixels.buffer);
  gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, ...size, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
}

/** Mean (or first, for labels) of bin x bin blocks of a slab; across it stays as it is. */
export function binSlab(slab: Slab, bin: number, channels: number, mean: boolean): Slab {
  const steps = [0, 1, 2].map((a) => (a === slab.axis ? 1 : bin)) as unknown as Vec3;
  const shape = slab.shape.map((n, a) => Math.ceil(n / steps[a]!)) as unknown as Vec3;
  const [nx, ny, nz] = slab.shape;
  const Like = slab.data.constructor as new (n: number) => StoredArray;
  const data = new Like(shape[0] * shape[1] * shape[2] * channels);
  const reach = mean ? steps : [1, 1, 1];
  let at = 0;
  for (let z = 0; z < nz; z += steps[2])
    for (let y = 0; y < ny; y += steps[1])
      for (let x = 0; x < nx; x += steps[0])
        for (let e = 0; e < channels; e++) {
          let [sum, n] = [0, 0];
          for (let k = z; k < Math.min(nz, z + reach[2]!); k++)
            for (let j = y; j < Math.min(ny, y + reach[1]!); j++)
              for (let i = x; i < Math.min(nx, x + reach[0]!); i++, n++)
                sum += slab.data[((k * ny + j) * nx + i) * channels + e]!;
          data[at++] = sum / n;
        }
  return { ...slab, shape, data };
}

/** Upload a slab, binned where it is longer than the device takes; reuses `old` when the size is the same. */
export function placeSlab(
  gl: Gl,
  packing: Packing,
  slab: Slab,
  nearest: boolean,
  old: Placed | null,
  limits: { maxSize: number; channels: number },
): Placed {
  const bin = Math.max(1, Math.ceil(Math.max(...slab.shape) / limits.maxSize));
  if (bin > 1) slab = binSlab(slab, bin, limits.channels, !nearest);
  const same = old?.size.every((n, a) => n === slab.shape[a]);
  if (old && !same) gl.deleteTexture(old.texture);
  const texture = old && same ? old.texture : create(gl, packing, slab.shape, nearest);
  gl.bindTexture(gl.TEXTURE_3D, texture);
  fill(gl, packing, slab.shape, 0, slab.shape[2], slab.data);
  const first = [0, 0, 0].map((_, a) => (a === slab.axis ? slab.first : 0)) as unknown as Vec3;
  return { texture, first, size: slab.shape, bin };
}

/** Smallest whole factor that brings a volume within the limits of the device. */
export function binFactor(shape: Vec3, bytesPerVoxel: number, maxSize: number, budget: number) {
  let bin = 1;
  const size = (n: number): number => Math.ceil(n / bin);
  const tooBig = (): boolean =>
    Math.max(...shape.map(size)) > maxSize ||
    shape.map(size).reduce((a, b) => a * b) * bytesPerVoxel > budget;
  while (tooBig()) bin++;
  return bin;
}

/** Mean (or first, for labels) of bin^3 blocks of one layer of blocks. */
export function binLayer(volume: Volume, frame: number, bin: number, layer: number, mean: boolean) {
  const [nx, ny, nz] = volume.shape;
  const c = volume.channels;
  const [bx, by] = [Math.ceil(nx / bin), Math.ceil(ny / bin)];
  const Like = volume.data.constructor as new (n: number) => StoredArray;
  const out = new Like(bx * by * c);
  const data = volume.frameSamples(frame)!;
  const reach = mean ? bin : 1;
  for (let j = 0; j < by; j++)
    for (let i = 0; i < bx; i++)
      for (let e = 0; e < c; e++) {
        let sum = 0;
        let n = 0;
        for (let z = layer * bin; z < Math.min(nz, layer * bin + reach); z++)
          for (let y = j * bin; y < Math.min(ny, j * bin + reach); y++)
            for (let x = i * bin; x < Math.min(nx, i * bin + reach); x++, n++)
              sum += data[((z * ny + y) * nx + x) * c + e]!;
        out[(j * bx + i) * c + e] = sum / n;
      }
  return out;
}

/** A whole frame of a volume on the GPU, filled in steps so that nothing waits for it. */
export class VolumeTexture implements Placed {
  readonly texture: WebGLTexture;
  readonly first: Vec3 = [0, 0, 0];
  readonly size: Vec3;
  private next = 0;

  constructor(
    private readonly gl: Gl,
    private readonly volume: Volume,
    readonly packing: Packing,
    readonly frame: number,
    readonly bin: number,
    readonly nearest: boolean,
  ) {
    this.size = volume.shape.map((n) => Math.ceil(n / bin)) as unknown as Vec3;
    this.texture = create(gl, packing, this.size, nearest);
  }

  get ready(): boolean {
    return this.next >= this.size[2];
  }

  get bytes(): number {
    return this.size[0] * this.size[1] * this.size[2] * this.packing.bytesPerVoxel;
  }

  /** Whether there is something to upload from. */
  get available(): boolean {
    return this.volume.complete && this.volume.frameSamples(this.frame) !== null;
  }

  /** Upload about `bytes` more; true when all is there. */
  step(bytes: number): boolean {
    if (this.ready || !this.available) return this.ready;
    const { gl, volume, size } = this;
    const perLayer = size[0] * size[1] * this.packing.bytesPerVoxel * this.bin ** 3;
    const n = Math.min(size[2] - this.next, Math.max(1, Math.floor(bytes / perLayer)));
    gl.bindTexture(gl.TEXTURE_3D, this.texture);
    if (this.bin === 1) {
      const layer = volume.shape[0] * volume.shape[1] * volume.channels;
      const from = this.next * layer;
      const part = volume.frameSamples(this.frame)!.subarray(from, from + n * layer);
      fill(gl, this.packing, size, this.next, n, part);
    } else
      for (let k = this.next; k < this.next + n; k++) {
        const part = binLayer(volume, this.frame, this.bin, k, !this.nearest);
        fill(gl, this.packing, size, k, 1, part);
      }
    this.next += n;
    return this.ready;
  }

  /** Upload a changed box again; false when this copy is too coarse for that. */
  renew({ low, high, frame }: VoxelBox): boolean {
    if (this.bin > 1) return false;
    if (frame !== this.frame) return true;
    const { gl, volume } = this;
    const [nx, ny] = volume.shape;
    const [, pixels, type] = format(gl, this.packing.kind);
    const [w, h, d] = low.map((v, a) => high[a]! - v + 1) as unknown as Vec3;
    const layer = nx * ny * volume.channels;
    const from = low[2] * layer;
    const part = this.packing.pack(volume.frameSamples(frame)!.subarray(from, from + d * layer));
    gl.bindTexture(gl.TEXTURE_3D, this.texture);
    const layout = { ROW_LENGTH: nx, IMAGE_HEIGHT: ny, SKIP_PIXELS: low[0], SKIP_ROWS: low[1] };
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    for (const [name, value] of Object.entries(layout))
      gl.pixelStorei(gl[`UNPACK_${name as keyof typeof layout}`], value);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, ...low, w, h, d, pixels, type, part);
    for (const name of Object.keys(layout))
      gl.pixelStorei(gl[`UNPACK_${name as keyof typeof layout}`], 0);
    return true;
  }

  dispose(): void {
    this.gl.deleteTexture(this.texture);
  }
}
