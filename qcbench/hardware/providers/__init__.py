"""Who executes circuits: a record for each provider, ours and those of other packages."""
