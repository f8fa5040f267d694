"""What a learned policy observes of a running cloud: one module a track."""
