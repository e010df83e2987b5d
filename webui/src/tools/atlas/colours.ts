// The colour of a label that nothing else tells: well separated hues, as the service gives them.

const STEP = 0.618034;

/** "#rrggbb" of a label. */
export function toPlain(value: number): string {
  const hue = (value * STEP) % 1;
  const light = 0.55 + 0.12 * ((value % 3) - 1);
  const spread = 0.7 * Math.min(light, 1 - light);
  const channel = (n: number): string => {
    const k = (n + hue * 12) % 12;
    const shade = Math.round(255 * (light - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
    return shade.toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
