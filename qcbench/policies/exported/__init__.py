"""Trained policies that have left their trainer: a card in JSON, weights in safetensors, NumPy."""
