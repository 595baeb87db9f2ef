"""Kinds of failures, and which of them say nothing of the candidate."""

INTERRUPTED = "interrupted"  # of a trial that a driver left running
KILLS_WORKERS = "kills_workers"  # of a candidate that lost its workers in two trials: not the environment's fault
WORKER_LOST, OUT_OF_MEMORY, TIME_LIMIT = "worker_lost", "out_of_memory", "time_limit"
DISK_FULL, INPUT = "disk_full", "input"
HICCUP, STORAGE = "storage_hiccup", "storage"  # of a shared disk or its server that may pass, and what may not
DIVERGED, ERROR = "diverged", "error"
REPEATED, OVER_LIMIT = "repeated", "over_limit"  # of trials that were never started

# the environment's: the candidate may be proposed again, and the search goes on as without the failure
ENVIRONMENT_FAILURES = frozenset({INTERRUPTED, WORKER_LOST, DISK_FULL, HICCUP, STORAGE})
LASTING = frozenset({DISK_FULL, HICCUP, STORAGE})  # of them, those that end a search which meets them again and again
