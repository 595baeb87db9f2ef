"""What a person or a machine gets to see: tables, live lines, figures, the report."""
