"""Training, sweeps and export of learned policies."""
