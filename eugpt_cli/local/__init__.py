"""The local server: the documented API on loopback, built apart from the client: no typo passes on both sides."""
