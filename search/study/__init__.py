"""What is asked and what came of it: the study file, the records, the files of a study's folder."""
