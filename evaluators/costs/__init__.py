"""Costs from shapes alone: storage, estimated runtime, the paper's accounting. Loads without torch."""
