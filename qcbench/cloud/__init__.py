"""The SimPy quantum cloud: QPUs, classical pool, interconnect, broker, job lifecycle, records."""
