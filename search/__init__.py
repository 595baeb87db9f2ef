"""Who tries what, and what came out: study files, the driver, executors, fronts, figures, the command line."""
