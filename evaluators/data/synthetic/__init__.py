"""Speech that the machine makes itself: sentences of a grammar or of a text, spoken by espeak-ng."""
