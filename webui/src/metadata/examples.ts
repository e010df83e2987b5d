// Statements to begin with.
import type { StringKey } from "../core/strings";

export type Engine = "metadata" | "catalog";

export const EXAMPLES: Record<Engine, { label: StringKey; sql: string }[]> = {
  metadata: [
    {
      label: "sql_example_mean",
      sql: "SELECT sex, key, count(*) AS n, avg(num) AS mean, stddev(num) AS sd\nFROM meta JOIN studies USING (subject, study)\nWHERE key LIKE '%.volume%' AND num IS NOT NULL\nGROUP BY sex, key\nORDER BY key, sex",
    },
    {
      label: "sql_example_wide",
      sql: "PIVOT (SELECT * FROM meta WHERE key LIKE 'nodeinfo.s%.%')\nON key USING first(value)\nGROUP BY subject, study",
    },
    {
      label: "sql_example_keys",
      sql: "SELECT key, count(*) AS n, count(num) AS numbers, min(num) AS low, max(num) AS high\nFROM meta\nGROUP BY key\nORDER BY n DESC, key",
    },
    {
      label: "sql_example_missing",
      sql: "SELECT subject, study, date\nFROM studies\nANTI JOIN (FROM meta WHERE file LIKE 'META/%') USING (subject, study)\nORDER BY subject, study",
    },
  ],
  catalog: [
    {
      label: "sql_example_old",
      sql: "SELECT PIZ, StudyID, StudyDate, STag, PTag\nFROM studies JOIN patients USING (patients_id)\nORDER BY StudyDate DESC\nLIMIT 200",
    },
  ],
};
