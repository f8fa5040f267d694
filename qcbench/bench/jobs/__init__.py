"""Verbs as jobs of a Ray cluster: what is sent, how it is followed, how results come back.

A cluster is reached through the port of its dashboard alone, by HTTP with a token: no shared
folder, no cloud storage, no pickle. The package goes out as the working folder of a Ray job; the
results lie packed among the logs of the node that ran it, from where Ray's log service hands them
out byte by byte.
"""
