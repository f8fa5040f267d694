"""The gap between simulation and measurement, from the table of a replay alone."""
