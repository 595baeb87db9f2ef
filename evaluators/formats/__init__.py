"""What a finished candidate is written as."""
