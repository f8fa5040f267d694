"""When jobs arrive: processes, and how a config draws them."""
