"""The report's page: its data as plain JSON, and the script, style and frame that show it."""
