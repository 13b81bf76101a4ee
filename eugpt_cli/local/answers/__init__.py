"""Answers without a model: reads the question and the texts around it, runs tools, and ranks sentences."""
