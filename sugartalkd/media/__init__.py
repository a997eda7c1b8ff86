"""The small HTTP server from which players fetch audio and artwork."""
