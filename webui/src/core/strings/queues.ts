// Texts of the page that shows where jobs run.
export const queues = {
  page_queues: "Queues",
  queues_text: "Clusters that jobs are handed to, what was heard of them last, and a test of each",
  queues_failed: "The list of clusters",
  queues_none: "All jobs run on this machine",
  queues_none_text:
    "A cluster is named in the settings, under jobs.adapters; the manual page “Slurm and other clusters” tells how.",
  queues_here: "commands on this machine",
  queues_default: "its default partition",
  queues_queues: "Queues",
  queues_paths: "Folders here and there",
  queues_last: "Last word",
  queues_no_problem: "nothing wrong",
  queues_test: "Test",
  queues_testing: "Testing…",
  probe_commands: "Commands answer",
  probe_python: "Python runs",
  probe_program: "Data folder is read",
  probe_paths: "Seen there",
  probe_writes: "Seen here",
} as const;
