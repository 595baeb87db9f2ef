"""Who tries what, and what came out: study files, the driver, executors, fronts, figures, the command line."""

import sys

try:
    from spaces import UserError  # noqa: F401
except ImportError:  # a distribution of Hugging Face's owns that name too
    print("hubits: another distribution owns the import name 'spaces'; give hubits an environment of its own")
    sys.exit(2)
