"""A phrase to ranked media; pure."""
