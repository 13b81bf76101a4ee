"""Conversations: their names on this machine, their locks, and the thread of a run."""
