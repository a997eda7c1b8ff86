"""The Plex server: its connection, its library kept at hand, its streams, and what it is told back."""
