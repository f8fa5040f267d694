"""Ports of this machine at which something is looked for, and whether they are free."""

import socket

LOOPBACK = "127.0.0.1"
"""Address at which only this machine finds it."""

MLFLOW = 5000
"""Where `qcbench browse` shows MLflow."""

DASHBOARD = 8265
"""Where a Ray shows its dashboard and takes jobs."""


def refused(port: int) -> str:
    """Return why nothing can be served at a port of this machine; empty where it can."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((LOOPBACK, port))
        except OSError as error:
            return str(error.strerror)
    return ""
