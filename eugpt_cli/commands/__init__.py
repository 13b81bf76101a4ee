"""One file a command: a `run(options, console)` each."""
