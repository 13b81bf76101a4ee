"""What ask, stream, chat and raw-events share: the prompt and one delivered turn."""
