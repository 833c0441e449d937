"""The subcommands of `ksef-mock` other than `serve`."""
