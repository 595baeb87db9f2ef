"""Kinds of failures, and which of them say nothing of the candidate."""

INTERRUPTED = "interrupted"  # of a trial that a driver left running
KILLS_WORKERS = "kills_workers"  # of a candidate that lost its workers in two trials: not the environment's fault
WORKER_LOST, OUT_OF_MEMORY, TIME_LIMIT = "worker_lost", "out_of_memory", "time_limit"
DISK_FULL, STORAGE, INPUT = "disk_full", "storage", "input"
DIVERGED, ERROR = "diverged", "error"
REPEATED, OVER_LIMIT = "repeated", "over_limit"  # of trials that were never started

# the environment's: the candidate may be proposed again, and the search goes on as without the failure
ENVIRONMENT_FAILURES = frozenset({INTERRUPTED, WORKER_LOST, DISK_FULL})
