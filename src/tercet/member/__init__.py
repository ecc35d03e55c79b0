"""Room: member."""
