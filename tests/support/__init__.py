"""Servers, terminals and ways to run the program, for all tests."""
