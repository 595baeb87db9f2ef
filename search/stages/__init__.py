"""The order of things: what each command of the search does, stage by stage."""
