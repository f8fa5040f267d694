"""The queueing track compiled: hybrid jobs, a classical pool, QPUs that pull from one queue."""
