"""Compiled twins of the cloud, one per track: the same events, order and floats, for speed."""
