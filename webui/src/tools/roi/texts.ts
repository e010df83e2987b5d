// Numbers of ROIs as people read them.

/** "12.4 mL", or microlitres when small. */
export function volumeText(ml: number): string {
  if (ml === 0) return "0 mL";
  if (ml < 0.1) return `${(ml * 1000).toFixed(ml < 0.01 ? 2 : 1)} µL`;
  return `${ml.toFixed(ml < 10 ? 2 : 1)} mL`;
}
