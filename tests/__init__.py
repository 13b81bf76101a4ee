"""Tests on the installed program, over real sockets."""
