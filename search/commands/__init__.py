"""The commands, by what a person is about: each parses and calls. Everything heavy is imported inside them."""
