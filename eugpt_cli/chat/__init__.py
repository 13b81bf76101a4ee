"""The interactive session: keyboard, screen, styles, history and commands."""
