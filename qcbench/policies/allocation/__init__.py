"""Policies that split a task over QPUs."""
