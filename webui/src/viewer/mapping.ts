// From stored values to colours: the numbers the shaders get, computed in double precision.
import type { Packing } from "./packing";
import type { Limits } from "./types";

/** x = texel * a + b is 0 at the lower limit and 1 at the upper one. */
export interface Mapping {
  a: number;
  b: number;
  /** The same for values of the other sign (symmetric maps). */
  mirrorA: number;
  mirrorB: number;
  /** Texels outside are not drawn. */
  least: number;
  most: number;
  /** Symmetric maps: texels up to here (or from here on, when the slope is negative) are drawn too. */
  mirror: number;
}

export interface Mapped {
  slope: number;
  inter: number;
  limits: Limits;
  shown: Limits | null;
  symmetric: boolean;
}

const FAR = 3e38;
const clip = (x: number): number => Math.min(FAR, Math.max(-FAR, x));

/** A hair above: equal values of a rounded texel count as below. */
const above = (x: number): number => x + Math.max(Math.abs(x) * 1e-6, 1e-30);

/** Uniforms of the window of one layer. */
export function mappingOf(packing: Packing, mapped: Mapped): Mapping {
  const { slope, inter, limits, shown, symmetric } = mapped;
  const per = 1 / Math.max(limits.high - limits.low, 1e-30);
  const gain = packing.scale * slope;
  const at = packing.offset * slope + inter;
  const texel = (display: number): number =>
    Math.abs(display) >= FAR ? display : packing.texel((display - inter) / slope);
  let least = -FAR;
  let most = FAR;
  if (shown) {
    const low = shown.low === 0 ? above(texel(0)) : texel(shown.low);
    [least, most] = [low, texel(shown.high)];
    if (slope < 0) [least, most] = [most, shown.low === 0 ? -above(-texel(0)) : texel(shown.low)];
  }
  return {
    a: gain * per,
    b: (at - limits.low) * per,
    mirrorA: -gain * per,
    mirrorB: (-at - limits.low) * per,
    least: clip(Math.min(least, most)),
    most: clip(Math.max(least, most)),
    mirror: symmetric && shown ? clip(texel(-shown.low)) : -FAR,
  };
}

/** Whether half floats around `centre` would be off by more than half a grey level in a window. */
export function tooCoarse(limits: Limits, centre: number): boolean {
  const away = Math.max(Math.abs(limits.low - centre), Math.abs(limits.high - centre));
  const step = 2 ** (Math.floor(Math.log2(Math.max(away, 1))) - 10);
  return step > 1 && step / 2 > (limits.high - limits.low) / 510;
}
