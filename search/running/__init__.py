"""Where candidates are measured: jobs, executors, workers, what is tried again."""
