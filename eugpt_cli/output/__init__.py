"""Where an answer goes and in what form, and what a run reports about itself."""
