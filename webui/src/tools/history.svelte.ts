// One history of everything the tools change, the last action first; bounded by bytes, not steps.

export interface Step {
  /** What was done, for tooltips. */
  label: string;
  /** What it keeps in memory. */
  bytes: number;
  undo: () => void;
  redo: () => void;
}

export class History {
  private done: Step[] = $state.raw([]);
  private undone: Step[] = $state.raw([]);

  constructor(private readonly maxBytes = 128 * 2 ** 20) {}

  get undoLabel(): string | null {
    return this.done.at(-1)?.label ?? null;
  }

  get redoLabel(): string | null {
    return this.undone.at(-1)?.label ?? null;
  }

  get length(): number {
    return this.done.length;
  }

  /** Remember what has just been done; what had been undone is forgotten. */
  push(step: Step): void {
    this.undone = [];
    this.done = this.bounded([...this.done, step]);
  }

  /** The oldest steps go first; the newest stays whatever it weighs. */
  private bounded(steps: Step[]): Step[] {
    let bytes = 0;
    let first = steps.length;
    while (
      first > 0 &&
      (first === steps.length || bytes + steps[first - 1]!.bytes <= this.maxBytes)
    )
      bytes += steps[--first]!.bytes;
    return steps.slice(first);
  }

  undo(): string | null {
    const step = this.done.at(-1);
    if (!step) return null;
    this.done = this.done.slice(0, -1);
    this.undone = [...this.undone, step];
    step.undo();
    return step.label;
  }

  redo(): string | null {
    const step = this.undone.at(-1);
    if (!step) return null;
    this.undone = this.undone.slice(0, -1);
    this.done = [...this.done, step];
    step.redo();
    return step.label;
  }

  clear(): void {
    this.done = [];
    this.undone = [];
  }
}

export const history = new History();
