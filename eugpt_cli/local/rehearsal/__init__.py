"""The local server as a test double: scenarios, recordings, the upstream that it records, and the journal."""
