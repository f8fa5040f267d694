"""Entry points that a Ray cluster runs."""
