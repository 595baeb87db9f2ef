"""Everything that takes optimizer steps: float model, supernet, finetune, SUPERB's head, the paper's recipes."""
