"""The meaning of the service: requests, events, the text of an answer, and what is retried."""
