"""Jobs of several phases, classical and quantum."""
