// Texts of notebooks.
export const notebooks = {
  notebook_menu: "JupyterLab…",
  notebook_title: "JupyterLab",
  notebook_text:
    "Runs as a job with these resources. Your notebooks stay in your own folder. The name nora stands in every notebook for this appliance, with your rights.",
  notebook_cpus: "Processors",
  notebook_memory: "Memory, GiB",
  notebook_gpus: "GPUs",
  notebook_hours: "Ends after, hours",
  notebook_queue: "Queue",
  notebook_most: "(at most {n})",
  notebook_start: "Start and open",
  notebook_open: "Open",
  notebook_end: "End",
  notebook_yours: "Yours",
  notebook_since: "{state}, since {time}",
  notebook_none_possible: "No notebook can be opened",
  notebook_debug: "Debug in Jupyter",
  notebook_show: "Open notebook",
  notebook_blocked:
    "The browser did not open a new tab. Allow pop-ups for this page, then open it again.",
  notebook_ended: "The notebook ends",
} as const;
