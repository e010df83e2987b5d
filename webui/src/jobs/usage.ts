// What an attempt used, as a share of what its job had asked for.
import { bytes, duration } from "../core/format";
import { t } from "../core/strings";
import type { AttemptFacts, JobDetail, JobSpec } from "../core/types-jobs";

export interface Use {
  id: "cpu" | "memory" | "time";
  share: number;
  text: string;
}

type Asked = Pick<JobDetail, "cpus" | "memory_mb" | "spec">;
type Measured = Pick<AttemptFacts, "wall_s" | "cpu_s" | "maxrss_kb">;

export function usesOf(job: Asked, one: Measured): Use[] {
  const uses: Use[] = [];
  const of = (used: string, all: string): string => t("use_of", { used, all });
  if (one.wall_s && one.cpu_s !== null) {
    const cpus = one.cpu_s / one.wall_s;
    uses.push({
      id: "cpu",
      share: cpus / Math.max(1, job.cpus),
      text: of(cpus.toFixed(1), `${job.cpus} CPU`),
    });
  }
  if (one.maxrss_kb && job.memory_mb) {
    const [used, all] = [one.maxrss_kb * 1024, job.memory_mb * 1e6];
    uses.push({ id: "memory", share: used / all, text: of(bytes(used), bytes(all)) });
  }
  const resources = job.spec["resources"] as JobSpec["resources"];
  const limit = resources?.walltime_s;
  if (limit && one.wall_s !== null)
    uses.push({
      id: "time",
      share: one.wall_s / limit,
      text: of(duration(one.wall_s), duration(limit)),
    });
  return uses;
}
