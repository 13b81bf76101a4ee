"""Text itself: what a terminal may be shown, the key kept out of it, and the manual laid out."""
