"""Amazon Braket: devices, prices, programs, and its local simulator, a process of its own."""
