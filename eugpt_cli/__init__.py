"""eugpt: a Unix-style command-line client for the EU GPT API."""

__version__ = "0.1.0"
