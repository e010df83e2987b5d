// Reading all rows of a long list: how far it is, and how to stop it.
const state = $state({ total: 0, n: 0, running: false });
let stop = new AbortController();

export const reading = {
  get running(): boolean {
    return state.running;
  },
  get n(): number {
    return state.n;
  },
  get total(): number {
    return state.total;
  },
  start(total: number): AbortController {
    stop.abort();
    stop = new AbortController();
    Object.assign(state, { total, n: 0, running: true });
    return stop;
  },
  done(n: number): void {
    state.n = n;
  },
  end(): void {
    state.running = false;
  },
  cancel(): void {
    stop.abort();
  },
};
