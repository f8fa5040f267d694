"""Scheduling policies, one file each, by the kind of decision they take."""
