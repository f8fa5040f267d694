"""Policies that choose which waiting task a free QPU takes next."""
