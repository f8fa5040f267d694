"""The deploy stage: what runs beside qcbench rather than in it."""
