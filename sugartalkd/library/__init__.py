"""The music library's searchable index."""
