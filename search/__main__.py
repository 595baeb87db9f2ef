"""``python -m search`` is the command ``hubits``."""

from search.cli import main

main()
