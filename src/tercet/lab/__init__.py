"""Room: lab."""
