// Half floats: 16-bit integers are shown through them, centred so that the error stays invisible.

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Nearest half float of a number, as its 16 bits. */
export function toHalf(value: number): number {
  float[0] = value;
  const x = bits[0]!;
  const sign = (x >>> 16) & 0x8000;
  const exponent = ((x >>> 23) & 0xff) - 112;
  const mantissa = x & 0x7fffff;
  if (exponent >= 31) return sign | (exponent > 142 && mantissa ? 0x7e00 : 0x7c00);
  if (exponent <= 0) {
    if (exponent < -10) return sign;
    const shifted = (mantissa | 0x800000) >>> (1 - exponent);
    return sign | ((shifted + 0x1000) >>> 13);
  }
  return sign | (((exponent << 10) | (mantissa >>> 13)) + ((mantissa >>> 12) & 1));
}

/** Value of a half float. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** Half floats of all 65536 bit patterns of a 16-bit integer type, less `centre`. */
export function halfTable(signed: boolean, centre: number): Uint16Array {
  const table = new Uint16Array(65536);
  for (let i = 0; i < 65536; i++) {
    const value = signed && i > 32767 ? i - 65536 : i;
    table[i] = toHalf(Math.max(-65504, Math.min(65504, value - centre)));
  }
  return table;
}
