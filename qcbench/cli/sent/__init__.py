"""The verbs that `qcbench submit` sends to a cluster: for each, one record of what is its own."""
