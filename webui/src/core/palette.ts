// Ranking of palette entries: whole words first, then word starts, then letters in order.

export interface Entry {
  id: string;
  label: string;
  group: string;
  detail: string;
  keys: string;
  run: () => void;
}

function inOrder(text: string, wanted: string): boolean {
  let at = 0;
  for (const letter of wanted) {
    at = text.indexOf(letter, at) + 1;
    if (at === 0) return false;
  }
  return true;
}

/** A typed text as a question about names: any of its words, no sign read as grammar. */
export function nameQuery(text: string): string {
  const words = text.split(/[\s"]+/).filter(Boolean);
  return words.map((word) => (word.includes("#") ? place(word) : `"${word}"`)).join(" ");
}

/** Code of a subject and name of a study, as psids are written. */
function place(word: string): string {
  const [pid, ...sid] = word.split("#");
  const quoted = (part: string): string => (part ? `"${part}"` : "");
  return `${quoted(pid!)}#${quoted(sid.join("#"))}`;
}

/** 0 = no match; higher is better. */
export function score(label: string, wanted: string): number {
  const text = label.toLowerCase();
  const query = wanted.toLowerCase().trim();
  if (!query) return 1;
  if (text.startsWith(query)) return 5;
  if (text.split(/[\s/·:-]+/).some((word) => word.startsWith(query))) return 4;
  if (text.includes(query)) return 3;
  const words = query.split(/\s+/);
  if (words.length > 1 && words.every((word) => text.includes(word))) return 2;
  return query.length > 2 && inOrder(text, query) ? 1 : 0;
}

/** Best matches first; entries of one group stay together, groups by their best match. */
export function rank(entries: readonly Entry[], wanted: string, limit: number): Entry[] {
  const scored = entries
    .map((entry, i) => ({ entry, i, value: score(`${entry.label} ${entry.detail}`, wanted) }))
    .filter((one) => one.value > 0)
    .sort((a, b) => b.value - a.value || a.i - b.i)
    .slice(0, limit);
  const groups = [...new Set(scored.map((one) => one.entry.group))];
  return groups.flatMap((group) =>
    scored.filter((one) => one.entry.group === group).map((one) => one.entry),
  );
}
