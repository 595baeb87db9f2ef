"""The figures: each is built as plain data by one function and drawn by another."""
