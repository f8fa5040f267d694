"""Running tasks on IBM backends, and the gap between simulation and hardware."""
