"""What a run has given, for people to read."""

import logging

# It warns of a home that it cannot write to, and does without.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
