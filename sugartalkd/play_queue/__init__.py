"""What plays next in a zone, and moving on when a track ends."""
