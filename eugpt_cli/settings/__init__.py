"""What the user may set: the options, where their values come from, and the key."""
