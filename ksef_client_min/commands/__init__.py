"""The groups of the `ksef` command."""
