"""The local server as a test double: scripted answers, recordings, the service that is recorded, the exchange log."""
