// The state of an export as BIDS: the mapping as it is edited, and what the service plans from it.
import { api, isAbort, path } from "../core/api";
import { complain } from "../core/toast.svelte";
import type { BidsMapping, BidsPlan, Rule, RuleRow } from "./projects";
import { ruleOf, withRule } from "./projects";

const WAIT_MS = 250;

export class BidsDraft {
  plan = $state.raw<BidsPlan | null>(null);
  mapping = $state.raw<BidsMapping | null>(null);
  saved = $state("");
  error = $state.raw<unknown>(null);
  busy = $state(false);
  studies: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(readonly project: string) {}

  get dirty(): boolean {
    return this.mapping !== null && JSON.stringify(this.mapping) !== this.saved;
  }

  async load(): Promise<void> {
    try {
      this.#accept(await api.get<BidsMapping>(path("projects", this.project, "bids")));
      await this.look();
    } catch (error) {
      this.error = error;
    }
  }

  #accept(mapping: BidsMapping): void {
    this.mapping = mapping;
    this.saved = JSON.stringify(mapping);
  }

  /** Ask what would come of the mapping as it stands; only the latest answer counts. */
  async look(): Promise<void> {
    const mine = ++this.#asked;
    this.busy = true;
    try {
      const body = { studies: this.studies, mapping: this.mapping };
      const plan = await api.post<BidsPlan>(path("projects", this.project, "bids", "plan"), body);
      if (mine !== this.#asked) return;
      this.plan = plan;
      this.error = null;
    } catch (error) {
      if (mine === this.#asked && !isAbort(error)) this.error = error;
    } finally {
      if (mine === this.#asked) this.busy = false;
    }
  }

  lookSoon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), WAIT_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asked += 1;
  }

  change(patch: Partial<BidsMapping>): void {
    if (!this.mapping) return;
    this.mapping = { ...this.mapping, ...patch };
    this.lookSoon();
  }

  rule(row: RuleRow, patch: Partial<Rule>): void {
    if (this.mapping)
      this.change({ rules: withRule(this.mapping.rules ?? [], { ...ruleOf(row), ...patch }) });
  }

  /** Let the service guess a group again. */
  forget(row: RuleRow): void {
    const rules = (this.mapping?.rules ?? []).filter((rule) => rule.source !== row.source);
    this.change({ rules });
  }

  async save(): Promise<boolean> {
    if (!this.mapping) return false;
    try {
      this.#accept(
        await api.put<BidsMapping>(path("projects", this.project, "bids"), this.mapping),
      );
      await this.look();
      return true;
    } catch (error) {
      complain(error);
      return false;
    }
  }
}
