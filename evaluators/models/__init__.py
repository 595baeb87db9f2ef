"""The speech models: families of transformers, their files and forward passes, SUPERB's head."""
