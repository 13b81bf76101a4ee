"""The installed program as a process, over a socket or a terminal."""
