"""Speech and transcripts: kinds of corpora, batches, vocabularies, and the speech that the machine makes itself."""
