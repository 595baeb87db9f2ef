"""Other optimisers in searches that train."""
