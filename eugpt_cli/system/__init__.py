"""The process and the machine: streams, signals, the deadline, files and locks."""
