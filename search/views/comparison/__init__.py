"""Several studies side by side: reading them, a table, a figure, a page."""
