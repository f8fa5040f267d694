"""What every policy owes to its broker, as checks that run on anyone's policy."""
