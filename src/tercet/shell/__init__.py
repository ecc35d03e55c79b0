"""Room: shell."""
